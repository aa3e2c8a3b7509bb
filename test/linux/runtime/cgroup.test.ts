import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCgroupLayout } from '../../../guest-agent/runtime/cgroup-layout.ts';
import { skipping } from '../../support/skip.ts';
import { spec, Workshop, whyNot } from './harness.ts';

const layout = process.platform === 'linux' ? parseCgroupLayout(readFileSync('/proc/self/cgroup', 'utf8')) : undefined;
const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find(path => existsSync(`${path}/cgroup.procs`));
const reason = whyNot() ?? skipping(layout?.version === 1 ? undefined : 'needs cgroup v1');
const noUnified = skipping(unified ? undefined : 'there is no unified hierarchy here');
const name = `runtime-test-${process.pid}`;
const rounds = Number(process.env.MEMORY_ROUNDS ?? 50);

describe.skipIf(reason)('a container in its cgroups', () => {
  const folders =
    layout?.version === 1 ? layout.hierarchies.map(({ folder }) => `/sys/fs/cgroup/${folder}/${name}`) : [];
  let shop: Workshop;
  beforeAll(async () => {
    shop = await Workshop.open();
    for (const folder of folders) mkdirSync(folder);
    for (const file of ['cpus', 'mems'])
      writeFileSync(
        `/sys/fs/cgroup/cpuset/${name}/cpuset.${file}`,
        readFileSync(`/sys/fs/cgroup/cpuset/cpuset.${file}`),
      );
  });
  afterAll(async () => {
    await shop.close();
    for (const folder of folders) rmdirSync(folder);
  });
  const cgroup = { version: 1 as const, tasks: folders.map(folder => `${folder}/tasks`) };

  it('is in all of them, and sees itself at their roots', async () => {
    const container = await shop.runtime.launch(shop.request(spec(['sleep', '1000']), { cgroup }));
    const outside = readFileSync(`/proc/${container.pid}/cgroup`, 'utf8').trim().split('\n');
    expect(outside.filter(line => line.endsWith(`/${name}`))).toHaveLength(folders.length);
    const exec = await shop.runExec(container, spec(['cat', '/proc/self/cgroup']).process, { cgroup });
    expect(
      exec.output
        .trim()
        .split('\n')
        .every(line => line.endsWith(':/')),
    ).toBe(true);
    const tasks = await shop.runExec(container, spec(['cat', '/sys/fs/cgroup/memory/cgroup.procs']).process, {
      cgroup,
    });
    expect(tasks.output).toMatch(/^1\n\d+\n$/);
    container.signal(9);
    await container.exited;
    shop.runtime.forget(container.id);
  });

  it('is not killed for the memory of the keeper that it was born with', async () => {
    writeFileSync(`/sys/fs/cgroup/memory/${name}/memory.limit_in_bytes`, String(6 * 1024 * 1024));
    for (let round = 0; round < rounds; round++)
      expect(await shop.run(spec(['true']), { cgroup })).toMatchObject({ exitCode: 0 });
    writeFileSync(`/sys/fs/cgroup/memory/${name}/memory.limit_in_bytes`, '-1');
  });

  it.skipIf(noUnified)('is born into a cgroup of the unified hierarchy', async () => {
    const directory = `${unified}/${name}`;
    mkdirSync(directory);
    try {
      const container = await shop.runtime.launch(
        shop.request(spec(['sleep', '1000']), { cgroup: { version: 2, directory } }),
      );
      expect(readFileSync(`${directory}/cgroup.procs`, 'utf8')).toBe(`${container.pid}\n`);
      container.signal(9);
      await container.exited;
      shop.runtime.forget(container.id);
    } finally {
      rmdirSync(directory);
    }
  });
});
