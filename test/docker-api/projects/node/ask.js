import { decode, encode } from 'dns-packet';

const [, , name] = process.argv;
const asked = decode(encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] }));
console.log(asked.questions[0].name, process.env.NODE_ENV, process.getuid());
