import { spawn } from 'node:child_process';
import { command } from '../../test/support/command.ts';
import type { NativeEngine } from '../../test/support/engine.ts';
import { eventually } from '../../test/support/eventually.ts';

/**
 * A figure counts only for an engine that does its whole work: refuses to go on when durability, seccomp, masked
 * paths, logs or address translation are off.
 */
export async function requireWholeWork(engine: NativeEngine, agentPid: number): Promise<void> {
  const said = await engine.docker(
    'run',
    '--name',
    'guard',
    'busybox',
    'sh',
    '-c',
    'grep Seccomp: /proc/self/status; wc -c < /proc/timer_list',
  );
  const kept = await engine.docker('logs', 'guard');
  await engine.docker('rm', 'guard');
  const rules = await command('nft', ['list', 'ruleset']);
  const demands = {
    seccomp: /Seccomp:\s+2/.test(said),
    'masked paths': /^0$/m.test(said),
    logs: kept === said,
    'address translation': rules.stdout.includes('masquerade'),
    durability: await syncsToDisk(engine, agentPid),
  };
  const missing = Object.entries(demands).filter(([, holds]) => !holds);
  if (missing.length > 0) throw new Error(`No figures: ${missing.map(([name]) => name).join(', ')} is off`);
}

/** True when a container's creation reaches the disk: an fsync of the agent is seen. */
async function syncsToDisk(engine: NativeEngine, agentPid: number): Promise<boolean> {
  const tracer = spawn('strace', ['-f', '-e', 'trace=fsync,fdatasync,syncfs', '-p', String(agentPid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let seen = '';
  tracer.stderr.on('data', chunk => {
    seen += chunk;
  });
  await eventually('strace is attached', () => seen.includes('attached'));
  await engine.docker('create', '--name', 'guard', 'busybox', 'true');
  await engine.docker('rm', 'guard');
  tracer.kill('SIGINT');
  await new Promise(resolve => tracer.once('close', resolve));
  return /f(data)?sync\(/.test(seen);
}
