import { describe, expect, it } from 'vitest';
import { parsePort, toPortMap, wantedMappings } from '../../../../guest-agent/networks/published-ports.ts';

describe('ports', () => {
  it('are parsed with tcp as the default', () => {
    expect(parsePort('80')).toEqual({ containerPort: 80, protocol: 'tcp' });
    expect(parsePort('53/udp')).toEqual({ containerPort: 53, protocol: 'udp' });
    expect(() => parsePort('80/icmp')).toThrow('invalid port specification');
    expect(() => parsePort('70000')).toThrow('invalid port specification');
  });

  it('publishAll adds what is exposed and not mapped', () => {
    const ports = [{ containerPort: 80, protocol: 'tcp' as const, hostPort: 8080 }];
    expect(wantedMappings({ ports, exposed: ['80/tcp', '80/udp', '443'], publishAll: true })).toEqual([
      ...ports,
      { containerPort: 80, protocol: 'udp' },
      { containerPort: 443, protocol: 'tcp' },
    ]);
    expect(wantedMappings({ ports, exposed: ['443'] })).toEqual(ports);
  });

  it("become Docker's document", () => {
    const published = [
      { containerPort: 80, protocol: 'tcp' as const, hostIp: '0.0.0.0', hostPort: 8080 },
      { containerPort: 80, protocol: 'tcp' as const, hostIp: '127.0.0.1', hostPort: 81 },
      { containerPort: 80, protocol: 'tcp' as const, hostIp: '::', hostPort: 0 },
    ];
    expect(toPortMap(['80/tcp', '443'], published)).toEqual({
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '127.0.0.1', HostPort: '81' },
        { HostIp: '::', HostPort: '' },
      ],
      '443/tcp': null,
    });
  });
});
