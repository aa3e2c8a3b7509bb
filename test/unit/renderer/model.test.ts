import tarStream from 'tar-stream';
import { describe, expect, test } from 'vitest';
import yaml from 'yaml';
import { type ContainerCreateBody, containerCreateBody } from '../../../contracts/docker/containers.ts';
import {
  byteSize,
  type ContainerRow,
  compareTexts,
  composeFile,
  containerWords,
  createBody,
  dockerRun,
  emptyRunForm,
  firstFileOf,
  folderOf,
  groupedLines,
  LogBuffer,
  LogFrames,
  matchingRows,
  networkLanes,
  noProgress,
  orderedTags,
  parseFileList,
  problemsOf,
  publishedPorts,
  splitTag,
  splitWords,
  styledText,
  type TarEntry,
  TarReader,
  tarOf,
  transferOf,
  wholeProgress,
  withMessage,
} from '../../../renderer/model/index.ts';

const row = (name: string, more: Partial<ContainerRow> = {}): ContainerRow => ({
  ...{
    id: `id-${name}`,
    name,
    image: 'busybox',
    state: 'running',
    status: 'Up',
    health: undefined,
    project: '',
    service: '',
  },
  ...{ created: 0, ports: [], command: 'sh', networks: [], composeFiles: [], composeFolder: '', ...more },
});

describe('rows', () => {
  test('are found by all words, sorted by numbers as by names, and grouped by project', () => {
    const rows = [
      row('web-10', { project: 'shop' }),
      row('web-9', { project: 'shop' }),
      row('alone', { state: 'exited' }),
    ];
    const found = (search: string) => matchingRows(rows, search, containerWords).map(({ name }) => name);
    expect(found('WEB shop')).toEqual(['web-10', 'web-9']);
    expect(found('state:exited')).toEqual(['alone']);
    expect(rows.map(({ name }) => name).sort(compareTexts)).toEqual(['alone', 'web-9', 'web-10']);
    const lines = (folded: string[]) =>
      groupedLines(
        rows,
        ({ id }) => id,
        ({ project }) => project,
        new Set(folded),
      ).map(({ key }) => key);
    expect(lines([])).toEqual(['group shop', 'id-web-10', 'id-web-9', 'id-alone']);
    expect(lines(['shop'])).toEqual(['group shop', 'id-alone']);
  });

  test('a thousand are sorted, found and grouped', () => {
    const rows = Array.from({ length: 1000 }, (_, index) =>
      row(`container-${(index * 7919) % 1000}`, { project: `p${index % 20}` }),
    );
    const lines = groupedLines(
      matchingRows(rows, 'container', containerWords).sort((a, b) => compareTexts(a.name, b.name)),
      ({ name }) => name,
      ({ project }) => project,
      new Set(),
    );
    const ofGroup = (group: number): string[] => [
      `group p${group}`,
      ...rows
        .filter(({ project }) => project === `p${group}`)
        .map(({ name }) => name)
        .sort(compareTexts),
    ];
    expect(lines.map(({ key }) => key)).toEqual(Array.from({ length: 20 }, (_, group) => ofGroup(group)).flat());
  });

  test('a port is shown once, whatever it is published on', () => {
    const port = { PrivatePort: 80, PublicPort: 8080, Type: 'tcp' };
    expect(
      publishedPorts([
        { IP: '0.0.0.0', ...port },
        { IP: '::', ...port },
        { PrivatePort: 53, Type: 'udp' },
      ]),
    ).toEqual([
      { text: '8080:80', link: 'http://localhost:8080' },
      { text: '53/udp', link: undefined },
    ]);
  });
});

describe('tags', () => {
  test('stand behind the last colon of a name, the highest first', () => {
    expect(splitTag('redis:7')).toEqual({ name: 'redis', begin: '7' });
    expect(splitTag('localhost:5000/a/b:')).toEqual({ name: 'localhost:5000/a/b', begin: '' });
    for (const text of ['redis', 'localhost:5000/a', 'redis@sha256:00', '']) expect(splitTag(text)).toBeUndefined();
    const tags = ['7.2', '7.10', 'latest', '8', 'alpine7.2'];
    expect(orderedTags(tags, '')).toEqual(['latest', '8', '7.10', '7.2', 'alpine7.2']);
    expect(orderedTags(tags, '7')).toEqual(['7.10', '7.2', 'alpine7.2']);
  });
});

describe('logs', () => {
  const frame = (source: number, text: string): Uint8Array => {
    const bytes = Buffer.from(text);
    const head = Buffer.from([source, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(bytes.length, 4);
    return Buffer.concat([head, bytes]);
  };

  test('frames and lines may be torn anywhere', () => {
    const whole = Buffer.concat([frame(1, 'one\ntw'), frame(2, 'bad\n'), frame(1, 'o\nrest')]);
    for (let size = 1; size < whole.length; size++) {
      const lines: string[] = [];
      const frames = new LogFrames(true, (line, source) => lines.push(`${source} ${Buffer.from(line)}`));
      for (let at = 0; at < whole.length; at += size) frames.push(whole.subarray(at, at + size));
      frames.finish();
      expect(lines).toEqual(['1 one', '2 bad', '1 two', '1 rest']);
    }
  });

  test('a million lines fit, the oldest go, and the time is apart', () => {
    const buffer = new LogBuffer(1_000_000);
    for (let index = 0; index < 1_010_000; index++)
      buffer.push(Buffer.from(`2026-01-01T00:00:00.5Z line ${index}\r`), 1 + (index % 2));
    expect(buffer.length).toBeLessThanOrEqual(1_000_000);
    expect(buffer.dropped + buffer.length).toBe(1_010_000);
    expect(buffer.line(0)).toEqual({
      text: `line ${buffer.dropped}`,
      time: '2026-01-01T00:00:00.5Z',
      stream: 1,
      log: 0,
    });
    expect(buffer.line(buffer.length - 1).text).toBe('line 1009999');
  });

  test('long lines are fewer: what a log holds of memory has an end', () => {
    const buffer = new LogBuffer(1_000_000, 1 << 20);
    for (let index = 0; index < 50_000; index++) buffer.push(Buffer.from(`${index} ${'x'.repeat(100)}`), 1);
    expect(buffer.length * 100).toBeLessThan(2 << 20);
    expect(buffer.line(0).text).toMatch(new RegExp(`^${buffer.dropped} x`));
    expect(buffer.line(buffer.length - 1).text).toMatch(/^49999 x/);
  });

  test('a line that never ends is cut', () => {
    const lines: number[] = [];
    const frames = new LogFrames(false, line => lines.push(line.length));
    for (let index = 0; index < 200; index++) frames.push(Buffer.alloc(1000, 'x'));
    expect(lines).toEqual([65_536, 65_536, 65_536]);
  });

  test('colours become classes, other sequences nothing', () => {
    expect(styledText('a\x1b[1;31mb\x1b[0mc\x1b[2Kd\x1b]0;title\x07e\x1b[?25l\x1b(B\x1b[2 q\x1b[>4mf')).toEqual([
      { text: 'a', classes: '' },
      { text: 'b', classes: 'ansi-1 bold' },
      { text: 'c', classes: '' },
      { text: 'd', classes: '' },
      { text: 'e', classes: '' },
      { text: 'f', classes: '' },
    ]);
  });
});

describe('the run dialog', () => {
  test('says what is wrong, field by field', () => {
    const form = {
      ...emptyRunForm,
      name: 'a',
      ports: '80:80\n99999:1',
      env: 'A=1\n=2',
      mounts: 'data',
      memory: 'much',
      command: '"open',
    };
    expect(problemsOf(form)).toEqual({
      ...{
        image: 'required',
        name: 'badName',
        ports: 'badPort',
        env: 'badEnv',
        mounts: 'badMount',
        memory: 'badNumber',
      },
      command: 'badQuote',
    });
  });

  test('makes a request that the engine takes', () => {
    const form = {
      ...{ ...emptyRunForm, image: ' busybox ', command: `sh -c "echo 'a b'"`, ports: '127.0.0.1:8080:80\n53/udp' },
      ...{ env: 'A=1', mounts: 'data:/data:ro', memory: '64', cpus: '0.5' },
    };
    expect(problemsOf(form)).toEqual({});
    const body: ContainerCreateBody = containerCreateBody(createBody(form), '');
    expect(body).toMatchObject({
      Image: 'busybox',
      Cmd: ['sh', '-c', "echo 'a b'"],
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      HostConfig: {
        PortBindings: {
          '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
          '53/udp': [{ HostIp: '', HostPort: '' }],
        },
        ...{ Binds: ['data:/data:ro'], Memory: 67_108_864, NanoCpus: 500_000_000 },
      },
    });
  });

  test('cuts words as a shell does', () => {
    expect(splitWords(`a "b \\" c" 'd e'f \\ g`)).toEqual(['a', 'b " c', 'd ef', ' g']);
    expect(splitWords("it's")).toBeUndefined();
  });
});

test('a pull is half of its bytes and half of its layers', () => {
  const messages = [
    { status: 'Pulling from library/x', id: 'latest' },
    { status: 'Pulling fs layer', id: 'aaaaaaaaaaaa' },
    { status: 'Already exists', id: 'bbbbbbbbbbbb' },
    { status: 'Downloading', id: 'aaaaaaaaaaaa', progressDetail: { current: 50, total: 100 } },
  ];
  const progress = messages.reduce(withMessage, noProgress);
  expect([wholeProgress(progress), transferOf(progress)]).toEqual([0.5, { current: 50, total: 100 }]);
  expect(wholeProgress(withMessage(progress, { status: 'Pull complete', id: 'aaaaaaaaaaaa' }))).toBe(1);
});

describe('a tar', () => {
  test('of one file comes out of it, whose it is kept', () => {
    const bytes = new TextEncoder().encode('from the browser');
    const tar = tarOf('note.txt', bytes, { mode: 0o640, uid: 1000, gid: 50 });
    expect(firstFileOf(tar)).toEqual(bytes);
    const entries: TarEntry[] = [];
    new TarReader(entry => void entries.push(entry)).push(tar);
    expect(entries).toMatchObject([{ name: 'note.txt', kind: 'file', size: 16, mode: 0o640, uid: 1000, gid: 50 }]);
  });

  test('is read in parts of any size, with names of any length, and shown by folders', async () => {
    const pack = tarStream.pack();
    const long = `${'deep/'.repeat(30)}${'x'.repeat(120)}`;
    pack.entry({ name: './', type: 'directory' });
    pack.entry({ name: './etc/', type: 'directory', mode: 0o755 });
    pack.entry({ name: './etc/motd' }, 'hello');
    pack.entry({ name: './link', type: 'symlink', linkname: 'etc/motd' });
    pack.entry({ name: long }, 'x'.repeat(1000));
    pack.finalize();
    const parts: Buffer[] = [];
    for await (const part of pack) parts.push(part as Buffer);
    const whole = Buffer.concat(parts);
    for (const step of [1, 7, 512, 100_000]) {
      const entries: TarEntry[] = [];
      const motd: string[] = [];
      const reader = new TarReader(entry => {
        entries.push(entry);
        return entry.name === 'etc/motd' ? part => void motd.push(new TextDecoder().decode(part)) : undefined;
      });
      for (let at = 0; at < whole.length; at += step) reader.push(whole.subarray(at, at + step));
      expect(motd.join('')).toBe('hello');
      expect(entries.at(-1)).toMatchObject({ name: long, size: 1000 });
      expect(folderOf(entries, '').map(({ name, kind, target }) => [name, kind, target])).toEqual([
        ['deep', 'folder', ''],
        ['etc', 'folder', ''],
        ['link', 'link', 'etc/motd'],
      ]);
      expect(folderOf(entries, 'etc')).toMatchObject([{ name: 'motd', size: 5, permissions: 'rw-r--r--' }]);
    }
  });
});

test('networks are lanes, the crowded first, and containers that share them lie together', () => {
  const on = (...names: string[]) => ({ networks: names.map(name => ({ name, address: '172.18.0.2' })) });
  const { lanes, rows } = networkLanes(
    [row('b', on('back')), row('z', on('front', 'back')), row('a', on('front')), row('c', on('front')), row('lone')],
    ['back', 'front', 'none', 'unused'],
  );
  expect(lanes).toEqual(['front', 'back']);
  expect(rows.map(({ container, from, to }) => [container.name, from, to])).toEqual([
    ['z', 0, 1],
    ['a', 0, 0],
    ['c', 0, 0],
    ['b', 1, 1],
    ['lone', -1, -1],
  ]);
});

test('folders come first, of GNU and of busybox alike', () => {
  const gnu =
    'total 8\r\n-rw-r--r-- 1 root root 12 2026-01-02 03:04:05.000000000 +0000 a b\r\nlrwxrwxrwx 1 0 0 7 2026-01-02 03:04:05.1 +0000 bin -> usr/bin\r\n';
  const busybox = 'drwxr-xr-x    2 root     root          4096 2026-01-02 03:04:05 +0000 etc\n';
  expect(parseFileList(gnu + busybox).map(({ name, kind, target, size }) => [name, kind, target, size])).toEqual([
    ['etc', 'folder', '', 4096],
    ['a b', 'file', '', 12],
    ['bin', 'link', 'usr/bin', 7],
  ]);
});

test('sizes have three digits and a unit', () => {
  expect([0, 999, 1000, 12_345, 999_600, 40_100_000_000].map(byteSize)).toEqual([
    '0 B',
    '999 B',
    '1.00 kB',
    '12.3 kB',
    '1.00 MB',
    '40.1 GB',
  ]);
});

test('a container is told as the docker run that makes it', () => {
  const document = {
    Name: '/web',
    State: { Running: true },
    Config: {
      Image: 'nginx',
      Cmd: ['sh', '-c', "echo 'hi'"],
      Entrypoint: ['/init', '-v'],
      Env: ['A=1', 'PATH=/bin'],
      User: '1000',
    },
    HostConfig: {
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      NetworkMode: 'shop',
      PortBindings: {
        '80/tcp': [{ HostIp: '', HostPort: '8080' }],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        '1/tcp': null,
      },
      Binds: ['data:/data:ro'],
      Memory: 67_108_864,
      NanoCpus: 5e8,
    },
  };
  expect(dockerRun(document as never, ['PATH=/bin'])).toBe(
    'docker run -d --name web --restart on-failure:3 --network shop -p 8080:80 -p 127.0.0.1::53/udp -v data:/data:ro -e A=1 ' +
      "--memory 67108864 --cpus 0.5 --user 1000 --entrypoint /init nginx -v sh -c 'echo '\\''hi'\\'''",
  );
});

test('a container is told as a compose file that reads back', () => {
  const document = {
    Name: '/web',
    Config: { Image: 'nginx:1', Cmd: ['sh', '-c', 'echo "no" # $X'], Env: ['A=yes', 'PATH=/bin'], User: '', Tty: true },
    HostConfig: {
      RestartPolicy: { Name: 'always' },
      NetworkMode: 'shop',
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
      Binds: ['data:/data:ro', '/etc/hosts:/hosts'],
      Memory: 67_108_864,
      NanoCpus: 5e8,
    },
  };
  expect(yaml.parse(composeFile(document as never, ['PATH=/bin']))).toEqual({
    services: {
      web: {
        ...{
          image: 'nginx:1',
          container_name: 'web',
          command: ['sh', '-c', 'echo "no" # $$X'],
          environment: ['A=yes'],
        },
        ...{ ports: ['8080:80'], volumes: ['data:/data:ro', '/etc/hosts:/hosts'], networks: ['shop'] },
        ...{ restart: 'always', mem_limit: '64m', cpus: 0.5, tty: true },
      },
    },
    networks: { shop: { external: true } },
    volumes: { data: { external: true } },
  });
});
