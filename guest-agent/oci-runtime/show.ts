import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerStore, SavedContainer } from './container-store.ts';
import { fail } from './failure.ts';
import { statisticsDocument } from './statistics.ts';
import { cgroupOf, stateDocument, statusOf } from './status.ts';

const print = (document: object, indent?: number): void =>
  void process.stdout.write(`${JSON.stringify(document, undefined, indent)}\n`);

/** `state`: the specification's document, and what runc adds to it. */
export function showState(container: SavedContainer, store: ContainerStore): void {
  print(described(container, store), 2);
}

function described(container: SavedContainer, store: ContainerStore): object {
  const { rootDirectory: rootfs, created } = container;
  return { ...stateDocument(container, statusOf(container, store), container.pid), rootfs, created, owner: '' };
}

/** `list`. @throws RuntimeFailure for a format that there is not */
export function showList(store: ContainerStore, { format, quiet }: { format: string; quiet: boolean }): void {
  const containers = store.list();
  if (quiet) {
    for (const { id } of containers) process.stdout.write(`${id}\n`);
    return;
  }
  if (format === 'json') {
    print(containers.map(container => described(container, store)));
    return;
  }
  if (format !== 'table') throw fail('invalid format option');
  const rows = containers.map(container => {
    const { status, pid } = stateDocument(container, statusOf(container, store), container.pid);
    return [container.id, String(pid ?? 0), status, container.bundle, container.created, 'root'];
  });
  const table = [['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map(row => row[column]?.length ?? 0)) + 2) ?? [];
  for (const row of table) {
    const line = row.map((cell, column) => cell.padEnd(Math.max(widths[column] ?? 0, 12)));
    process.stdout.write(`${line.join('').trimEnd()}\n`);
  }
}

/** `ps`: pids, or the lines of ps(1) for them. @throws RuntimeFailure */
export function showProcesses(container: SavedContainer, format: string, options: string[]): void {
  const pids = cgroupOf(container).processes();
  if (format === 'json') {
    print(pids);
    return;
  }
  if (format !== 'table') throw fail('invalid format option');
  const [header = '', ...lines] = execFileSync('ps', options.length > 0 ? options : ['-ef'], {
    encoding: 'utf8',
  }).split('\n');
  const column = header.trim().split(/\s+/).indexOf('PID');
  if (column === -1) throw fail("couldn't find PID field in ps output");
  const own = lines.filter(line => pids.includes(Number(line.trim().split(/\s+/)[column])));
  process.stdout.write(`${[header, ...own].join('\n')}\n`);
}

/** `events`: one measurement, or one each interval and a line for each process killed for memory, until the container stops. */
export async function showEvents(
  container: SavedContainer,
  store: ContainerStore,
  { stats, intervalMs }: { stats: boolean; intervalMs: number },
): Promise<void> {
  const { id } = container;
  const cgroup = cgroupOf(container);
  if (statusOf(container, store) === 'stopped') throw fail(`container with id ${id} is not running`);
  let killed = cgroup.oomKills();
  for (;;) {
    print({ type: 'stats', id, data: statisticsDocument(cgroup.stats()) });
    if (stats) return;
    await sleep(intervalMs);
    if (statusOf(container, store) === 'stopped') return;
    const now = cgroup.oomKills();
    for (; killed < now; killed++) print({ type: 'oom', id });
  }
}
