import type { Page } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import { dockerOn, type TestEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type FarPeer, startFarPeer } from '../support/far-peer.ts';
import { busyboxArchive } from '../support/images.ts';
import { type SshServer, startSshServer } from '../support/ssh-server.ts';
import { accessProblems } from './axe.ts';
import { chromium, windowForTests } from './window-for-tests.ts';

/** Docker's own engine, as it is on somebody's other computer: behind OpenSSH, and behind an address with certificates. */
describe.skipIf(!chromium)('other engines in the window', () => {
  let page: Page;
  let peer: FarPeer;
  let ssh: SshServer;
  let there: Pick<TestEngine, 'docker' | 'tryDocker'>;
  const { picture, row, see, visit } = windowForTests(async shown => {
    ({ page } = shown);
    const { home, engine } = shown;
    peer = await startFarPeer(home);
    there = dockerOn(peer.socket);
    await there.docker('load', '-q', '-i', await busyboxArchive());
    ssh = await startSshServer(home, { DOCKER_HOST: `unix://${peer.socket}`, PATH: process.env.PATH ?? '' });
    const add = (name: string, endpoint: string): Promise<unknown> =>
      engine.tryDocker(['context', 'create', name, '--docker', endpoint], { env: { DOCKER_CONFIG: home } });
    await add('nas', `host=${ssh.address}`);
    await add('cloud', peer.endpoint);
    await add('gone', 'host=ssh://root@127.0.0.1:1');
  });
  afterAll(async () => {
    await ssh?.stop();
    const left = (await there?.docker('ps', '-aq'))?.trim();
    if (left) await there.docker('rm', '-f', ...left.split('\n'));
    await peer?.stop();
  });

  const show = async (name: string): Promise<void> => {
    await visit('Engines');
    await row(name).click();
    await page.locator('.engine-name').getByText(name).waitFor();
  };

  test('one that cannot be reached is not shown, and why is told', async () => {
    await visit('Engines');
    await row('gone').click();
    await page.getByText('The engine gone does not answer').waitFor();
    await see(/port 1: Connection refused/);
    await picture('engine-unreachable');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Dismiss' }).click();
  });

  test.each(['nas', 'cloud'])(
    'containers of %s are run, read, entered and removed',
    async context => {
      const name = `from-${context}`;
      await show(context);
      await visit('Images');
      await row('busybox').hover();
      await row('busybox').getByRole('button', { name: 'Run' }).click();
      await page.getByLabel('Name', { exact: true }).fill(name);
      await page.getByLabel('Command').fill('sh -c "while :; do echo tick; sleep 1; done"');
      await page.getByRole('dialog').getByRole('button', { name: 'Run' }).click();
      await page.getByRole('log').getByText('tick').first().waitFor();
      expect(await there.docker('ps', '--format', '{{.Names}}')).toContain(`${name}\n`);
      await page.getByRole('tab', { name: 'Terminal' }).click();
      await page.getByRole('region', { name: 'Terminal in the container' }).getByText('/ #').first().waitFor();
      await page.keyboard.type('echo $((6*7))\n');
      await page.getByText(/^42$/).first().waitFor();
      await page.getByRole('tab', { name: 'Files' }).click();
      await page.getByRole('button', { name: 'etc', exact: true }).waitFor();
      await page.getByRole('tab', { name: 'Statistics' }).click();
      await page.getByText(/^CPU \d/).waitFor();
      await picture(`engine-${context}`);
      expect(await accessProblems(page)).toEqual([]);
      await there.docker('kill', name);
      await row(name).getByText('Exited').waitFor();
      await row(name).focus();
      await page.keyboard.press('Delete');
      await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
      await row(name).waitFor({ state: 'detached' });
      await eventually(
        'it is gone there',
        async () => !(await there.docker('ps', '-a', '--format', '{{.Names}}')).includes(name),
      );
    },
    240_000,
  );

  test('a line that breaks is told with its reason, and healed when it is back', async () => {
    await there.docker('run', '-d', '--name', 'stays', '--stop-signal', 'KILL', 'busybox', 'sleep', '600');
    await show('nas');
    await row('stays').waitFor();
    await ssh.stop();
    await see(/The engine does not answer/);
    await see(/Connection refused/);
    await page.reload();
    await see('The engine nas does not answer');
    await picture('engine-away');
    expect(await accessProblems(page)).toEqual([]);
    await ssh.start();
    await row('stays').getByText('Running').waitFor();
    await ssh.stop();
    await see(/The engine does not answer/);
    await ssh.start();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await there.docker('kill', 'stays');
    await row('stays').getByText('Exited').waitFor();
  });
});
