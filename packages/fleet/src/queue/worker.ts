import { UsageError } from '@klpkit/findings';
import { sha256Hex } from '@klpkit/host';
import { openKernel } from '@klpkit/kernel';
import { type Job as BullJob, DelayedError, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import meta from '../../package.json' with { type: 'json' };
import { localWidth } from '../engine/local.ts';
import { runJobProcess } from '../engine/spawn.ts';
import { imageDigest } from '../image.ts';
import { readJob } from '../job/read.ts';
import { canonical, jobKey } from '../keys.ts';
import { knownResult } from '../known.ts';
import { type Store, StoreError } from '../store/index.ts';
import type { Job, JobFailure, JobKernel } from '../types.ts';
import { assertQueue, connectQueue, type QueueAddress } from './address.ts';
import { Gate } from './gate.ts';
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
  /** Told when a job waits for the store, and why. */
  readonly onWait?: (why: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How long a job waits before it is offered again, and how often a worker declines before it says that nobody can do it. */
const declineMs = 3000;
const mostDeclined = 200;

/**
 * Takes jobs from the queue until the signal comes. It spawns and never computes, so that its sign of life never stops.
 *
 * @throws {MissingTool} when the queue is down
 * @throws {StoreError} when the store cannot be used
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const {
    queue,
    store,
    kinds = ['build', 'prove'],
    jobs = localWidth(),
    lockMs = 60_000,
    signal,
    onJob,
  } = options;
  await assertQueue(queue);
  // A store that refuses this machine is told now; found out job by job, it would use up the tries of jobs that others can do.
  await store.result(sha256Hex('a worker begins'));
  const gate = new Gate(jobs);
  // BullMQ leaves a connection that it was given open.
  const connections = kinds.map(() => connectQueue(queue));
  const workers = kinds.map((kind, index) => {
    const worker = new Worker(
      queueName(kind),
      (job: BullJob, token?: string, cancelled?: AbortSignal) =>
        gate.through(job, token, async () => {
          onJob?.(`${kind} ${job.id?.slice(7, 19)}`);
          try {
            const answer = await work(job, token, cancelled, options);
            if (answer.kept) gate.succeed();
            return answer;
          } catch (error) {
            if (signal?.aborted) {
              // Somebody else shall take it, and it counts as no try.
              await job.moveToWait(token);
              throw new WaitingError();
            }
            if (error instanceof Lacking || error instanceof StoreError)
              onJob?.(`rests for ${gate.rest() / 1000} s: ${error.message}`);
            throw error;
          }
        }),
      {
        connection: connections[index] ?? connectQueue(queue),
        prefix: queuePrefix,
        concurrency: jobs,
        lockDuration: lockMs,
        stalledInterval: Math.max(1000, lockMs / 2),
        maxStalledCount: 2,
      },
    );
    worker.on('error', () => {});
    gate.add(worker);
    return worker;
  });
  await new Promise<void>((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  if (gate.running > 0) onJob?.(`ends ${gate.running} under way`);
  gate.close();
  for (const worker of workers) worker.cancelAllJobs('the worker ends');
  await Promise.all(workers.map((worker) => worker.close()));
  for (const connection of connections) connection.disconnect();
}

async function work(
  job: BullJob,
  token: string | undefined,
  cancelled: AbortSignal | undefined,
  { store, storeAddress, signal, onWait }: WorkerOptions,
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
  const result = await runJobProcess(read, { store: storeAddress, signal: ended, onWait });
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
