import { utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'vite';

/** Builds the window into `dist/renderer`. Its page is dated when the build began: a source written meanwhile is younger. */
const project = dirname(import.meta.dirname);
const outDir = join(project, 'dist', 'renderer');
const started = new Date();

// a test that starts it says `test` here, and would get Vue's development build: larger, slower, another one than users have
process.env.NODE_ENV = 'production';

await build({
  root: join(project, 'renderer'),
  configFile: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'vue' } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  },
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    chunkSizeWarningLimit: 900,
    modulePreload: { polyfill: false },
  },
});
await utimes(join(outDir, 'index.html'), started, started);
