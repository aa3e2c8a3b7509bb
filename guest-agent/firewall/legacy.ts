import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Tables of the old iptables, which nft does not see. Its own program speaks to them, and only where such tables are in
 * use: when an engine starts, when a network is made or goes, or when they come to be. Never for a container.
 */

interface Family {
  program: string;
  /** of /proc: the tables in use */
  names: string;
}

const families: readonly Family[] = [
  { program: 'iptables-legacy', names: '/proc/net/ip_tables_names' },
  { program: 'ip6tables-legacy', names: '/proc/net/ip6_tables_names' },
];
const forOthers = 'DOCKER-USER';
const patienceMs = 3000;

/** Another text when old tables come to be, or go; empty where there are none. */
export const legacyTables = (): string => families.map(({ names }) => tablesIn(names)).join(';');

/** See `Firewall.admit`. */
export function admitInLegacy(bridges: readonly string[], gone: (bridge: string) => boolean): void {
  inEach((chains, run) => {
    for (const args of legacyDismissals(chains, gone)) run(args);
    for (const args of legacyAdmissions(chains, bridges)) run(args);
  });
}

export function dismissInLegacy(bridge: string): void {
  inEach((chains, run) => {
    for (const args of legacyDismissals(chains, name => name === bridge)) run(args);
  });
}

/** The chains where an accept counts, as `-S` lists them; undefined: there is no such chain. */
export interface LegacyChains {
  forward: string;
  polite: string | undefined;
}

/** Arguments that let in what is missing: in the chain for others behind its owner's rules, else before a policy that drops. */
export function legacyAdmissions({ forward, polite }: LegacyChains, bridges: readonly string[]): string[][] {
  const drops = forward.split('\n').includes('-P FORWARD DROP');
  if (polite === undefined && !drops) return [];
  const [chain, listing] = polite === undefined ? ['FORWARD', forward] : [forOthers, polite];
  const rules = listing.split('\n').filter(line => line.startsWith('-A '));
  const returns = rules.at(-1) === `-A ${forOthers} -j RETURN`;
  const place =
    polite === undefined ? ['-I', chain, '1'] : returns ? ['-I', chain, String(rules.length)] : ['-A', chain];
  return bridges
    .filter(bridge => !rules.some(rule => bridgeOf(rule) === bridge))
    .flatMap(bridge => ['-o', '-i'].map(direction => [...place, direction, bridge, ...markOf(bridge), '-j', 'ACCEPT']));
}

export function legacyDismissals({ forward, polite }: LegacyChains, unwanted: (bridge: string) => boolean): string[][] {
  return `${forward}\n${polite ?? ''}`.split('\n').flatMap(rule => {
    const bridge = bridgeOf(rule);
    const [, chain, direction] = /^-A (\S+) (-[io]) \S+ /.exec(rule) ?? [];
    if (bridge === undefined || !chain || !direction || !unwanted(bridge)) return [];
    return [['-D', chain, direction, bridge, ...markOf(bridge), '-j', 'ACCEPT']];
  });
}

const markOf = (bridge: string): string[] => ['-m', 'comment', '--comment', `berth ${bridge}`];
const bridgeOf = (rule: string): string | undefined => /--comment "berth (\S+)"/.exec(rule)?.[1];

function inEach(work: (chains: LegacyChains, run: (args: string[]) => void) => void): void {
  for (const { program, names } of families) {
    if (!tablesIn(names).split('\n').includes('filter')) continue;
    const forward = call(program, ['-S', 'FORWARD']);
    if (forward === undefined) continue; // the tables are there, their program is not
    work({ forward, polite: call(program, ['-S', forOthers]) }, args => void call(program, args));
  }
}

function tablesIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** What it prints, or undefined when it fails. */
function call(program: string, args: string[]): string | undefined {
  const { status, stdout } = spawnSync(program, ['-w', '2', ...args], { encoding: 'utf8', timeout: patienceMs });
  return status === 0 ? stdout : undefined;
}
