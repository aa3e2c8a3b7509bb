import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { _electron } from 'playwright-core';
import { expect, test } from 'vitest';
import { succeed } from '../support/command.ts';

const project = dirname(dirname(import.meta.dirname));
const binary = process.env.BERTH_TEST_ELECTRON ?? join(project, 'node_modules/electron/dist/electron');
const there = existsSync(binary);
if (!there)
  process.stdout.write('skipped: no Electron binary is here (it is downloaded by Electron at its first run)\n');

test('the desktop program is bundled whole', async () => {
  await succeed(process.execPath, [join(project, 'scripts/build-desktop.ts')]);
  for (const name of ['main.mjs', 'preload.cjs'])
    await succeed(process.execPath, ['--check', join(project, 'dist/desktop', name)]);
}, 120_000);

test.skipIf(!there)('the desktop program shows the window', async () => {
  await succeed(process.execPath, [join(project, 'scripts/build-renderer.ts')]);
  const home = await mkdtemp(join(tmpdir(), 'berth-home-'));
  const program = await _electron.launch({
    executablePath: binary,
    args: ['--no-sandbox', join(project, 'dist/desktop/main.mjs')],
    env: { ...process.env, BERTH_HOME: home } as Record<string, string>,
  });
  try {
    const page = await program.firstWindow();
    await page.getByRole('link', { name: 'Settings', exact: true }).click();
    await page.getByText(home, { exact: true }).waitFor();
    expect(await page.evaluate('typeof require')).toBe('undefined');
  } finally {
    await program.close();
    await rm(home, { recursive: true, force: true });
  }
});
