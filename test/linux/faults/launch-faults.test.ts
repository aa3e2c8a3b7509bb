import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { succeed } from '../../support/command.ts';
import { tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { agentPid, type FaultyEngine, keeperPid, startFaultyEngine, whyNot } from './faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

/** Nothing that it could be is longer: a loop without end would be a fault of the test. */
const mostSteps = 200;

describe.skipIf(reason)('every step of a launch that fails', () => {
  it("is told in Docker's words, and leaves nothing behind", { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fault-point-'));
    const file = join(folder, 'step');
    const engine = await startFaultyEngine({}, { env: { BERTH_FAULT_POINT: file } });
    await engine.docker('volume', 'create', 'data');
    const everything = [
      '-p',
      '0:80',
      '-v',
      'data:/data',
      '--tmpfs',
      '/x',
      '--memory',
      '64m',
      '--read-only',
      '--device',
      '/dev/zero:/dev/nil',
    ];
    const further = [
      '--sysctl',
      'net.ipv4.ip_forward=1',
      '--ulimit',
      'core=0',
      '--hostname',
      'box',
      '--domainname',
      'test',
    ];
    const plain = (await engine.docker('create', ...everything, ...further, 'busybox', 'true')).trim();
    const terminal = (await engine.docker('create', '-t', ...everything, 'busybox', 'true')).trim();
    const runner = (await engine.docker('run', '-d', 'busybox', 'sleep', '1000')).trim();
    const failAt = (step: number): void => writeFileSync(file, String(step));

    for (const id of [plain, terminal]) await engine.api('POST', `/containers/${id}/start`);
    for (const id of [plain, terminal]) await engine.api('POST', `/containers/${id}/wait`);
    await engine.docker('exec', runner, 'true');
    const before = await holdings(engine);
    for (const id of [plain, terminal]) {
      const steps = await failEach(failAt, () => start(engine, id));
      expect(steps.length).toBeGreaterThan(30);
      console.log(`${steps.length} steps failed: ${[...new Set(steps)].join(' ')}`);
    }
    const exec = async (): Promise<void> => {
      const { Id } = await engine.api<{ Id: string }>('POST', `/containers/${runner}/exec`, { Cmd: ['true'] });
      await engine.api('POST', `/exec/${Id}/start`, { Detach: true });
    };
    const execSteps = await failEach(
      failAt,
      exec,
      'OCI runtime exec failed: exec failed: unable to start container process: ',
    );
    console.log(`${execSteps.length} steps of an exec failed: ${[...new Set(execSteps)].join(' ')}`);
    rmSync(file);
    const more = async (): Promise<string[]> => gained(before, await holdings(engine));
    await eventually('all is given back', async () => (await more()).length === 0).catch(() => undefined);
    expect(await more()).toEqual([]);
    await engine.docker('exec', runner, 'true');
    await engine.endWithoutTrace();
    await rm(folder, { recursive: true });
  });
});

const inContainer =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';

async function start(engine: FaultyEngine, id: string): Promise<void> {
  try {
    await engine.api('POST', `/containers/${id}/start`);
  } catch (error) {
    const { State } = await engine.api<{ State: Record<string, unknown> }>('GET', `/containers/${id}/json`);
    expect(State).toMatchObject({
      Status: 'exited',
      Running: false,
      Pid: 0,
      ExitCode: 128,
      Error: (error as Error).message,
    });
    throw error;
  }
  await engine.api('POST', `/containers/${id}/wait`);
}

/** Runs `launch` once for each step until it succeeds, for then there are no more; returns the steps' names. */
async function failEach(
  failAt: (step: number) => void,
  launch: () => Promise<void>,
  words = inContainer,
): Promise<string[]> {
  const failed: string[] = [];
  for (let step = 0; step < mostSteps; step++) {
    failAt(step);
    const message = await launch().then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (message === undefined) return failed;
    expect(message.startsWith(words) && message.includes('EINJECTED'), message).toBe(true);
    failed.push(message.slice(words.length).split(' ')[0] ?? '');
  }
  throw new Error(`there are more than ${mostSteps} steps`);
}

/** All that could stay of a launch, on this host and in the two programs: how many there are of each kind. */
async function holdings(engine: FaultyEngine): Promise<Map<string, number>> {
  const [agent, keeper] = [await agentPid(engine), await keeperPid(engine)];
  const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'latin1').trim().split(' ');
  const rules = await succeed('nft', ['list', 'table', 'ip', `berth_${engine.bridge}`]);
  const kinds = [
    ...[agent, keeper].flatMap(pid => descriptorsOf(pid).map(what => `descriptor ${what}`)),
    ...children.map(() => 'child of the keeper'),
    ...rules.split('\n').map(line => `rule ${line.trim()}`),
    ...(await tracesOf(engine)).map(line => line.replace(/^process \d+/, 'process').replace(/ve[0-9a-f]{12}/, 'veth')),
  ];
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** The programs' own pipes and polls, which Node makes when it likes, and connections of clients do not count. */
function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder)
    .map(fd => linkOf(join(folder, fd)).replace(/:\[\d+\]$/, ''))
    .filter(what => !/^(|socket|pipe|anon_inode:\[(eventfd|eventpoll|io_uring)\])$/.test(what));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

/** What there is more of than before. */
const gained = (before: Map<string, number>, now: Map<string, number>): string[] =>
  [...now]
    .filter(([kind, count]) => count > (before.get(kind) ?? 0))
    .map(([kind, count]) => `${kind}: ${count}, not ${before.get(kind) ?? 0}`);
