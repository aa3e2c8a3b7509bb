import type { Readable } from 'node:stream';
import { internal, invalidArgument } from '../../contracts/errors.ts';
import { isRegistryError } from './registry-error.ts';
import { bodyOf, statusOf, type Transport } from './transport.ts';

/** What is at an address that a user gave (`docker import http://…`). @throws internal, in dockerd's words. */
export async function downloadFrom(
  transport: Transport,
  url: string,
  signal: AbortSignal,
): Promise<{ stream: Readable; size: number | undefined }> {
  if (!URL.canParse(url)) throw invalidArgument(`parse ${JSON.stringify(url)}: invalid URL`);
  const insecure = url.startsWith('http:');
  const response = await transport.request({ method: 'GET', url, insecure, signal }).catch(error => {
    throw isRegistryError(error) ? internal(error.message, { cause: error }) : error;
  });
  const { status, statusText } = statusOf(response);
  if (status < 400) return { stream: response, size: Number(response.headers['content-length']) || undefined };
  const said = (await bodyOf(response)).toString('utf8').trim();
  throw internal(`failed to GET ${url} with status ${status} ${statusText}: ${said}`);
}
