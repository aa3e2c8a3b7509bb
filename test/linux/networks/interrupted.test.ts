import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { addAddress, listAddresses, RouteConnection } from '../../../guest-agent/netlink/index.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { enterOwnNetwork } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: networks need Linux and root');

describe.skipIf(!usable)('while signals come', () => {
  beforeAll(() => void enterOwnNetwork());

  /** As a profiler's timer does, or children that end. */
  async function interrupt(): Promise<void> {
    process.on('SIGUSR2', () => undefined);
    const shower = `import os,sys\nprint('on', flush=True)\nwhile True: os.kill(${process.pid}, 12)`;
    const child = spawn('python3', ['-c', shower], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      process.removeAllListeners('SIGUSR2');
    });
    await once(child.stdout, 'data');
  }

  it('rules are made, each once', async () => {
    await interrupt();
    const nft = new Nftables();
    nft.run('add table ip own; add chain ip own rules; add counter ip own seen');
    const rules = Array.from({ length: 40 }, (_, n) => `add rule ip own rules tcp dport ${n + 1} counter`).join('\n');
    for (let time = 0; time < 25; time++) nft.run(rules);
    expect(nft.run('list table ip own').match(/tcp dport/g)).toHaveLength(1000);
  });

  it('links and addresses are told', async () => {
    await interrupt();
    const route = new RouteConnection();
    for (let n = 1; n < 200; n++) route.request(addAddress({ index: 1, address: `127.1.0.${n}`, prefixLength: 32 }));
    expect(listAddresses(route).filter(({ address }) => address.startsWith('127.1.'))).toHaveLength(199);
  });
});
