/** Bytes by their SHA-256, and results by the digest of what they are of. Everything in it may be lost and made again. */
export interface Store {
  /** @returns the digest under which the bytes can be had */
  put(bytes: string | Uint8Array): Promise<string>;
  /** @throws {StoreError} when they are not there, or are others */
  get(digest: string): Promise<Uint8Array>;
  has(digest: string): Promise<boolean>;
  /** The text that was kept for a key; undefined when there is none. */
  result(key: string): Promise<string | undefined>;
  keep(key: string, text: string): Promise<void>;
}

/**
 * What is wrong with a store: it lacks an object; it holds other bytes than the name says; it refuses us, or is set up wrongly, which
 * waiting does not mend; or it cannot be reached, which may pass.
 */
export type StoreTrouble = 'missing' | 'damaged' | 'refused' | 'unreachable';

/** A store that did not do what was asked of it. No message holds a key or a token. */
export class StoreError extends Error {
  readonly trouble: StoreTrouble;
  /** What mends it. */
  readonly next: string;

  constructor(trouble: StoreTrouble, message: string, next: string) {
    super(message);
    this.name = 'StoreError';
    this.trouble = trouble;
    this.next = next;
  }
}

/** Largest object that is read from a store, in bytes. */
export const mostBytes = 2 ** 28;

/**
 * Where something lies in a store, below its folder or prefix: `objects/ab/abcd…`, `results/ab/abcd….json`.
 *
 * @throws {StoreError} for what is no SHA-256: digests come from jobs, and a path is made of them
 */
export function placeOf(kind: 'objects' | 'results', digest: string): string {
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new StoreError(
      'refused',
      `${JSON.stringify(digest)} is no SHA-256`,
      'run workers and coordinator from the same version of klpkit',
    );
  return `${kind}/${digest.slice(0, 2)}/${digest}${kind === 'results' ? '.json' : ''}`;
}

/** The error for an object that is not what its name says. */
export function damaged(place: string, what: string): StoreError {
  return new StoreError('damaged', `the store holds ${what} at ${place}`, 'remove it, and run it again');
}
