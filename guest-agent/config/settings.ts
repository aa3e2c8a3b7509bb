import type { DaemonConfig } from './directives.ts';

/** The keys that dockerd takes over on SIGHUP; an absent one keeps its value, where it is not a number. */
const kept = [
  'debug',
  'shutdown-timeout',
  'labels',
  'insecure-registries',
  'registry-mirrors',
  'live-restore',
] as const;
const reset = ['max-concurrent-downloads', 'max-concurrent-uploads', 'max-download-attempts', 'features'] as const;
const platform = ['default-shm-size', 'default-ipc-mode'] as const;

const defaults = {
  'shutdown-timeout': 15,
  'max-concurrent-downloads': 3,
  'max-concurrent-uploads': 5,
  'max-download-attempts': 5,
  'default-shm-size': 64 * 1024 * 1024,
  'default-ipc-mode': 'private',
} satisfies DaemonConfig;

const goList = (values: readonly string[] = []): string => JSON.stringify(values);

/** Go's `%v` of a map. */
const goMap = (values: Readonly<Record<string, boolean>> = {}): string =>
  `map[${Object.entries(values)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}:${value}`)
    .join(' ')}]`;

/** What the configuration file says, as of the last time that it was read. Whoever needs a key asks when he needs it. */
export class DaemonSettings {
  #config: DaemonConfig & typeof defaults;

  constructor(config: DaemonConfig) {
    this.#config = { ...defaults, ...withoutZeros(config) };
  }

  get config(): DaemonConfig & typeof defaults {
    return this.#config;
  }

  /** Takes over the keys that may change while containers run; `fresh` is the file as it is now. */
  reload(fresh: DaemonConfig): void {
    const taken = [...kept, ...platform].filter(key => fresh[key] !== undefined);
    const changed: DaemonConfig = {
      ...this.#config,
      ...Object.fromEntries(taken.map(key => [key, fresh[key]])),
      ...Object.fromEntries(reset.map(key => [key, fresh[key]])),
    };
    this.#config = { ...defaults, ...withoutZeros(changed) };
  }

  /** What the `reload` event of the daemon tells. */
  attributes(): Record<string, string> {
    const { config } = this;
    return {
      debug: String(config.debug ?? false),
      'default-cgroupns-mode': config['default-cgroupns-mode'] ?? 'host',
      'default-ipc-mode': config['default-ipc-mode'],
      'default-runtime': 'runc',
      'default-shm-size': String(config['default-shm-size']),
      features: goMap(config.features),
      'insecure-registries': goList(config['insecure-registries']),
      labels: goList(config.labels),
      'live-restore': String(config['live-restore'] ?? false),
      'max-concurrent-downloads': String(config['max-concurrent-downloads']),
      'max-concurrent-uploads': String(config['max-concurrent-uploads']),
      'max-download-attempts': String(config['max-download-attempts']),
      'registry-mirrors': goList(config['registry-mirrors']),
      runtimes: '',
      'shutdown-timeout': String(config['shutdown-timeout']),
    };
  }
}

/** In a file, 0 and absent are one, as everywhere in Docker. */
function withoutZeros(config: DaemonConfig): DaemonConfig {
  const entries = Object.entries(config).filter(([, value]) => value !== 0 && value !== '' && value !== undefined);
  return Object.fromEntries(entries);
}
