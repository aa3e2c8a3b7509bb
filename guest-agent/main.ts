import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, type Log } from '../base/log.ts';
import { messageOf } from '../contracts/errors.ts';
import { type Agent, checkRoot, end, start, version } from './agent/index.ts';
import { applyProxy, type Flags, levelOf, readConfig, readFlags } from './config/index.ts';
import type { Engine } from './engine/index.ts';
import { readUserRemap, type UserRemap } from './runtime/index.ts';

/** Engines that number users differently keep apart what they have, as dockerd's do. */
function remapped(flags: Flags): Flags & { remap?: UserRemap } {
  const setting = flags.settings.config['userns-remap'];
  if (!setting) return flags;
  const remap = readUserRemap(setting);
  const [uid, gid] = [remap.uidMappings[0]?.hostID, remap.gidMappings[0]?.hostID];
  return { ...flags, root: join(flags.root, `${uid}.${gid}`), remap };
}

/** The configuration file anew: what is wrong with it is told, and then nothing changes. */
function reload({ configFile, machine, settings }: Flags, log: Log, engine: Engine): void {
  try {
    settings.reload(readConfig(configFile, machine, {}).config);
    engine.system.announceReload();
    log.info('The configuration was read again', settings.attributes());
  } catch (error) {
    log.error(messageOf(error));
  }
}

async function main(): Promise<void> {
  const flags = remapped(readFlags(process.argv.slice(2)));
  const log = createLog({ level: () => levelOf(flags) });
  for (const directive of flags.ignoredDirectives) {
    log.warn('A directive of the configuration file has no effect', { directive, file: flags.configFile });
  }
  process.on('unhandledRejection', error => log.error('An error that nobody handled', { error }));
  if (flags.check) process.exit(await checkRoot(flags, log));
  applyProxy(flags);
  let starting: Promise<Agent> | undefined;
  let ending: Promise<void> | undefined;
  const shutdown = (graceSeconds: number): Promise<void> => {
    ending ??= (async () => {
      setInterval(() => undefined, 1000); // idle threads and sockets would let the program end before its end is done
      log.info('The engine ends', { graceSeconds });
      if (starting) await end(await starting, flags, graceSeconds);
      process.exit(0);
    })();
    return ending;
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      shutdown(flags.settings.config['shutdown-timeout']).catch(error => {
        log.error('The engine did not end in order', { error });
        process.exit(1);
      });
    });
  }
  starting = start(flags, log, shutdown);
  const { engine } = await starting;
  process.on('SIGHUP', () => reload(flags, log, engine));
  writeFileSync(join(flags.execRoot, 'engine.pid'), `${process.pid}\n`);
  log.info('The engine answers', { socket: flags.socketPath, version });
}

main().catch(error => {
  process.stderr.write(`berth engine: ${messageOf(error)}\n`);
  process.exit(1);
});
