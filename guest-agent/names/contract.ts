/** What a name stands for; an empty list: the name is known and has no address of that family. */
export interface Addresses {
  ipv4: readonly string[];
  ipv6: readonly string[];
}

/** A name server of somebody else. */
export interface Upstream {
  address: string;
  /** asked from the host's network, not from the container's: the host's own servers, which may be its loopback */
  fromHost: boolean;
}

/** What one container is told; asked anew for each query. */
export interface NameView {
  /** `name` in small letters, without the final dot. Undefined: not one of ours */
  find(name: string): Addresses | undefined;
  /** the whole name of an address of ours */
  nameOf(address: string): string | undefined;
  /** who is asked what we do not know; nobody: internal networks */
  readonly upstreams: readonly Upstream[];
  /** names without a dot are never asked of others: the container's user has set `ndots`, its search list does that */
  readonly keepsShortNames: boolean;
}

/** The name service of one container, until it is closed. */
export interface NameServer {
  close(): void;
}
