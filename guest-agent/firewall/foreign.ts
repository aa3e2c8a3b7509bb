/**
 * Other people's rules. An accept in our table does not stop a later chain from dropping what is forwarded, so where
 * somebody else decides about forwarding we put an accept of our own into his chain, marked so that it can be found
 * again. It opens nothing that our own table keeps closed.
 */

/** What `nft --json --handle` lists. */
export interface Listing {
  nftables: { chain?: ListedChain; rule?: ListedRule; table?: { family: string; name: string } }[];
}
interface ListedChain {
  family: string;
  table: string;
  name: string;
  type?: string;
  hook?: string;
  policy?: string;
}
interface ListedRule {
  handle: number;
  comment?: string;
  expr?: Record<string, unknown>[];
}

/** A chain of somebody else where an accept counts. */
export interface Place {
  /** `ip filter DOCKER-USER` */
  chain: string;
  /** it is there for rules of others, which come first */
  forOthers: boolean;
  /** what none of its rules decides is let through: an accept counts only before a last rule that refuses the rest */
  isOpen: boolean;
}

/** Docker's chain for rules that are not its own. */
const forOthers = 'DOCKER-USER';
const ownTables = /^berth_/;
const families: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet']);
const markOf = (bridge: string): string => `berth ${bridge}`;

/** `everywhere`: also where there is a better one, to take rules away. */
export function placesIn({ nftables }: Listing, { everywhere = false } = {}): Place[] {
  const chains = nftables.flatMap(({ chain }) => chain ?? []);
  const foreign = chains.filter(({ family, table }) => families.has(family) && !ownTables.test(table));
  const deciding = foreign.filter(({ type, hook }) => type === 'filter' && hook === 'forward');
  return deciding.flatMap(base => {
    const { family, table } = base;
    const polite = foreign.find(chain => chain.family === family && chain.table === table && chain.name === forOthers);
    const own = { chain: `${family} ${table} ${base.name}`, forOthers: false, isOpen: base.policy !== 'drop' };
    if (!polite) return [own];
    const others = { chain: `${family} ${table} ${forOthers}`, forOthers: true, isOpen: false };
    return everywhere ? [others, own] : [others];
  });
}

/** What is said of `bridges` in a place, and not yet there. `rules` are those of the place. */
export function admissionCommands(place: Place, { nftables }: Listing, bridges: readonly string[]): string[] {
  const rules = nftables.flatMap(({ rule }) => rule ?? []);
  const last = rules.at(-1);
  if (place.isOpen && !refusesAll(last)) return [];
  const before = last?.expr?.some(part => 'return' in part) ? ` handle ${last.handle}` : undefined;
  const verb = !place.forOthers || before !== undefined ? 'insert' : 'add';
  return bridges
    .filter(bridge => rules.filter(({ comment }) => comment === markOf(bridge)).length < directions.length)
    .flatMap(bridge => [
      ...dismissalCommands(place, { nftables }, name => name === bridge),
      ...directions.map(
        direction =>
          `${verb} rule ${place.chain}${before ?? ''} ${direction} "${bridge}" counter accept comment "${markOf(bridge)}"`,
      ),
    ]);
}

const refusals: readonly string[] = ['drop', 'reject'];
const remarks: readonly string[] = ['counter', 'log'];

/** As firewalld's chains end, and many that were written by hand. */
function refusesAll(rule: ListedRule | undefined): boolean {
  const words = (rule?.expr ?? []).flatMap(part => Object.keys(part)).filter(word => !remarks.includes(word));
  return words.length === 1 && refusals.includes(words[0] ?? '');
}

const directions = ['iifname', 'oifname'] as const;

/** Takes away our marks of the bridges that are `unwanted`. */
export function dismissalCommands(
  place: Place,
  { nftables }: Listing,
  unwanted: (bridge: string) => boolean,
): string[] {
  return nftables.flatMap(({ rule }) => {
    const [, bridge] = /^berth (\S+)$/.exec(rule?.comment ?? '') ?? [];
    return rule && bridge !== undefined && unwanted(bridge) ? [`delete rule ${place.chain} handle ${rule.handle}`] : [];
  });
}
