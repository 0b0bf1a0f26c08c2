import { contentKey } from '@klpkit/host';
import meta from '../package.json' with { type: 'json' };
import type { Job } from './types.ts';
import { jobFormat } from './types.ts';

/** JSON with the keys of every object in order, so that equal values are equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** The digest of what something is derived from, of the format of jobs, and of klpkit's version, which may build otherwise. */
export function inputsKey(inputs: unknown): string {
  return contentKey(`job ${jobFormat}`, meta.version, canonical(inputs));
}

/** The name of a job. */
export function jobKey(job: Job): string {
  return inputsKey(job);
}
