import { GenericContainer, Network } from 'testcontainers';

/* A user of testcontainers that dies without a word: what it made is left for Ryuk. */
const network = await new Network().start();
const container = await new GenericContainer('busybox').withCommand(['sleep', '1000']).start();
process.stdout.write(`${JSON.stringify({ container: container.getId(), network: network.getName() })}\n`);
process.kill(process.pid, 'SIGKILL');
