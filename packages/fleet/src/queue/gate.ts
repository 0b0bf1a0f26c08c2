import { type Job as BullJob, WaitingError, type Worker } from 'bullmq';

/** First and longest rest, in milliseconds; the first is longer than a failed job waits, so that another worker takes it. */
const rests = [5000, 60_000] as const;

/**
 * Lets so many jobs in at once, of all queues together: BullMQ counts in each queue apart. While all places are taken, and while the
 * machine rests, nothing is fetched; a job that was fetched at that moment is given back.
 */
export class Gate {
  readonly #places: number;
  readonly #workers: Worker[] = [];
  #running = 0;
  #restMs: number = rests[0];
  #timer: NodeJS.Timeout | undefined;

  constructor(places: number) {
    this.#places = places;
  }

  /** Jobs that are under way. */
  get running(): number {
    return this.#running;
  }

  /** Has a queue's worker fetch only while there is a place. */
  add(worker: Worker): void {
    this.#workers.push(worker);
  }

  /** Does a job that a worker fetched, if there is a place for it. */
  async through<T>(job: BullJob, token: string | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#isShut()) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    this.#running++;
    this.#update();
    try {
      return await work();
    } finally {
      this.#running--;
      this.#update();
    }
  }

  /** The machine lacks something: it rests, each time twice as long, until a job was done again. @returns milliseconds */
  rest(): number {
    const ms = this.#restMs;
    this.#restMs = Math.min(2 * ms, rests[1]);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#update();
    }, ms);
    this.#update();
    return ms;
  }

  /** A job was done: the next rest is a short one. */
  succeed(): void {
    this.#restMs = rests[0];
  }

  /** Nothing more is let in. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #isShut(): boolean {
    return this.#timer !== undefined || this.#running >= this.#places;
  }

  #update(): void {
    const isShut = this.#isShut();
    for (const worker of this.#workers)
      if (worker.isPaused() !== isShut) void (isShut ? worker.pause(true) : worker.resume()).catch(() => {});
  }
}
