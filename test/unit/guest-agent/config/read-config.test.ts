import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DaemonSettings, networkSettings, readConfigFile } from '../../../../guest-agent/config/index.ts';
import { parseConfig } from '../../../../guest-agent/config/read-config.ts';

const merged = 'merged configuration validation from file and command line flags failed: ';
const json = 'invalid JSON: json: cannot unmarshal ';

/** What `dockerd --validate` of 28.5 says of a file. */
const refusals: [string, string][] = [
  ['{', 'invalid JSON: unexpected end of JSON input'],
  ['[]', `${json}array into Go value of type map[string]interface {}`],
  ['{"nope":1,"debug":true}', "the following directives don't match any configuration option: nope"],
  ['{"nope":{"deep":1}}', "the following directives don't match any configuration option: deep"],
  ['{"proxies":{"nope":"x"}}', "the following directives don't match any configuration option: nope"],
  ['{"DEBUG":true}', "the following directives don't match any configuration option: DEBUG"],
  ['{"debug":"x"}', `${json}string into Go struct field Config.debug of type bool`],
  ['{"labels":"x"}', `${json}string into Go struct field Config.labels of type []string`],
  ['{"shutdown-timeout":"x"}', `${json}string into Go struct field Config.shutdown-timeout of type int`],
  ['{"log-opts":{"max-size":5}}', `${json}number into Go struct field Config.log-opts.max-size of type string`],
  ['{"default-ulimits":{"n":5}}', `${json}number into Go struct field Config.default-ulimits.n of type units.Ulimit`],
  ['{"features":{"x":1}}', `${json}number into Go struct field Config.features.x of type bool`],
  ['{"dns":["x"]}', 'invalid JSON: invalid IP address: x'],
  ['{"default-shm-size":"x"}', "invalid JSON: invalid size: 'x'"],
  ['{"default-shm-size":5}', 'invalid JSON: invalid size: "5"'],
  ['{"log-level":"loud"}', `${merged}invalid logging level: loud`],
  ['{"labels":["x"]}', `${merged}bad attribute format: x`],
  ['{"max-concurrent-downloads":-1}', `${merged}invalid max concurrent downloads: -1`],
  ['{"max-download-attempts":-1}', `${merged}invalid max download attempts: -1`],
  ['{"mtu":-1}', `${merged}invalid default MTU: -1`],
  ['{"dns-search":["!!"]}', `${merged}!! is not a valid domain`],
  [
    '{"registry-mirrors":["x"]}',
    `${merged}invalid mirror: no scheme specified for "x": must use either 'https://' or 'http://'`,
  ],
  [
    '{"registry-mirrors":["ftp://x"]}',
    `${merged}invalid mirror: unsupported scheme "ftp" in "ftp://x": must use either 'https://' or 'http://'`,
  ],
  [
    '{"registry-mirrors":["https://x/y?z"]}',
    `${merged}invalid mirror: query or fragment at end of the URI "https://x/y?z"`,
  ],
  ['{"exec-opts":["x"]}', `${merged}invalid exec-opt (x): must be formatted 'opt=value'`],
  ['{"exec-opts":["nope=x"]}', `${merged}invalid exec-opt (nope=x): unknown option: 'nope'`],
  ['{"default-ipc-mode":"nope"}', `${merged}default IPC mode setting (nope) is invalid; use "shareable" or "private"`],
  ['{"default-cgroupns-mode":"nope"}', `${merged}invalid default cgroup namespace (nope): use "host" or "private"`],
  [
    '{"network-diagnostic-port":99999}',
    `${merged}invalid network-diagnostic-port (99999): value must be between 0 and 65535`,
  ],
];

describe('a configuration file', () => {
  it.each(refusals)('%s is refused in the words of dockerd', (content, message) => {
    expect(() => parseConfig(content)).toThrow(expect.objectContaining({ message }));
  });

  it('is read with its proxies, sizes and empty values, and says what has no effect', () => {
    const content = {
      debug: null,
      'default-shm-size': '32M',
      proxies: { 'http-proxy': 'http://proxy:3128' },
      iptables: false,
      'log-opts': { 'max-size': '1m' },
    };
    expect(parseConfig(JSON.stringify(content))).toEqual({
      config: {
        'default-shm-size': 32 * 1024 * 1024,
        'http-proxy': 'http://proxy:3128',
        iptables: false,
        'log-opts': { 'max-size': '1m' },
      },
      ignored: ['iptables'],
    });
    expect(parseConfig(' ')).toEqual({ config: {}, ignored: [] });
  });

  it('tells of networks, with pools that can be cut', () => {
    const read = (content: object) => networkSettings(parseConfig(JSON.stringify(content)).config);
    const none = { driverOptions: {}, addressPools: [], hostGateways: [] };
    expect(read({})).toEqual({ bridge: { ipv6: {}, options: {} }, ...none });
    expect(read({ ipv6: false })).toEqual({ bridge: { options: {} }, ...none });
    const pools = [{ base: '10.5.0.0/16', size: 24 }];
    const six = { ipv6: true, 'fixed-cidr-v6': 'fd00:9::/64' };
    const asked = { 'default-address-pools': pools, ...six, mtu: 1400, icc: false, ip: '127.0.0.1' };
    expect(read({ ...asked, 'host-gateway-ips': ['192.0.2.1'] })).toEqual({
      bridge: {
        ipv6: { range: 'fd00:9::/64' },
        options: {
          'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
          'com.docker.network.bridge.enable_icc': 'false',
          'com.docker.network.driver.mtu': '1400',
        },
      },
      driverOptions: {},
      addressPools: pools,
      hostGateways: ['192.0.2.1'],
    });
    expect(() => read({ 'default-address-pools': [{ base: '10.5.0.0/16', size: 8 }] })).toThrow(
      'network at index 0 (&{10.5.0.0/16 8}) has a smaller prefix (/16) than the target size of that pool (/8)',
    );
    expect(() => read({ 'default-address-pools': [{ base: 'x', size: 8 }] })).toThrow(
      'invalid JSON: netip.ParsePrefix("x"): no \'/\'',
    );
    expect(() => read({ 'fixed-cidr-v6': '10.0.0.0/8' })).toThrow("'10.0.0.0/8' is not a valid IPv6 subnet");
  });

  it('is named by the error, and does not contradict a flag', () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-config-'));
    const file = join(folder, 'daemon.json');
    const failing = `unable to configure the Docker daemon with file ${file}: `;
    expect(() => readConfigFile(file)).toThrow(`${failing}open ${file}: no such file or directory`);
    writeFileSync(file, '{"bip":"10.1.0.1/16"}');
    expect(() => readConfigFile(file, { bip: '10.2.0.1/16' })).toThrow(
      `${failing}the following directives are specified both as a flag and in the configuration file: bip: (from flag: 10.2.0.1/16, from file: 10.1.0.1/16)`,
    );
    writeFileSync(file, '{"labels":["a=1","a=1","b=2"]}');
    expect(readConfigFile(file).config.labels).toEqual(['a=1', 'b=2']);
    writeFileSync(file, '{"labels":["a=1","a=2"]}');
    expect(() => readConfigFile(file)).toThrow(expect.objectContaining({ message: 'conflict labels for a=2 and a=1' }));
    rmSync(folder, { recursive: true });
  });
});

describe('settings', () => {
  it('take over what may change, and reset the numbers that are gone', () => {
    const settings = new DaemonSettings({ debug: true, bip: '10.1.0.1/16', 'max-concurrent-downloads': 9 });
    settings.reload({ labels: ['a=b'], bip: '10.2.0.1/16', features: { snapshotter: true } });
    expect(settings.config).toMatchObject({
      debug: true,
      bip: '10.1.0.1/16',
      labels: ['a=b'],
      'max-concurrent-downloads': 3,
    });
    expect(settings.attributes()).toMatchObject({
      debug: 'true',
      labels: '["a=b"]',
      features: 'map[snapshotter:true]',
      'max-concurrent-downloads': '3',
      'registry-mirrors': '[]',
      'shutdown-timeout': '15',
    });
  });
});
