import { describe, expect, it } from 'vitest';
import { negotiate } from '../../../../guest-agent/api/compat.ts';
import { Router } from '../../../../guest-agent/api/router.ts';
import { allRoutes } from '../../../../guest-agent/api/routes/all.ts';
import { withEndpointMacAddress } from '../../../../guest-agent/api/shape-containers.ts';
import { shapeVolumePrune } from '../../../../guest-agent/api/shape-system.ts';

const router = new Router(allRoutes);
const found = (method: string, path: string): [string, Record<string, string>] | undefined => {
  const match = router.find(method, path);
  return match && [match.served.route.path, { ...match.path }];
};

describe('router', () => {
  it('prefers paths without parameters', () => {
    expect(found('GET', '/images/json')).toEqual(['/images/json', {}]);
    expect(found('GET', '/images/get')).toEqual(['/images/get', {}]);
    expect(found('GET', '/plugins')).toEqual(['/plugins', {}]);
    expect(found('POST', '/containers/prune')).toEqual(['/containers/prune', {}]);
  });

  it('lets image names have slashes, tags and digests', () => {
    expect(found('GET', '/images/ghcr.io/a/b:1/json')).toEqual(['/images/{name*}/json', { name: 'ghcr.io/a/b:1' }]);
    expect(found('DELETE', '/images/a/json')).toEqual(['/images/{name*}', { name: 'a/json' }]);
    expect(found('GET', '/images/a%2Fb%40sha256:00/json')).toEqual(['/images/{name*}/json', { name: 'a/b@sha256:00' }]);
  });

  it('takes no slash for one segment, and a trailing one for nothing', () => {
    expect(found('POST', '/containers/a/b/start')).toBeUndefined();
    expect(found('GET', '/networks/')).toEqual(['/networks', {}]);
  });

  it('knows no other method', () => {
    expect(found('PATCH', '/info')).toBeUndefined();
    expect(found('HEAD', '/info')).toBeUndefined();
  });

  it('refuses a broken escape', () => {
    expect(() => found('GET', '/containers/%zz/json')).toThrow('invalid URL escape "%zz"');
  });

  it('declares each endpoint once', () => {
    const keys = allRoutes.map(({ route }) => `${route.method} ${route.path}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('versions', () => {
  it('speaks 1.22 to 1.52, and its own without a prefix', () => {
    expect([undefined, '1.22', '1.52'].map(negotiate)).toEqual([52, 22, 52]);
  });

  it('refuses the others in the words that clients parse', () => {
    expect(() => negotiate('1.99')).toThrow('client version 1.99 is too new. Maximum supported API version is 1.52');
    expect(() => negotiate('1.10')).toThrow(
      'client version 1.10 is too old. Minimum supported API version is 1.22, please upgrade your client to a newer version',
    );
  });

  it('gives the MAC address of old requests to the endpoint', () => {
    expect(withEndpointMacAddress({ Image: 'a', MacAddress: '02:00:00:00:00:01' })).toEqual({
      Image: 'a',
      NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: '02:00:00:00:00:01' } } },
    });
    const host = { MacAddress: '02:00:00:00:00:01', HostConfig: { NetworkMode: 'host' } };
    expect(withEndpointMacAddress(host)).toBe(host);
  });

  it('prunes named volumes only where an old client expects it', () => {
    expect(shapeVolumePrune({}, 41)).toEqual({ all: ['true'] });
    expect(shapeVolumePrune({}, 42)).toEqual({});
  });
});
