import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex, writeFileAtomic } from '@klpkit/host';
import { damaged, mostBytes, placeOf, type Store, StoreError } from './types.ts';

/** What waiting does not mend. */
const refusals = new Set(['EACCES', 'EPERM', 'EROFS']);

/** A store in a folder, which several machines may share. */
export class FolderStore implements Store {
  readonly folder: string;
  /** Whether something was there once: a share that is gone is then not taken for a store that is new. */
  #wasThere = false;

  constructor(folder: string) {
    this.folder = folder;
  }

  async put(bytes: string | Uint8Array): Promise<string> {
    const digest = sha256Hex(bytes);
    const path = this.#path('objects', digest);
    // One that was cut short, when the machine lost its power say, is written again.
    if ((await sizeOf(path)) !== Buffer.byteLength(bytes)) await this.#write(path, bytes);
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    const path = this.#path('objects', digest);
    const size = await sizeOf(path);
    if (size !== undefined && size > mostBytes) throw damaged(path, `${size} bytes, which are too many,`);
    const bytes = await readFile(path).catch(async (error: NodeJS.ErrnoException) => {
      throw (
        (await this.#trouble(error)) ??
        new StoreError(
          'missing',
          `the store ${this.folder} has no ${digest}`,
          'give workers and matrix the same --store, and run it again',
        )
      );
    });
    this.#wasThere = true;
    if (sha256Hex(bytes) !== digest) throw damaged(path, 'other bytes than the name says');
    return bytes;
  }

  async has(digest: string): Promise<boolean> {
    try {
      await stat(this.#path('objects', digest));
      return true;
    } catch (error) {
      await this.#assertThere(error);
      return false;
    }
  }

  async result(key: string): Promise<string | undefined> {
    try {
      const text = await readFile(this.#path('results', key), 'utf8');
      this.#wasThere = true;
      return text;
    } catch (error) {
      await this.#assertThere(error);
      return undefined;
    }
  }

  async keep(key: string, text: string): Promise<void> {
    await this.#write(this.#path('results', key), text);
  }

  #path(kind: 'objects' | 'results', digest: string): string {
    return join(this.folder, placeOf(kind, digest));
  }

  /** Throws why a file could not be read, unless it is that a store which is there, or is not made yet, does not have it. */
  async #assertThere(error: unknown): Promise<void> {
    const { code } = error as NodeJS.ErrnoException;
    const trouble = await this.#trouble(error as NodeJS.ErrnoException);
    if (trouble && (code !== 'ENOENT' || this.#wasThere)) throw trouble;
  }

  /** Why a file could not be read, unless it is that the store does not have it. */
  async #trouble({ code }: NodeJS.ErrnoException): Promise<StoreError | undefined> {
    if (code !== 'ENOENT') return troubleOf(this.folder, 'read', code);
    for (const kind of ['objects', 'results'])
      if ((await sizeOf(join(this.folder, kind))) !== undefined) return undefined;
    return new StoreError(
      'unreachable',
      `the store ${this.folder} is not there`,
      'mount it, or name it with --store',
    );
  }

  async #write(path: string, data: string | Uint8Array): Promise<void> {
    try {
      await writeFileAtomic(path, data);
      this.#wasThere = true;
    } catch (error) {
      throw troubleOf(this.folder, 'written', (error as NodeJS.ErrnoException).code);
    }
  }
}

function troubleOf(folder: string, what: string, code: string | undefined): StoreError {
  return new StoreError(
    code !== undefined && refusals.has(code) ? 'refused' : 'unreachable',
    `the store ${folder} cannot be ${what}: ${code}`,
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'make room there'
      : 'make it a folder that can be written, or name another with --store',
  );
}

/** Bytes of a file; undefined where it cannot be told. */
async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
