import { type Job as BullJob, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import meta from '../../package.json' with { type: 'json' };
import type { Engine } from '../engine/types.ts';
import type { JobEnvelope } from '../job/read.ts';
import type { Store } from '../store/index.ts';
import { type Job, type JobFailure, type JobResult, jobFormat } from '../types.ts';
import { assertQueue, connectQueue, type QueueAddress, queueWords } from './address.ts';
import { jobId, type QueueAnswer, queueName, queuePrefix } from './names.ts';

/** How often a job's state is asked for, should its event have been lost: Redis was started anew, say. */
const pollMs = 2000;
/** How often a job is tried, and how long it waits before the second time; twice as long before the third. */
const mostTries = 3;
const backoffMs = 2000;
/** How long answers stay in Redis; results are in the store. */
const keepSeconds = 3600;

/** Has jobs done by workers behind a queue. Each job is there once, by its key, however many ask for it. */
export class QueueEngine implements Engine {
  /** As many as the matrix has: it is the workers who take no more than they can do. */
  readonly width = 256;
  readonly #queues: Record<Job['kind'], { readonly queue: Queue; readonly events: QueueEvents }>;
  readonly #store: Store;
  readonly #words: string;
  readonly #waiting = new Set<BullJob>();
  /** BullMQ leaves connections that it was given open. */
  readonly #connections: Redis[] = [];

  /** @throws {MissingTool} when the queue is down */
  static async open(address: QueueAddress, store: Store): Promise<QueueEngine> {
    await assertQueue(address);
    return new QueueEngine(address, store);
  }

  private constructor(address: QueueAddress, store: Store) {
    this.#store = store;
    this.#words = queueWords(address);
    const connect = () => {
      const connection = connectQueue(address);
      this.#connections.push(connection);
      return connection;
    };
    const open = (kind: Job['kind']) => {
      const queue = new Queue(queueName(kind), { connection: connect(), prefix: queuePrefix });
      const events = new QueueEvents(queueName(kind), { connection: connect(), prefix: queuePrefix });
      // They connect again by themselves; a job's state is asked for besides.
      queue.on('error', () => {});
      events.on('error', () => {});
      return { queue, events };
    };
    this.#queues = { build: open('build'), prove: open('prove') };
  }

  async run(key: string, job: Job, signal?: AbortSignal): Promise<JobResult> {
    const { queue, events } = this.#queues[job.kind];
    const envelope: JobEnvelope = { format: jobFormat, version: meta.version, job };
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    aborted.catch(() => {});
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      signal?.throwIfAborted();
      return await this.#run(key, envelope, queue, events, aborted);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async #run(
    key: string,
    envelope: JobEnvelope,
    queue: Queue,
    events: QueueEvents,
    aborted: Promise<never>,
  ): Promise<JobResult> {
    for (;;) {
      const queued = await Promise.race([this.#add(queue, key, envelope), aborted]);
      this.#waiting.add(queued);
      try {
        const answer = await Promise.race([this.#answer(queue, events, queued), aborted]);
        if (answer === 'gone') continue;
        if (!answer.kept) return answer.failure;
        const text = await this.#store.result(key);
        if (text !== undefined) return JSON.parse(text) as JobResult;
        return storeDiffers;
      } finally {
        this.#waiting.delete(queued);
      }
    }
  }

  /** Puts a job into its queue, or finds it there. One that failed before, or whose answer is stale, is tried again. */
  async #add(queue: Queue, key: string, envelope: JobEnvelope): Promise<BullJob> {
    const id = jobId(key);
    const known = (await queue.getJob(id)) as BullJob | undefined;
    if (known && ((await known.isFailed()) || (await known.isCompleted()))) await known.remove();
    return queue.add(envelope.job.kind, envelope, {
      jobId: id,
      // A worker asks for another try only where the machine lacked something.
      attempts: mostTries,
      backoff: { type: 'exponential', delay: backoffMs },
      removeOnComplete: { age: keepSeconds },
      removeOnFail: { age: keepSeconds },
    });
  }

  async #answer(queue: Queue, events: QueueEvents, queued: BullJob): Promise<QueueAnswer | 'gone'> {
    for (;;) {
      try {
        return (await queued.waitUntilFinished(events, pollMs)) as QueueAnswer;
      } catch (error) {
        const now = (await queue.getJob(queued.id ?? '').catch(() => undefined)) as BullJob | undefined;
        if (!now) {
          // Redis forgot it, or does not answer; the former is told by a state of its own.
          const state = await queue.getJobState(queued.id ?? '').catch(() => undefined);
          if (state === 'unknown') return 'gone';
          continue;
        }
        if (await now.isCompleted().catch(() => false)) return now.returnvalue as QueueAnswer;
        if (await now.isFailed().catch(() => false))
          return {
            kept: false,
            failure: {
              kind: 'failed',
              class: 'resource',
              message: `${this.#words}: ${now.failedReason || (error as Error).message}`,
              next: 'look after the workers, and run it again',
            } satisfies JobFailure,
          };
      }
    }
  }

  /** Takes back what no worker has begun; what is under way is finished and kept for the next run. */
  async close(): Promise<void> {
    await Promise.all([...this.#waiting].map((job) => job.remove().catch(() => {})));
    for (const { queue, events } of Object.values(this.#queues)) {
      await events.close();
      await queue.close();
    }
    for (const connection of this.#connections) connection.disconnect();
  }
}

const storeDiffers: JobFailure = {
  kind: 'failed',
  class: 'environment',
  message: 'a worker has done the job, and its result is not in the store',
  next: 'give the workers the same --store as the matrix',
};
