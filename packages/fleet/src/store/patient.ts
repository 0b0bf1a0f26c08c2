import { type Store, StoreError } from './types.ts';

/** How a store is waited for. */
export interface Patience {
  /** For so long; what cannot be reached for longer is given up. */
  readonly ms: number;
  /** Told once for each time of waiting. */
  readonly onWait?: ((why: string) => void) | undefined;
}

/** First and longest pause between two tries, in milliseconds; each is twice the one before. */
const pauses = [250, 4000] as const;

/** A store that waits while another one cannot be reached: a share that is mounted anew, a service that is started again. */
export class PatientStore implements Store {
  readonly #store: Store;
  readonly #patience: Patience;

  constructor(store: Store, patience: Patience) {
    this.#store = store;
    this.#patience = patience;
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
    const { ms, onWait } = this.#patience;
    const since = Date.now();
    for (let pause: number = pauses[0]; ; pause = Math.min(2 * pause, pauses[1])) {
      try {
        return await what();
      } catch (error) {
        if (!(error instanceof StoreError) || error.trouble !== 'unreachable') throw error;
        const left = since + ms - Date.now();
        if (left <= 0) throw error;
        if (pause === pauses[0]) onWait?.(error.message);
        await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
      }
    }
  }
}
