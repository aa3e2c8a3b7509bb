import type { Readable } from 'node:stream';
import { internal, invalidArgument } from '../../contracts/errors.ts';
import { isRegistryError, RegistryError } from './registry-error.ts';
import { bodyOf, statusOf, type Transport } from './transport.ts';

/** What is found at an address, as far as its server says it. */
export interface Download {
  stream: Readable;
  /** In bytes. */
  size: number | undefined;
  mtime: Date | undefined;
}

/** What is at an address that a user gave (`docker import http://…`). @throws internal, in dockerd's words. */
export async function downloadFrom(transport: Transport, url: string, signal: AbortSignal): Promise<Download> {
  if (!URL.canParse(url)) throw invalidArgument(`parse ${JSON.stringify(url)}: invalid URL`);
  const insecure = url.startsWith('http:');
  const response = await transport.request({ method: 'GET', url, insecure, signal }).catch(error => {
    throw isRegistryError(error) ? internal(error.message, { cause: error }) : error;
  });
  const { status, statusText } = statusOf(response);
  if (status < 400) {
    const { 'content-length': length, 'last-modified': modified = '' } = response.headers;
    const mtime = new Date(modified);
    const known = Number.isNaN(mtime.getTime()) ? undefined : mtime;
    return { stream: response, size: Number(length) || undefined, mtime: known };
  }
  const said = (await bodyOf(response)).toString('utf8').trim();
  const cause = new RegistryError(said, { status });
  throw internal(`failed to GET ${url} with status ${status} ${statusText}: ${said}`, { cause });
}
