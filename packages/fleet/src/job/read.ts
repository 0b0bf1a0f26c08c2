import { UsageError } from '@klpkit/findings';
import * as v from 'valibot';
import { type Job, jobFormat } from '../types.ts';

const text = v.pipe(v.string(), v.maxLength(4096));
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'no SHA-256'));
const input = v.strictObject({ name: v.pipe(text, v.regex(/^[^/\0]+$/, 'a name without slashes')), digest });
const kernel = v.strictObject({ id: text, image: digest });
const objects = v.pipe(
  v.array(v.strictObject({ name: text, functions: v.pipe(v.array(text), v.maxLength(100_000)) })),
  v.maxLength(1000),
);
const check = v.strictObject({
  run: text,
  before: v.optional(text),
  patched: v.optional(text),
  reverted: v.optional(text),
});

const job = v.variant('kind', [
  v.strictObject({
    kind: v.literal('build'),
    kernel,
    name: v.pipe(text, v.regex(/^[A-Za-z0-9_]{1,55}$/, 'the name of a module')),
    patches: v.pipe(v.array(input), v.minLength(1), v.maxLength(1000)),
    overrides: v.record(text, text),
    maxUnits: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000))),
    route: v.optional(v.picklist(['binary', 'source'])),
    shipped: v.optional(v.pipe(v.array(input), v.minLength(1), v.maxLength(100))),
    unsupported: v.optional(v.pipe(v.array(text), v.minLength(1), v.maxLength(1000))),
  }),
  v.strictObject({
    kind: v.literal('prove'),
    kernel,
    module: input,
    objects,
    checks: v.pipe(v.array(check), v.maxLength(1000)),
    scenarios: v.optional(v.pipe(v.array(input), v.maxLength(100))),
  }),
]);

const envelope = v.strictObject({ format: v.literal(jobFormat), version: text, job });

/** A job on its way to a worker. */
export interface JobEnvelope {
  readonly format: number;
  /** klpkit's version; another may build otherwise. */
  readonly version: string;
  readonly job: Job;
}

/**
 * Reads a job that came from elsewhere. Nothing in it is trusted.
 *
 * @throws {UsageError} that says where it is not what a job is, or that it is of another version
 */
export function readJob(value: unknown, version: string): Job {
  const read = v.safeParse(envelope, value);
  if (!read.success) {
    const [issue] = read.issues;
    throw new UsageError(
      `this is no job of format ${jobFormat}: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`,
      'run workers and coordinator from the same version of klpkit',
    );
  }
  if (read.output.version !== version)
    throw new UsageError(
      `the job is of klpkit ${read.output.version}, this is ${version}`,
      'run workers and coordinator from the same version of klpkit',
    );
  return read.output.job as Job;
}
