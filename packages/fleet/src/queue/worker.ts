import { UsageError } from '@klpkit/findings';
import { openKernel } from '@klpkit/kernel';
import { type Job as BullJob, DelayedError, UnrecoverableError, Worker } from 'bullmq';
import meta from '../../package.json' with { type: 'json' };
import { localWidth } from '../engine/local.ts';
import { runJobProcess } from '../engine/spawn.ts';
import { imageDigest } from '../image.ts';
import { readJob } from '../job/read.ts';
import { canonical, jobKey } from '../keys.ts';
import { knownResult } from '../known.ts';
import type { Store } from '../store/index.ts';
import type { Job, JobFailure, JobKernel } from '../types.ts';
import { assertQueue, connectQueue, type QueueAddress } from './address.ts';
import { jobId, type QueueAnswer, queueName, queuePrefix } from './names.ts';

/** What a worker is given. */
export interface WorkerOptions {
  readonly queue: QueueAddress;
  readonly store: Store;
  /** The store's address, for the processes of the jobs. */
  readonly storeAddress: string;
  /** Jobs at once; as many as cores and memory allow. */
  readonly jobs?: number;
  /** Kinds of jobs that it takes; both. */
  readonly kinds?: readonly Job['kind'][];
  /** Without a sign of life for so long a worker counts as dead, and its jobs go to another. */
  readonly lockMs?: number;
  readonly onJob?: (what: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How long a job waits before it is offered again, and how often a worker declines before it says that nobody can do it. */
const declineMs = 3000;
const mostDeclined = 200;

/** First and longest rest after a job that failed for want of something; longer than the job's own wait, so that another takes it. */
const restMs = [5000, 60_000] as const;

/**
 * Takes jobs from the queue until the signal comes. It spawns and never computes, so that its sign of life never stops.
 *
 * @throws {MissingTool} when the queue is down
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { queue, kinds = ['build', 'prove'], jobs = localWidth(), lockMs = 60_000, signal, onJob } = options;
  await assertQueue(queue);
  let running = 0;
  const rest = new Rest((ms, why) => onJob?.(`rests for ${ms / 1000} s: ${why}`));
  // BullMQ leaves a connection that it was given open.
  const connections = kinds.map(() => connectQueue(queue));
  const workers = kinds.map((kind, index) => {
    const worker = new Worker(
      queueName(kind),
      async (job: BullJob, token?: string, cancelled?: AbortSignal) => {
        running++;
        onJob?.(`${kind} ${job.id?.slice(7, 19)}`);
        try {
          const answer = await work(job, token, cancelled, options);
          if (answer.kept) rest.forget();
          return answer;
        } catch (error) {
          if (error instanceof Lacking) rest.begin(workers, error.message);
          throw error;
        } finally {
          running--;
        }
      },
      {
        connection: connections[index] ?? connectQueue(queue),
        prefix: queuePrefix,
        // A kind has all places while the other has nothing to do.
        concurrency: jobs,
        lockDuration: lockMs,
        stalledInterval: Math.max(1000, lockMs / 2),
        maxStalledCount: 2,
      },
    );
    worker.on('error', () => {});
    return worker;
  });
  await new Promise<void>((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  if (running > 0) onJob?.(`ends ${running} under way`);
  rest.end();
  for (const worker of workers) worker.cancelAllJobs('the worker ends');
  await Promise.all(workers.map((worker) => worker.close()));
  for (const connection of connections) connection.disconnect();
}

async function work(
  job: BullJob,
  token: string | undefined,
  cancelled: AbortSignal | undefined,
  { store, storeAddress, signal }: WorkerOptions,
): Promise<QueueAnswer> {
  let read: Job;
  try {
    const { declined: _, ...envelope } = job.data as Record<string, unknown>;
    read = readJob(envelope, meta.version);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UnrecoverableError(error.message);
  }
  const key = jobKey(read);
  if (jobId(key) !== job.id) throw new UnrecoverableError('the content of the job is not what its name says');
  if (!(await hasKernel(read.kernel))) return decline(job, token, read.kernel.id);
  if (await knownResult(store, key)) return { kept: true };
  const ended = AbortSignal.any([...(signal ? [signal] : []), ...(cancelled ? [cancelled] : [])]);
  const result = await runJobProcess(read, { store: storeAddress, signal: ended });
  if (result.kind === 'failed') {
    const isLast = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    if (!isLast && (result.class === 'resource' || result.class === 'environment'))
      throw new Lacking(result.message);
    return { kept: false, failure: result };
  }
  await store.keep(key, canonical(result));
  return { kept: true };
}

/** A job that this machine could not do for want of something; it is offered again, to others first. */
class Lacking extends Error {}

/** Pauses of a worker on a machine that lacks something, each twice as long as the one before. */
class Rest {
  readonly #onRest: (ms: number, why: string) => void;
  #ms: number = restMs[0];
  #timer: NodeJS.Timeout | undefined;

  constructor(onRest: (ms: number, why: string) => void) {
    this.#onRest = onRest;
  }

  begin(workers: readonly Worker[], why: string): void {
    if (this.#timer) return;
    this.#onRest(this.#ms, why);
    for (const worker of workers) void worker.pause(true).catch(() => {});
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const worker of workers) worker.resume();
    }, this.#ms);
    this.#ms = Math.min(2 * this.#ms, restMs[1]);
  }

  /** A job was done: the next rest is a short one. */
  forget(): void {
    this.#ms = restMs[0];
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Whether the kernel of a job is in this machine's cache, and the same one. */
async function hasKernel({ id, image }: JobKernel): Promise<boolean> {
  return openKernel(id).then(
    async ({ vmlinuz }) => (await imageDigest(vmlinuz)) === image,
    (error: unknown) => {
      if (error instanceof UsageError) return false;
      throw error;
    },
  );
}

/** Leaves a job to another worker. */
async function decline(job: BullJob, token: string | undefined, kernel: string): Promise<QueueAnswer> {
  const declined = Number((job.data as { declined?: number }).declined ?? 0) + 1;
  if (declined > mostDeclined) {
    const failure: JobFailure = {
      kind: 'failed',
      class: 'environment',
      message: `no worker has the kernel ${kernel} as the matrix has it`,
      next: `klpkit kernel add ${kernel}, where a worker runs`,
    };
    return { kept: false, failure };
  }
  await job.updateData({ ...(job.data as object), declined });
  await job.moveToDelayed(Date.now() + declineMs, token);
  throw new DelayedError();
}
