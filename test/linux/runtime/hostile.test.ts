import { cpSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('an image that wants out', () => {
  let shop: Workshop;
  let lower: string;
  beforeAll(async () => {
    shop = await Workshop.open();
    lower = join(shop.directory, 'hostile');
  });
  afterAll(() => shop.close());

  /** The tiny image with `links` instead of its own entries. */
  function image(links: Record<string, string>): string {
    rmSync(lower, { recursive: true, force: true });
    cpSync(shop.lower, lower, { recursive: true, verbatimSymlinks: true });
    for (const [name, target] of Object.entries(links)) {
      rmSync(join(lower, name), { recursive: true, force: true });
      mkdirSync(join(lower, name, '..'), { recursive: true });
      symlinkSync(target, join(lower, name));
    }
    return lower;
  }

  const run = (args: string[], links: Record<string, string>, change?: Parameters<typeof spec>[1]) => {
    const request = shop.request(spec(args, change));
    request.rootfs.lowerdirs = [image(links)];
    return shop.finish(request, () => shop.runtime.launch(request));
  };

  it('cannot lead /proc or /sys elsewhere', async () => {
    await expect(run(['true'], { proc: '/tmp' })).rejects.toMatchObject({
      step: 'mount',
      subject: expect.stringContaining('proc'),
    });
    await expect(run(['true'], { sys: '/tmp' })).rejects.toMatchObject({
      step: 'mount',
      subject: expect.stringContaining('sys'),
    });
  });

  it('gets its devices inside when /dev leads out', async () => {
    const outside = join(shop.directory, 'outside');
    mkdirSync(outside);
    const { output } = await run(
      ['sh', '-c', `ls -d ${outside}; ls ${outside} | grep -v core | head -2; echo x > /dev/null`],
      {
        dev: outside,
      },
    );
    expect(output).toBe(`${outside}\nfd\nfull\n`);
    expect(readdirSync(outside)).toEqual([]);
  });

  it('gets mounts inside when their targets lead out', async () => {
    const outside = join(shop.directory, 'elsewhere');
    mkdirSync(outside);
    const source = join(shop.directory, 'hosts');
    writeFileSync(source, 'mounted\n');
    const mount = { destination: '/etc/hosts', type: 'bind', source, options: ['rbind', 'ro'] };
    const { output } = await run(['cat', '/etc/hosts'], { 'etc/hosts': `../../../../../..${outside}/hosts` }, made => {
      made.mounts.push(mount);
      made.process.cwd = '/etc';
    });
    expect(output).toBe('mounted\n');
    expect(readdirSync(outside)).toEqual([]);
    expect(lstatSync(source).size).toBe(8);
  });

  it('cannot have its mask mounted over something else', async () => {
    const { output } = await run(['sh', '-c', 'cat /proc/keys | wc -c; stat -c %t:%T /dev/null'], {
      'dev/null': '/etc/no-program',
    });
    expect(output).toBe('0\n1:3\n');
  });

  it('cannot make a loop of links cost more than an error', async () => {
    const change: Parameters<typeof spec>[1] = made => {
      made.process.cwd = '/loop/here';
    };
    await expect(run(['pwd'], { loop: 'loop' }, change)).rejects.toMatchObject({ step: 'makeDirectory' });
  });

  it('cannot write to the keeper through /proc/self/exe', async () => {
    const { output } = await run(
      [
        '/proc/self/exe',
        '-e',
        `try { require('fs').openSync('/proc/self/exe', 'r+'); console.log('open') } catch (e) { console.log(e.code) }`,
      ],
      {},
    ).catch(error => ({ output: error.code }));
    expect(['ENOENT', 'EROFS', 'ETXTBSY']).toContain(output.trim());
  });
});
