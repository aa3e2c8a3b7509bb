import { existsSync } from 'node:fs';
import { mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/**
 * Bundles every program that runs without this tree into `dist/`: the agent, the keeper, and the worker threads.
 * koffi stays outside, for it brings a binary. Silent when all is well. Names as arguments build only those.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

/** Name in `dist/` (without `.mjs`) → entry. */
const programs: Record<string, string> = {
  agent: 'guest-agent/main.ts',
  keeper: 'guest-agent/keeper/main.ts',
  'archive-worker': 'guest-agent/archive/worker.ts',
  'pump-worker': 'guest-agent/logs/pump-worker.ts',
};

// CommonJS packages (ssh2) ask for `require` and `__dirname`, which an ES module has not.
const banner = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __dirname = import.meta.dirname;`;

/**
 * An import of one of Node's own modules makes a facade of it, which reads every one of its exports: for `node:http` that
 * loads undici and HTTP/2, for `node:fs` its streams; together a quarter of the agent's start in an emulated machine.
 * Taken as an object, a module gives what is asked for.
 */
const withoutFacades: Plugin = {
  name: 'builtin modules without facades',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }));
  },
};

/** Builds what is there of {@link programs} into `outdir`; the names that were built. */
export async function buildPrograms(outdir = 'dist', names: string[] = Object.keys(programs)): Promise<string[]> {
  const entries = Object.entries(programs).filter(
    ([name, entry]) => names.includes(name) && existsSync(`${root}${entry}`),
  );
  const started = new Date();
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: entries.map(([out, entry]) => ({ in: entry, out })),
    outdir,
    write: false,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    external: ['koffi', 'cpu-features', '*.node'],
    banner: { js: banner },
    plugins: [withoutFacades],
    // what is not there need not be read; names stay, for the sake of stack traces
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
  });
  for (const { path, contents } of outputFiles) await replaceFile(path, contents, started);
  return entries.map(([name]) => name);
}

/**
 * At once, for somebody may be starting it. Dated when the build began: a source written meanwhile is younger.
 */
async function replaceFile(path: string, contents: Uint8Array, date: Date): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(unfinished, contents);
  await utimes(unfinished, date, date);
  await rename(unfinished, path);
}

if (basename(process.argv[1] ?? '') === 'build.ts') {
  const names = process.argv.slice(2);
  await buildPrograms('dist', names.length > 0 ? names : undefined);
}
