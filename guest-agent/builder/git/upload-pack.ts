import type { IncomingMessage } from 'node:http';
import { internal, invalidArgument } from '../../../contracts/errors.ts';
import { withoutCredentials } from '../shown-address.ts';
import { delimiter, flush, type Packet, packet, packetsIn } from './packets.ts';

/** A request with the engine's proxies and certificates. */
export type WebRequest = (request: {
  method: 'GET' | 'POST';
  url: string;
  headers?: Record<string, string>;
  body?: string;
  insecure: boolean;
  signal: AbortSignal;
}) => Promise<IncomingMessage>;

/** A server of repositories by HTTP, asked in version 2 of git's protocol (gitprotocol-v2). */
export interface GitServer {
  remote: string;
  request: WebRequest;
  /** Of the `Authorization` header; undefined without credentials. */
  authorization: string | undefined;
  signal: AbortSignal;
}

interface Ref {
  name: string;
  /** Of the commit, also where the name is an annotated tag's. */
  commit: string;
}

const agent = packet('agent=berth\n');

/** The commit that a branch, a tag or HEAD stands for. @throws invalid-argument, internal */
export async function findCommit(server: GitServer, wanted: string): Promise<string> {
  await checkServer(server);
  if (/^[0-9a-f]{40}$/.test(wanted)) return wanted;
  const name = wanted || 'HEAD';
  const candidates = [name, `refs/${name}`, `refs/tags/${name}`, `refs/heads/${name}`];
  const prefixes = candidates.map(each => packet(`ref-prefix ${each}\n`)).join('');
  const body = `${packet('command=ls-refs\n')}${agent}${delimiter}${packet('peel\n')}${packet('symrefs\n')}${prefixes}${flush}`;
  const refs: Ref[] = [];
  for await (const each of packetsIn(await post(server, body))) {
    if (typeof each === 'string') break;
    const [oid = '', ref = '', ...attributes] = each.toString().trim().split(' ');
    const peeled = attributes.find(attribute => attribute.startsWith('peeled:'))?.slice('peeled:'.length);
    refs.push({ name: ref, commit: peeled ?? oid });
  }
  const found = candidates.flatMap(candidate => refs.find(ref => ref.name === candidate) ?? [])[0];
  if (!found) throw invalidArgument(`repository does not contain ref ${name}, output: ""`);
  return found.commit;
}

async function checkServer(server: GitServer): Promise<void> {
  const answer = await send(server, 'GET', '/info/refs?service=git-upload-pack');
  const lines: string[] = [];
  for await (const each of packetsIn(answer as AsyncIterable<Buffer>)) {
    if (typeof each !== 'string') lines.push(each.toString().trim());
  }
  if (lines.includes('version 2')) return;
  throw invalidArgument(
    `the server of ${withoutCredentials(server.remote)} does not speak version 2 of git's protocol`,
  );
}

/** The pack of a commit alone, without those before it; each piece is given to `write`. @throws internal */
export async function fetchPack(server: GitServer, commit: string, write: (piece: Buffer) => void): Promise<void> {
  const wishes = ['no-progress', 'ofs-delta', 'deepen 1', `want ${commit}`, 'done'].map(each => packet(`${each}\n`));
  const answer = packetsIn(
    await post(server, `${packet('command=fetch\n')}${agent}${delimiter}${wishes.join('')}${flush}`),
  );
  let inPack = false;
  for await (const each of answer) {
    if (typeof each === 'string') continue;
    if (inPack) onBand(each, write);
    else inPack = isPackHeader(each);
  }
  if (!inPack) throw internal(`the server of ${withoutCredentials(server.remote)} sent no pack`);
}

function isPackHeader(each: Exclude<Packet, string>): boolean {
  const line = each.toString().trim();
  if (line.startsWith('ERR ')) throw internal(`fatal: remote error: ${line.slice(4)}`);
  return line === 'packfile';
}

/** The first byte says what the others are: the pack, what the server says, or why it stops. */
function onBand(each: Buffer, write: (piece: Buffer) => void): void {
  const [band] = each;
  if (band === 1) write(each.subarray(1));
  if (band === 3) throw internal(`fatal: remote error: ${each.subarray(1).toString().trim()}`);
}

const post = async (server: GitServer, body: string): Promise<AsyncIterable<Buffer>> =>
  (await send(server, 'POST', '/git-upload-pack', body)) as AsyncIterable<Buffer>;

async function send(
  { remote, request, authorization, signal }: GitServer,
  method: 'GET' | 'POST',
  path: string,
  body?: string,
): Promise<IncomingMessage> {
  const headers = {
    'git-protocol': 'version=2',
    ...(body === undefined ? {} : { 'content-type': 'application/x-git-upload-pack-request' }),
    ...(authorization === undefined ? {} : { authorization }),
  };
  const url = `${remote.replace(/(?<!\/)\/+$/, '')}${path}`;
  const insecure = url.startsWith('http:');
  const answer = await request({ method, url, headers, ...(body === undefined ? {} : { body }), insecure, signal });
  const { statusCode = 0 } = answer;
  if (statusCode < 300) return answer;
  answer.destroy();
  const shown = withoutCredentials(remote);
  if (statusCode === 401 || statusCode === 403) throw internal(`fatal: Authentication failed for '${shown}'`);
  if (statusCode === 404) throw internal(`fatal: repository '${shown}' not found`);
  throw internal(`fatal: unable to access '${shown}': The requested URL returned error: ${statusCode}`);
}
