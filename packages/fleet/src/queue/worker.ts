import { UsageError } from '@klpkit/findings';
import { openKernel } from '@klpkit/kernel';
import { type Job as BullJob, DelayedError, UnrecoverableError, Worker } from 'bullmq';
import meta from '../../package.json' with { type: 'json' };
import { localWidth } from '../engine/local.ts';
import { runJobProcess } from '../engine/spawn.ts';
import { readJob } from '../job/read.ts';
import { canonical, jobKey } from '../keys.ts';
import type { Store } from '../store.ts';
import type { Job, JobFailure } from '../types.ts';
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

/**
 * Takes jobs from the queue until the signal comes. It spawns and never computes, so that its sign of life never stops.
 *
 * @throws {MissingTool} when the queue is down
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { queue, kinds = ['build', 'prove'], jobs = localWidth(), lockMs = 60_000, signal, onJob } = options;
  await assertQueue(queue);
  let running = 0;
  // BullMQ leaves a connection that it was given open.
  const connections = kinds.map(() => connectQueue(queue));
  const workers = kinds.map((kind, index) => {
    const worker = new Worker(
      queueName(kind),
      async (job: BullJob, token?: string, cancelled?: AbortSignal) => {
        running++;
        onJob?.(`${kind} ${job.id?.slice(7, 19)}`);
        try {
          return await work(job, token, cancelled, options);
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
  if (!(await hasKernel(read.kernel.id))) return decline(job, token, read.kernel.id);
  if ((await store.result(key)) !== undefined) return { kept: true };
  const ended = AbortSignal.any([...(signal ? [signal] : []), ...(cancelled ? [cancelled] : [])]);
  const result = await runJobProcess(read, { store: storeAddress, signal: ended });
  if (result.kind === 'failed') return { kept: false, failure: result };
  await store.keep(key, canonical(result));
  return { kept: true };
}

async function hasKernel(id: string): Promise<boolean> {
  return openKernel(id).then(
    () => true,
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
      message: `no worker has the kernel ${kernel}`,
      next: `klpkit kernel add ${kernel}, where a worker runs`,
    };
    return { kept: false, failure };
  }
  await job.updateData({ ...(job.data as object), declined });
  await job.moveToDelayed(Date.now() + declineMs, token);
  throw new DelayedError();
}
