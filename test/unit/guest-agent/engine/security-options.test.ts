import { describe, expect, it } from 'vitest';
import { seccompFilterFor } from '../../../../guest-agent/engine/confinement.ts';
import { parseSecurityOptions } from '../../../../guest-agent/engine/security-options.ts';

const parse = (...SecurityOpt: string[]) => parseSecurityOptions({ SecurityOpt });
const nothing = { appArmorProfile: '', seccompProfile: '', noNewPrivileges: false, writableCgroups: false };

describe('--security-opt', () => {
  it('is read with = and with :, the last word holds, and labels change nothing', () => {
    expect(parse()).toEqual(nothing);
    expect(parse('no-new-privileges').noNewPrivileges).toBe(true);
    expect(parse('no-new-privileges:T', 'no-new-privileges=false').noNewPrivileges).toBe(false);
    expect(parse('writable-cgroups').writableCgroups).toBe(true);
    expect(() => parse('seccomp:{"a": "b=c"}')).toThrow('invalid --security-opt 2'); // dockerd looks for = first
    expect(parse('apparmor:unconfined').appArmorProfile).toBe('unconfined');
  });

  it('is refused as dockerd refuses it', () => {
    for (const option of ['nope', 'systempaths'])
      expect(() => parse(option)).toThrow(`invalid --security-opt 1: "${option}"`);
    for (const option of ['nope=1', 'no-new-privileges=maybe', 'writable-cgroups=x', 'systempaths=unconfined'])
      expect(() => parse(option)).toThrow(`invalid --security-opt 2: "${option}"`);
    for (const option of ['label=disable', 'label=user:x', 'disable']) expect(parse(option)).toEqual(nothing);
  });

  it('names a profile that is decoded when it is needed', () => {
    const filter = (profile: string) => seccompFilterFor({ SecurityOpt: [`seccomp=${profile}`] }, []);
    const failing: [string, string][] = [
      ['{', 'Decoding seccomp profile failed: unexpected end of JSON input'],
      ['[]', 'Decoding seccomp profile failed: json: cannot unmarshal array into Go value of type seccomp.Seccomp'],
      ['{"defaultAction": "nope"}', 'runc create failed: string nope is not a valid action for seccomp'],
      [
        '{"architectures": ["SCMP_ARCH_X86_64"], "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}',
        "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
      ],
      [
        '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "mkdir", "names": ["rmdir"], "action": "SCMP_ACT_ERRNO"}]}',
        "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
      ],
    ];
    for (const [profile, message] of failing) expect(() => filter(profile)).toThrow(message);
    expect(filter('{"syscalls": []}')).toBeUndefined();
    expect(filter('unconfined')).toBeUndefined();
    expect(seccompFilterFor({ Privileged: true }, [])).toBeUndefined();
  });
});
