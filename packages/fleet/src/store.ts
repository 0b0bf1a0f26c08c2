import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex, writeFileAtomic } from '@klpkit/host';

/** Largest object that is read from a store, in bytes. */
const mostBytes = 2 ** 28;

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

/** A store that cannot be reached, lacks something, or holds other bytes than it says. */
export class StoreError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StoreError';
  }
}

const isDigest = /^[0-9a-f]{64}$/;

/** A store in a folder, which several machines may share: `objects/ab/abcd…`, `results/ab/abcd….json`. */
export class FolderStore implements Store {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async put(bytes: string | Uint8Array): Promise<string> {
    const digest = sha256Hex(bytes);
    const path = this.#path('objects', digest);
    if (!(await isThere(path))) await this.#write(path, bytes);
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    const path = this.#path('objects', digest);
    try {
      const { size } = await stat(path);
      if (size > mostBytes) throw new StoreError(`the store holds ${size} bytes as ${digest}, too many`);
      const bytes = await readFile(path);
      if (sha256Hex(bytes) !== digest)
        throw new StoreError(`the store holds other bytes than ${digest} under that name`);
      return bytes;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(`the store has no ${digest}: ${(error as NodeJS.ErrnoException).code}`);
    }
  }

  async has(digest: string): Promise<boolean> {
    return isThere(this.#path('objects', digest));
  }

  async result(key: string): Promise<string | undefined> {
    try {
      return await readFile(`${this.#path('results', key)}.json`, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new StoreError(`the store cannot be read: ${(error as Error).message}`);
    }
  }

  async keep(key: string, text: string): Promise<void> {
    await this.#write(`${this.#path('results', key)}.json`, text);
  }

  #path(kind: 'objects' | 'results', digest: string): string {
    // Digests come from jobs, and a path is made of them.
    if (!isDigest.test(digest)) throw new StoreError(`${JSON.stringify(digest)} is no SHA-256`);
    return join(this.folder, kind, digest.slice(0, 2), digest);
  }

  async #write(path: string, data: string | Uint8Array): Promise<void> {
    try {
      await writeFileAtomic(path, data);
    } catch (error) {
      throw new StoreError(`the store cannot be written: ${(error as Error).message}`);
    }
  }
}

/** A store that cannot be reached is tried again for so long: a share that is mounted anew, a disk on which room is made. */
const patienceMs = 60_000;

/** A store that waits while it cannot be reached. */
class PatientStore implements Store {
  readonly #store: Store;
  readonly #patienceMs: number;

  constructor(store: Store, patience: number) {
    this.#store = store;
    this.#patienceMs = patience;
  }

  put(bytes: string | Uint8Array): Promise<string> {
    return this.#again(() => this.#store.put(bytes));
  }

  get(digest: string): Promise<Uint8Array> {
    return this.#again(() => this.#store.get(digest));
  }

  has(digest: string): Promise<boolean> {
    return this.#again(() => this.#store.has(digest));
  }

  result(key: string): Promise<string | undefined> {
    return this.#again(() => this.#store.result(key));
  }

  keep(key: string, text: string): Promise<void> {
    return this.#again(() => this.#store.keep(key, text));
  }

  async #again<T>(what: () => Promise<T>): Promise<T> {
    for (const since = Date.now(); ; ) {
      try {
        return await what();
      } catch (error) {
        if (!(error instanceof StoreError) || Date.now() - since > this.#patienceMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }
}

/** Opens a store by its address: a folder, which is made at the first write. It is waited for while it cannot be reached. */
export function openStore(address: string, patience: number = patienceMs): Store {
  return new PatientStore(new FolderStore(address), patience);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
