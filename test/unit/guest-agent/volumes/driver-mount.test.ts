import { describe, expect, it } from 'vitest';
import { describeMount, serverOf, toDriverMount } from '../../../../guest-agent/volumes/driver-mount.ts';

describe('options of local volumes', () => {
  it('become one call of mount(2)', () => {
    expect(toDriverMount({})).toBeUndefined();
    expect(toDriverMount({ type: '', device: '', o: '' })).toBeUndefined();
    expect(toDriverMount({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m,ro,noexec,uid=5,rw,noatime' })).toEqual({
      source: 'tmpfs',
      type: 'tmpfs',
      flags: 0x408,
      data: 'size=1m,uid=5',
    });
    expect(toDriverMount({ type: 'none', device: '/x', o: 'rbind,rslave' })).toMatchObject({
      flags: 0x85000,
      data: '',
    });
    const inherited = 'constructor,__proto__,toString';
    expect(toDriverMount({ type: 'tmpfs', device: 'x', o: inherited })).toMatchObject({ flags: 0, data: inherited });
  });

  it('give a server of NFS and CIFS its address', () => {
    const server = (type: string, device: string, o: string) => serverOf({ source: device, type, flags: 0, data: o });
    const nfs = server('nfs', ':/export', 'addr=files.example,vers=4');
    expect(nfs?.name).toBe('files.example');
    expect(nfs?.withAddress('10.0.0.7').data).toBe('addr=10.0.0.7,vers=4');
    expect(server('nfs', ':/export', 'addr=10.0.0.7')).toBeUndefined();
    expect(server('nfs', 'files.example:/export', 'vers=4')).toBeUndefined();
    expect(server('ext4', '//host/x', '')).toBeUndefined();
    const cifs = server('cifs', '//files.example/share', 'username=a,password=b');
    expect(cifs?.withAddress('10.0.0.7').source).toBe('//10.0.0.7/share');
  });

  it('are told without the password', () => {
    const mount = { source: '//h/s', type: 'cifs', flags: 1, data: 'username=a,password=b,vers=3' };
    expect(describeMount(mount, '/v')).toBe('mount //h/s:/v, flags: 0x1, data: username=a,password=********,vers=3');
    expect(describeMount({ ...mount, source: '', flags: 0, data: '' }, '/v')).toBe('mount /v');
  });
});
