import { join } from 'node:path';
import { makeCertificates } from './certificates.ts';
import { succeed } from './command.ts';
import { type Peer, startPeer } from './peer.ts';

/** A pair of addresses of nobody else: this host's and the peer's. */
const [here, there] = ['172.31.252.1', '172.31.252.2'];

/** Docker's own engine as one on another computer: behind an address, with TLS that wants both sides' certificates. */
export interface FarPeer extends Peer {
  /** What `docker context create --docker` takes. */
  endpoint: string;
}

/** Starts it; its certificates and those of who may ask it are made in `folder`. */
export async function startFarPeer(folder: string): Promise<FarPeer> {
  await makeCertificates(folder, `IP:${there}`);
  const at = (name: string): string => join(folder, name);
  const keys = ['--tlscacert', at('ca.crt'), '--tlscert', at('server.cert'), '--tlskey', at('server.key')];
  const peer = await startPeer({ words: ['--host', 'tcp://0.0.0.0:2376', '--tlsverify', ...keys] });
  const link = `bf${process.pid % 100_000}`;
  const ip = (...words: string[]): Promise<string> => succeed('ip', words);
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'far', 'netns', peer.namespace);
  await ip('address', 'add', `${here}/30`, 'dev', link);
  await ip('link', 'set', link, 'up');
  await ip('-n', peer.namespace, 'address', 'add', `${there}/30`, 'dev', 'far');
  await ip('-n', peer.namespace, 'link', 'set', 'far', 'up');
  const files = `ca=${at('ca.crt')},cert=${at('client.cert')},key=${at('client.key')}`;
  return { ...peer, endpoint: `host=tcp://${there}:2376,${files}` };
}
