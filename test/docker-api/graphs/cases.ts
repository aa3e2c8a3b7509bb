import { type GraphMaker, make, type Node, owner } from '../../support/graph.ts';

/** A graph as a client sends it, and what is served to it. Starts with the image `busybox` and nothing else. */
export interface GraphCase {
  name: string;
  make(graph: GraphMaker): Node;
  /** Directories of the client. */
  folders?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  secrets?: Readonly<Record<string, string>>;
  /** What the client allows. */
  allows?: readonly string[];
  /** dockerd's history knows only the last layer of merges. */
  isMerged?: true;
}

const files = { context: { 'a.txt': 'a', 'b.txt': 'b', 'dir/c.txt': 'c', 'dir/sub/d.md': 'd', 'dir/sub/e.txt': 'e' } };
const all = { createDestPath: true, allowWildcard: true, followSymlink: true, dirCopyContents: true };

/** One graph a feature. */
export const graphCases: readonly GraphCase[] = [
  { name: 'an image alone', make: graph => graph.image() },
  {
    name: 'a command',
    make: graph => {
      const open = graph.files([graph.image()], [make.directory('/open', { owner: owner(12, 34) })]);
      const told = 'echo "$A $PWD $(id -u):$(id -g) $(hostname)" > /open/out && mkdir -m 700 /open/d';
      const meta = { env: ['A=1'], cwd: '/open', user: '12:34', hostname: 'somewhere' };
      return graph.shell('rm /etc/group', [graph.shell(told, [open], { meta })]);
    },
  },
  {
    name: 'a command that fails',
    make: graph => graph.shell('echo told; exit 3', [graph.image()]),
  },
  {
    name: 'a command that may end so',
    make: graph => graph.shell('touch /done; exit 3', [graph.image()], { meta: { validExitCodes: [0, 3] } }),
  },
  {
    name: 'files that are made',
    make: graph =>
      graph.files(
        [graph.image()],
        [
          make.directory('/one'),
          make.directory('/two/three/four', { makeParents: true, mode: 0o750, owner: owner(7, 8) }),
          make.directory('/one', { mode: 0o700 }),
          make.file('/one/file', 'text', { mode: 0o600, owner: owner(9) }),
          make.file('/one/named', 'text', { owner: owner('root', 'daemon') }),
          make.link('/one/link', 'file', { owner: owner(3, 4) }),
          make.file('/one/link', 'through', { timestamp: 1_000_000_000 * 1e9 }),
          make.file('/two/three/x', 'x'),
          make.remove('/two/three'),
          make.remove('/nothing', { allowNotFound: true }),
          make.remove('/etc/*p', { allowWildcard: true }),
        ],
      ),
  },
  { name: 'files out of nothing', make: graph => graph.files([], [make.file('/hello', 'hello')]) },
  { name: 'a directory without its parent', make: graph => graph.files([], [make.directory('/a/b')]) },
  { name: 'a file without its directory', make: graph => graph.files([], [make.file('/a/b', '')]) },
  { name: 'removal of what is not there', make: graph => graph.files([graph.image()], [make.remove('/no/such')]) },
  {
    name: 'copies of a directory of the client',
    folders: files,
    make: graph =>
      graph.files(
        [graph.image(), graph.source('local://context')],
        [
          make.copy(1, '/', '/all', all),
          make.copy(1, '/dir', '/contents', all),
          make.copy(1, '/dir', '/inside', { createDestPath: true }),
          make.copy(1, '/dir', '/all', {}),
          make.copy(1, '/*.txt', '/texts/', { ...all, owner: owner(5, 6), mode: 0o640 }),
          make.copy(1, '/nothing*', '/none', { allowWildcard: true, allowEmptyWildcard: true }),
          make.copy(1, '/a.txt', '/renamed', {}),
          make.copy(1, '/', '/some', { ...all, include_patterns: ['**/*.txt'], exclude_patterns: ['dir/sub'] }),
          make.copy(1, '/', '/modes', { ...all, modeStr: 'go-r,u+x' }),
        ],
      ),
  },
  {
    name: 'a copy of what is not there',
    folders: files,
    make: graph => graph.files([graph.image(), graph.source('local://context')], [make.copy(1, '/nothing', '/x')]),
  },
  {
    name: 'a copy into a directory that is not there',
    folders: files,
    make: graph => graph.files([graph.image(), graph.source('local://context')], [make.copy(1, '/a.txt', '/no/such')]),
  },
  {
    name: 'a directory of the client alone',
    folders: files,
    make: graph => graph.source('local://context', { 'local.includepattern': '["a.txt"]' }),
  },
  {
    name: 'mounts of every kind',
    folders: files,
    secrets: { one: 'secret one', two: 'secret two' },
    make: graph =>
      graph.shell(
        [
          'cat /context/dir/c.txt > /seen',
          'touch /context/new 2>/dev/null && echo wrote >> /seen || echo refused >> /seen',
          'cat /sub/d.md >> /seen; echo changed > /sub/d.md; cat /sub/d.md >> /seen',
          'mount | grep -c "/memory type tmpfs" >> /seen',
          'cat /run/secret | wc -c >> /seen; stat -c "%a %u %g" /run/secret >> /seen; printf %s "$VARIABLE" | wc -c >> /seen',
          'echo kept > /kept/file',
        ].join('\n'),
        [graph.image(), graph.source('local://context')],
        {
          mounts: [
            { input: 1, dest: '/context', output: -1, readonly: true },
            { input: 1, dest: '/sub', selector: '/dir/sub', output: -1 },
            { input: -1, dest: '/memory', output: -1, mountType: 4, TmpfsOpt: { size: 1 << 20 } },
            { input: -1, dest: '/kept', output: -1, mountType: 3, cacheOpt: { ID: 'kept', sharing: 0 } },
            {
              input: -1,
              dest: '/run/secret',
              output: -1,
              mountType: 1,
              secretOpt: { ID: 'one', uid: 5, gid: 6, mode: 0o440 },
            },
          ],
          secretenv: [{ ID: 'two', name: 'VARIABLE' }],
        },
      ),
  },
  {
    name: 'a secret that is not there',
    make: graph =>
      graph.shell('true', [graph.image()], {
        mounts: [{ input: -1, dest: '/s', output: -1, mountType: 1, secretOpt: { ID: 'none', mode: 0o400 } }],
      }),
  },
  {
    name: 'what a command leaves in a mount',
    make: graph => {
      const image = graph.image();
      const base = graph.files([], [make.file('/old', 'old'), make.file('/gone', 'gone'), make.directory('/dir')]);
      const ran = graph.shell(
        'echo new > /out/new; rm /out/gone; echo more >> /out/old; echo x > /empty/x',
        [image, base],
        {
          root: { output: -1, readonly: true },
          mounts: [
            { input: 1, dest: '/out', output: 0 },
            { input: -1, dest: '/empty', output: 1 },
          ],
        },
      );
      const other = { ...ran, index: 1 };
      return graph.files([ran, other], [make.copy(1, '/x', '/dir/from-empty')]);
    },
  },
  {
    name: 'no network',
    make: graph => graph.shell('ls /sys/class/net > /out', [graph.image()], { network: 2 }),
  },
  { name: 'the network of the host unasked', make: graph => graph.shell('true', [graph.image()], { network: 1 }) },
  { name: 'more rights unasked', make: graph => graph.shell('true', [graph.image()], { security: 1 }) },
  {
    name: 'a merge',
    isMerged: true,
    make: graph => {
      const one = graph.files([], [make.file('/a', '1'), make.file('/shared', 'one'), make.directory('/d')]);
      const two = graph.files(
        [],
        [make.file('/b', '2'), make.file('/shared', 'two'), make.directory('/d', { mode: 0o700 })],
      );
      return graph.merge([graph.image(), one, two]);
    },
  },
  {
    name: 'a difference on the same base',
    isMerged: true,
    make: graph => {
      const image = graph.image();
      const changed = graph.shell('echo x > /new; rm /etc/group; chmod 700 /home', [image]);
      return graph.merge([graph.files([image], [make.file('/etc/more', 'more')]), graph.diff(image, changed)]);
    },
  },
  {
    name: 'a difference of strangers',
    isMerged: true,
    make: graph => {
      const one = graph.files(
        [],
        [
          make.file('/a', '1'),
          make.file('/same', 's', { timestamp: 5e9 }),
          make.directory('/d', { timestamp: 5e9 }),
          make.file('/d/x', 'x'),
        ],
      );
      const two = graph.files(
        [],
        [make.file('/a', '2'), make.file('/same', 's', { timestamp: 5e9 }), make.file('/d', 'now a file')],
      );
      const difference = graph.diff(one, two);
      return graph.merge([
        graph.files([], [make.file('/a', '0'), make.file('/z', 'z'), make.directory('/d'), make.file('/d/y', 'y')]),
        difference,
      ]);
    },
  },
  {
    name: 'a copy of what no pattern matches',
    folders: files,
    make: graph =>
      graph.files([graph.source('local://context')], [make.copy(0, '/no*', '/x', { allowWildcard: true })], -1),
  },
  { name: 'a source that nobody knows', make: graph => graph.source('nothing://here') },
];
