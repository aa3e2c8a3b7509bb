import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { iconPng, trayPng } from './build-icons.ts';

/** Bundles the desktop program into `dist/desktop`: its main program, the preload script and the icons. */
const project = dirname(import.meta.dirname);
const common: BuildOptions = {
  absWorkingDir: project,
  bundle: true,
  platform: 'node',
  external: ['electron', 'koffi', 'cpu-features', '*.node'],
  logLevel: 'warning',
};

await build({
  ...common,
  entryPoints: ['src/main.ts'],
  outfile: join(project, 'dist/desktop/main.mjs'),
  format: 'esm',
  target: 'node22',
  // libraries that are CommonJS ask for Node's own modules
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});
await build({
  ...common,
  entryPoints: ['src/preload.ts'],
  outfile: join(project, 'dist/desktop/preload.cjs'),
  format: 'cjs',
  target: 'node22',
});

const icons = {
  'icon.png': iconPng(512),
  'tray.png': trayPng(32),
  'trayTemplate.png': trayPng(16),
  'trayTemplate@2x.png': trayPng(32),
};
const folder = join(project, 'dist/desktop');
mkdirSync(folder, { recursive: true });
for (const [name, png] of Object.entries(icons)) writeFileSync(join(folder, name), png);
