import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { LogLevel } from '../../base/log.ts';
import type { MachineSettings } from '../../contracts/guest.ts';
import { type GivenFlags, type ReadConfig, readConfigFile } from './read-config.ts';
import { DaemonSettings } from './settings.ts';

const usage = `usage: agent --root DIR --exec-root DIR --host unix://PATH
             [--bridge NAME] [--bip CIDR] [--config-file FILE] [--machine FILE] [--woken FIFO] [--after FIFO]
             [--log-level LEVEL]
       agent --root DIR --check`;

/** Where the agent lives and what it serves. */
export interface Flags {
  root: string;
  execRoot: string;
  socketPath: string;
  bridge: string;
  bip?: string;
  /** The flag; else the configuration file decides. */
  logLevel?: LogLevel;
  /** A FIFO in which a line tells the machine's init that the host has woken us. */
  woken?: string;
  /** A FIFO whose end tells us that the init has prepared the machine. */
  after?: string;
  /** What the host of our machine says. Absent: we run natively. */
  machine?: MachineSettings;
  /** Keys of Docker's daemon.json, from this file and from the host of our machine. */
  configFile?: string;
  /** Look for damage among images, mend it, and end. */
  check: boolean;
  settings: DaemonSettings;
  ignoredDirectives: string[];
}

/** @throws Error that says what is wrong, for a person */
export function readFlags(args: string[]): Flags {
  const { values } = parseArgs({
    args,
    options: {
      root: { type: 'string' },
      'exec-root': { type: 'string' },
      host: { type: 'string' },
      bridge: { type: 'string' },
      bip: { type: 'string' },
      config: { type: 'string' },
      'config-file': { type: 'string' },
      machine: { type: 'string' },
      woken: { type: 'string' },
      after: { type: 'string' },
      check: { type: 'boolean', default: false },
      'log-level': { type: 'string' },
    },
  });
  const { root, check, 'exec-root': execRoot = '', host = '' } = values;
  if (!root || (!check && (!execRoot || !host.startsWith('unix://')))) throw new Error(usage);
  const machine = values.machine ? (readJson(values.machine) as MachineSettings) : undefined;
  const configFile = values['config-file'] ?? values.config;
  const { config, ignored } = readConfig(configFile, machine, { bip: values.bip, 'log-level': values['log-level'] });
  return {
    root,
    execRoot,
    check,
    socketPath: host.slice('unix://'.length),
    bridge: values.bridge ?? config.bridge ?? 'berth0',
    bip: values.bip ?? config.bip,
    ...(values['log-level'] ? { logLevel: values['log-level'] as LogLevel } : {}),
    ...(configFile ? { configFile } : {}),
    ...(values.woken ? { woken: values.woken } : {}),
    ...(values.after ? { after: values.after } : {}),
    machine,
    settings: new DaemonSettings(config),
    ignoredDirectives: ignored,
  };
}

/** What the host of our machine says, and above it the file. @throws Error in dockerd's words */
export function readConfig(
  file: string | undefined,
  machine: MachineSettings | undefined,
  flags: GivenFlags,
): ReadConfig {
  const { config, ignored } = file ? readConfigFile(file, flags) : { config: {}, ignored: [] };
  return { config: { ...machine?.engine, ...config }, ignored };
}

/** Errors are all that a program at the level `fatal` or `panic` says here. */
export function levelOf({ logLevel, settings }: Flags): LogLevel {
  const { debug, 'log-level': level = 'info' } = settings.config;
  if (logLevel) return logLevel;
  if (debug || level === 'trace') return 'debug';
  return level === 'debug' || level === 'info' || level === 'warn' ? level : 'error';
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** The proxies of the configuration or of the host, for what this process fetches and the `info` document tells. */
export function applyProxy({ machine, settings: { config } }: Flags): void {
  const { http, https, no } = {
    ...machine?.proxy,
    ...(config['http-proxy'] ? { http: config['http-proxy'] } : {}),
    ...(config['https-proxy'] ? { https: config['https-proxy'] } : {}),
    ...(config['no-proxy'] ? { no: config['no-proxy'] } : {}),
  };
  if (http) process.env.HTTP_PROXY = http;
  if (https) process.env.HTTPS_PROXY = https;
  if (no) process.env.NO_PROXY = no;
}
