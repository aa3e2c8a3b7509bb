import { expect, it } from 'vitest';
import type { RuntimeSpec } from '../../../../contracts/oci/runtime-spec.ts';
import type { LaunchStep } from '../../../../guest-agent/keeper/protocol.ts';
import { joiningUserNamespace, withUserNamespace } from '../../../../guest-agent/runtime/user-namespace-plan.ts';

const mapping = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const spec = {
  mounts: [{ destination: '/v', type: 'bind', source: '/volume', options: ['rbind', 'idmap'] }],
  linux: { uidMappings: mapping, gidMappings: mapping },
} as unknown as RuntimeSpec;
const root: LaunchStep = {
  op: 'root',
  target: '/m',
  lowerdirs: ['/l'],
  upperdir: '/c/u',
  workdir: '/c/w',
  options: [],
};
const stdio: LaunchStep = { op: 'stdio', stdin: null, stdout: '/out', stderr: null, uid: 7 };

it('does as root of the machine what nobody else may, and the rest inside', () => {
  const steps: LaunchStep[] = [
    stdio,
    { op: 'hostname', name: 'box' },
    root,
    { op: 'sysctls', values: { 'net.ipv4.ip_default_ttl': '7', 'kernel.shm_rmid_forced': '1' } },
    { op: 'limits', limits: [] },
  ];
  const plan = withUserNamespace({ cloneFlags: 0x2c020000, steps }, spec);
  expect(plan.cloneFlags).toBe(0x20000);
  expect(plan.steps.map(step => step.op)).toEqual(
    'stdio limits sysctls userNamespace prepareForUser enterUser unshare rebirth hostname root sysctls'.split(' '),
  );
  expect(plan.steps[0]).toMatchObject({ uid: 100_007 });
  expect(plan.steps[2]).toMatchObject({ values: { 'net.ipv4.ip_default_ttl': '7' } });
  expect(plan.steps[3]).toMatchObject({ uidMap: '0 100000 65536\n' });
  expect(plan.steps[4]).toMatchObject({ root, mapped: ['/v'], rootUid: 100_000 });
  expect(plan.steps.at(-1)).toMatchObject({ values: { 'kernel.shm_rmid_forced': '1' } });
});

it('joins the user namespace with the others, and is its root from then on', () => {
  const steps: LaunchStep[] = [stdio, { op: 'enterContainer', flags: 0x20000 }, { op: 'rebirth' }];
  const plan = joiningUserNamespace({ cloneFlags: 0, steps }, 100_000);
  expect(plan.steps.slice(1)).toEqual([
    { op: 'enterContainer', flags: 0x10020000 },
    { op: 'enterUser' },
    { op: 'rebirth' },
  ]);
});
