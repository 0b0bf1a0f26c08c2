import type { Job, JobFailure } from '../types.ts';

/** Prefix of everything that klpkit keeps in Redis. */
export const queuePrefix = 'klpkit';

/** One queue for each kind of work and each architecture, so that a worker takes only what it can do. */
export function queueName(kind: Job['kind'], arch = 'x86_64'): string {
  return `${kind}-${arch}`;
}

/** Name of a job in its queue; colons and plain numbers are not allowed there. */
export function jobId(key: string): string {
  return `sha256-${key}`;
}

/** What a worker answers through Redis: the result itself is in the store. */
export type QueueAnswer = { readonly kept: true } | { readonly kept: false; readonly failure: JobFailure };
