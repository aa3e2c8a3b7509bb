import { existsSync } from 'node:fs';
import { mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { keeperArguments } from '../guest-agent/runtime/keeper-program.ts';

/**
 * Bundles every program that runs without this tree into `dist/`: the agent, the keeper, and the worker threads.
 * Of koffi the binary stays outside. They are CommonJS: in an emulated machine it takes a quarter of a second
 * to start Node's loader of ES modules. Silent when all is well. Names as arguments build only those.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

/** Name in `dist/` (without `.cjs`) → entry. */
const programs: Record<string, string> = {
  agent: 'guest-agent/main.ts',
  keeper: 'guest-agent/keeper/main.ts',
  'archive-worker': 'guest-agent/archive/worker.ts',
  'pump-worker': 'guest-agent/logs/pump-worker.ts',
  'mount-worker': 'guest-agent/volumes/mount-worker.ts',
};

const require = createRequire(import.meta.url);

/**
 * An import of one of Node's own modules makes a facade of it, which reads every one of its exports: for `node:http` that
 * loads undici and HTTP/2, for `node:fs` its streams; together a quarter of the agent's start in an emulated machine.
 * Here an import reads what is named; the bundler drops the rest.
 */
const withoutFacades: Plugin = {
  name: 'builtin modules without facades',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/, namespace: 'file' }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin', sideEffects: false } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: readingOnly(path) }));
  },
};

function readingOnly(module: string): string {
  const names = Object.keys(require(module)).filter(name => /^[\w$]+$/.test(name) && name !== 'default');
  const exported = names.map(name => `export const ${name} = /* @__PURE__ */ (() => module.${name})();`);
  return [`const module = require(${JSON.stringify(module)});`, 'export default module;', ...exported].join('\n');
}

/**
 * What takes long to load and our channel does not speak: ChaCha20-Poly1305 in WebAssembly (both ends take AES-GCM), SFTP,
 * keys with passwords.
 */
const unused: Record<string, string> = {
  'ssh2/lib/protocol/crypto/poly1305.js':
    'module.exports = async () => ({ _malloc: () => 0, cwrap: () => () => undefined });',
  'ssh2/lib/protocol/SFTP.js': 'module.exports = { SFTP: class {} };',
  'bcrypt-pbkdf/index.js': 'module.exports = {};',
};

const withoutUnused: Plugin = {
  name: 'packages without what is not used',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]node_modules[\\/].*\.js$/ }, ({ path }) => {
      const [, file = ''] = path.replaceAll('\\', '/').split('/node_modules/');
      const contents = unused[file];
      return contents === undefined ? undefined : { contents };
    });
  },
};

/**
 * What a program needs of koffi is its binary: the way there, which reads the ELF header of Node to find out what it runs
 * on, takes a tenth of the agent's load. Our bundles run on glibc only.
 */
const koffiAtOnce: Plugin = {
  name: "koffi's binary at once",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^koffi$/ }, ({ path }) => ({ path, namespace: 'koffi' }));
    onLoad({ filter: /.*/, namespace: 'koffi' }, () => ({
      contents: `const { arch } = process;
        export default require(\`@koromix/koffi-linux-\${arch}/linux_\${arch}/koffi.node\`);`,
    }));
  },
};

/** How the machine's init starts the keeper: read by a shell. */
const keeperCommand = Buffer.from(`${keeperArguments('keeper.cjs').slice(0, -1).join(' ')}\n`);

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
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node26',
    external: ['cpu-features', '*.node'],
    define: { 'import.meta.filename': '__filename' },
    plugins: [koffiAtOnce, withoutFacades, withoutUnused],
    // what is not there need not be read; names stay, for the sake of stack traces
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
  });
  for (const { path, contents } of outputFiles) await replaceFile(path, contents, started);
  if (names.includes('keeper')) await replaceFile(join(outdir, 'keeper.arguments'), keeperCommand, started);
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
