import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeed } from '../support/command.ts';
import { startRegistry } from '../support/registry.ts';
import type { Words } from './replay.ts';
import { type Scenario, step } from './step.ts';

const user = { name: 'alice', password: 'secret' };
/** Who packs a layer decides about its digest, and so about a manifest's; how far an upload is, the moment. */
const digests = { hide: [/sha256:\w+/g, /size: \d+/g] };
const port = { hide: [/\.1:\d+/g] };
const names = '--format {{.Repository}}:{{.Tag}}';
const digest = `sha256:${'0'.repeat(64)}`;

/** Images on their way to registries, what registries say of them, and images made of archives. */
export const registryScenario: Scenario = {
  name: 'images and registries',
  steps: [
    step('tag busybox {open}/app:1'),
    step('tag busybox {open}/app:2'),
    step('tag busybox {open}/other/app:1'),
    step('push {open}/app:1', digests),
    step('push {open}/app:1', digests),
    step('push {open}/other/app:1', digests),
    step('push -a {open}/app', digests),
    step('push -q {open}/app:2'),
    step('push {open}/app'),
    step('push {open}/nosuch'),
    step('push -a {open}/nosuch'),
    step(`push {open}/app@${digest}`),
    step('push --platform linux/arm64 {open}/app:1', { lastErrorLine: true }),
    step('push --platform linux/amd64 {open}/app:1', { ...digests, lastErrorLine: true }),
    step('tag busybox {locked}/app:1'),
    step('push {locked}/app:1'),
    step('login -u alice -p wrong {locked}', { lastErrorLine: true }),
    step('login -u alice -p secret {locked}', { hide: [/WARNING[\s\S]*/g] }),
    step('push {locked}/app:1', digests),
    step('logout {locked}'),
    step('push {locked}/app:1'),
    step('tag busybox {closed}/app:1'),
    step('push {closed}/app:1', port),
    step('images --digests --format {{.Repository}}:{{.Tag}}|{{.Digest}}', { ...digests, unordered: true }),
    step(`images ${names} --filter reference={open}/*`, { unordered: true }),
    step(`images ${names} --filter reference=*/app`, { unordered: true }),
    step(`images ${names} --filter reference=*/*/app:1`),
    step(`images ${names} --filter reference=docker.io/library/busybox`),
    step(`images ${names} --filter reference=[`),
    step(`images ${names} --filter reference=busy* --filter reference=nosuch`),
    step(`images ${names} --filter since=nosuch`),
    step(`images ${names} --filter until=never`),
    step(`images ${names} --filter dangling=maybe`),
    step(`images ${names} --filter label!=x`),
    step('images busybox:latest --format {{.Repository}}:{{.Tag}}'),
    step('rmi {open}/other/app:1'),
    step('rmi {open}/app:1'),
    step('pull {open}/app:1', digests),
    step('rmi {open}/app:1 {open}/app:2'),
    step("run --rm -i busybox sh -c 'cat > /dev/null'", { input: '' }),
    step('rmi busybox:latest {locked}/app:1 {closed}/app:1'),
    step('pull {open}/app:1', { hide: [/sha256:\w+/g, /^\w+: (Waiting|Verifying Checksum|Download complete)\n/gm] }),
    step('run --rm {open}/app:1 echo round trip'),
    step('push {open}/app:1', digests),
    step('pull --quiet {open}/app:1'),
    step('pull --all-tags {open}/app:1'),
    step('pull --all-tags {open}/app', digests),
    step('pull --all-tags --quiet {open}/nosuch'),
    step('pull --disable-content-trust {open}/app:1', digests),
    step('push --disable-content-trust {open}/app:1', digests),
    step('pull --platform linux/arm64 {open}/app:1', digests),
    step('pull --platform linux/x/y/z {open}/app:1'),
    step('pull --platform linux/ {open}/app:1'),
    step('pull --platform nosuch {open}/app:1'),
    step('image inspect --platform linux/arm64 {open}/app:1'),
    step('history --platform linux/arm64 {open}/app:1'),
    step('rmi --platform linux/arm64 {open}/app:1'),
    step('save --platform linux/arm64 {open}/app:1'),
    step('import {files}/root.tar imported:1', digests),
    step('import {files}/root.tgz imported:2', digests),
    step(
      "import -m 'in words' -c 'CMD [\"sh\"]' -c 'ENV A=1' --platform linux/arm64 {files}/root.tzst imported:3",
      digests,
    ),
    step("import -c 'RUN x' {files}/root.tar imported:4"),
    step('import {files}/junk imported:4'),
    step(`import {files}/root.tar imported@${digest}`),
    step('import --platform foo/bar/baz/x {files}/root.tar imported:4'),
    step('import http://{closed}/x imported:4', port),
    step('import http://{open}/x imported:4'),
    step(`images ${names} imported`, { unordered: true }),
    step("image inspect --format '{{.Architecture}}|{{.Os}}|{{.Size}}|{{.Comment}}|{{json .RootFS}}' imported:1"),
    step(
      "image inspect --format '{{.Architecture}}|{{.Size}}|{{.Comment}}|{{json .Config.Cmd}}|{{json .Config.Env}}' imported:3",
    ),
    step("history --format '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}' imported:3"),
    step('rmi imported:1 imported:2 imported:3'),
    step('rmi {open}/app:1'),
    step('image prune -f --filter nope=1'),
    step('image prune -f --filter until=never'),
    step('image prune -f --filter label=x'),
    // How much it frees depends on what an engine keeps: dockerd has forgotten what it was sent.
    step('image prune -af', { hide: [/\d\S+B$/m] }),
    step(`images ${names}`),
  ],
};

/** Starts what the scenario speaks with; `enter` puts it elsewhere, such as into a network namespace. */
export async function setUpRegistries(
  ports: { open: number; locked: number; closed: number },
  enter: string[] = [],
): Promise<{ words: Words; tearDown(): Promise<void> }> {
  const files = await mkdtemp(join(tmpdir(), 'berth-files-'));
  const root = join(files, 'root');
  await succeed('sh', ['-ec', `mkdir -p ${root}/d; echo hi > ${root}/f; echo x > ${root}/d/x`]);
  const pack = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '-C', root, '.'];
  for (const [name, flags] of Object.entries({ 'root.tar': '-cf', 'root.tgz': '-czf', 'root.tzst': '--zstd -cf' })) {
    await succeed('tar', [...flags.split(' '), join(files, name), ...pack]);
  }
  await writeFile(join(files, 'junk'), 'this is no tar\n');
  const open = await startRegistry(enter, { port: ports.open });
  const locked = await startRegistry(enter, { port: ports.locked, user });
  return {
    words: {
      '{open}': `localhost:${ports.open}`,
      '{locked}': `localhost:${ports.locked}`,
      '{closed}': `localhost:${ports.closed}`,
      '{files}': files,
    },
    tearDown: async () => {
      await open.stop();
      await locked.stop();
      await rm(files, { recursive: true, force: true });
    },
  };
}
