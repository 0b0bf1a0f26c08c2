import { availableParallelism, freemem } from 'node:os';
import type { Job, JobResult } from '../types.ts';
import { runJobProcess } from './spawn.ts';
import type { Engine } from './types.ts';

/** What a job needs at most, in bytes: a large unit with its kernel, or a VM. */
const bytesOfJob = 1.2e9;

/** Jobs at once for this machine's cores and memory. */
export function localWidth(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / bytesOfJob)));
}

/** Does jobs on this machine, as many at once as it is told, each in a process of its own. */
export class LocalEngine implements Engine {
  readonly width: number;
  readonly #store: string;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  readonly #onWait: ((why: string) => void) | undefined;

  /**
   * @param store address of the store that the jobs use
   * @param onWait told when a job waits for it, and why
   */
  constructor(store: string, width: number = localWidth(), onWait?: (why: string) => void) {
    this.#store = store;
    this.width = width;
    this.#onWait = onWait;
  }

  async run(_key: string, job: Job, signal?: AbortSignal): Promise<JobResult> {
    if (this.#running >= this.width) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      signal?.throwIfAborted();
      return await runJobProcess(job, { store: this.#store, signal, onWait: this.#onWait });
    } finally {
      // The place goes to the next one that waits.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async close(): Promise<void> {}
}
