import { bytesOf, type HttpTarget, httpOpen, refusal } from '../../base/http-client.ts';
import { linesOf } from '../../base/lines.ts';
import type { StatsReading } from '../../contracts/bridge.ts';
import type { BlkioEntry, StatsDocument } from '../../contracts/docker/stats.ts';
import type { ServedStream } from './stream.ts';

/** Sends a reading for each document of the engine, a hundredth of its size. */
export async function streamStats(target: HttpTarget, container: string, stream: ServedStream): Promise<void> {
  const path = `/containers/${encodeURIComponent(container)}/stats?stream=1`;
  const answer = await httpOpen(target, 'GET', path, { signal: stream.signal });
  answer.on('error', () => undefined);
  if (answer.statusCode !== 200) throw refusal(answer.statusCode ?? 0, await bytesOf(answer), `GET ${path}`);
  for await (const line of linesOf(answer)) {
    if (line.trim() === '') continue;
    const document = JSON.parse(line) as StatsDocument;
    if (isMeasured(document)) stream.item(statsReading(document));
  }
}

/** Not the first one, which has nothing before it to compare with, nor the last of a container that ends: it has no time. */
export const isMeasured = ({ read, precpu_stats: before }: StatsDocument): boolean =>
  Boolean(before.system_cpu_usage) && Date.parse(read) > 0;

/** As `docker stats` computes it: the page cache that can go at once is not counted as memory. */
export function statsReading(document: StatsDocument): StatsReading {
  const { cpu_stats: cpu, precpu_stats: before, memory_stats: memory } = document;
  const used = cpu.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const elapsed = (cpu.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const processors = cpu.online_cpus ?? 1;
  const networks = Object.values(document.networks ?? {});
  const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  const usage = memory.usage ?? 0;
  return {
    time: Date.parse(document.read) || 0,
    cpuPercent: before.system_cpu_usage && elapsed > 0 && used > 0 ? (used / elapsed) * processors * 100 : 0,
    processors,
    memoryBytes: cache < usage ? usage - cache : usage,
    memoryLimit: memory.limit ?? 0,
    received: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    sent: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    read: bytesOfKind(document.blkio_stats.io_service_bytes_recursive, 'read'),
    written: bytesOfKind(document.blkio_stats.io_service_bytes_recursive, 'write'),
    processes: document.pids_stats.current ?? 0,
  };
}

const bytesOfKind = (entries: BlkioEntry[] | null, kind: string): number =>
  (entries ?? []).filter(({ op }) => op.toLowerCase() === kind).reduce((sum, { value }) => sum + value, 0);
