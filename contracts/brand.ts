/** A string (or number) that the compiler will not confuse with another of the same shape. */
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };

declare const brand: unique symbol;

/** 64 hexadecimal digits, always whole. */
export type ContainerId = Brand<string, 'ContainerId'>;
/** What a user typed for a container: an id, a prefix of one, or a name. */
export type ContainerRef = Brand<string, 'ContainerRef'>;
/** 64 hexadecimal digits. */
export type ExecId = Brand<string, 'ExecId'>;
/** 64 hexadecimal digits. */
export type NetworkId = Brand<string, 'NetworkId'>;
