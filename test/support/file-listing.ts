import { execFileSync } from 'node:child_process';

/** One line a file: path, kind and mode, owner, links, device or size, time, target, attributes, digest of the contents. */
const program = `
import hashlib, os, stat, sys
root = sys.argv[1]
def line(path):
    s = os.lstat(path)
    kind = stat.S_IFMT(s.st_mode)
    at = [oct(s.st_mode), s.st_uid, s.st_gid]
    if kind != stat.S_IFDIR: at.append(s.st_nlink)
    at.append(s.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else s.st_size if kind != stat.S_IFDIR else '')
    if path != root: at.append(s.st_mtime_ns // 1000000000)
    if kind == stat.S_IFLNK: at.append(os.readlink(path))
    names = [n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith('trusted.overlay.')]
    at.append(sorted((n, os.getxattr(path, n, follow_symlinks=False).hex()) for n in names))
    if kind == stat.S_IFREG: at.append(hashlib.sha256(open(path, 'rb').read()).hexdigest())
    return os.fsencode(os.path.relpath(path, root)) + b' ' + repr(at).encode()
paths = [root]
for folder, folders, files in os.walk(root):
    paths += [os.path.join(folder, name) for name in folders + files]
sys.stdout.buffer.write(b'\\n'.join(sorted(map(line, paths))))
`;

/** With an empty directory as the lowest, for overlayfs alone takes no single one. */
const script = `
work=$(mktemp -d); mkdir "$work/empty" "$work/root"
mount -t overlay -o "ro,$1,lowerdir+=$work/empty" overlay "$work/root"
python3 -c "$2" "$work/root"; umount "$work/root"; rm -r "$work"`;

/** The files that overlayfs shows of these directories (top first), each with all that can be known of it. */
export function filesOf(directories: readonly string[]): string[] {
  const lowers = directories.map(directory => `lowerdir+=${directory}`).join(',');
  const inOwnMounts = ['--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh', lowers, program];
  return execFileSync('unshare', inOwnMounts, { maxBuffer: 1 << 26 })
    .toString('latin1')
    .split('\n');
}
