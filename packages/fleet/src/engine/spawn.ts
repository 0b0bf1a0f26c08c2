import { join } from 'node:path';
import { CommandFailed, run } from '@klpkit/host';
import meta from '../../package.json' with { type: 'json' };
import { type Job, type JobResult, jobFormat } from '../types.ts';

const child = join(import.meta.dirname, '../job/child.ts');

/** A job that takes longer hangs, whatever it does: the slowest unit of a kernel compiles in two minutes. */
const jobMs = { build: 30 * 60_000, prove: 20 * 60_000 } as const;

/** Options of {@link runJobProcess}. */
export interface JobProcess {
  /** Address of the store. */
  readonly store: string;
  readonly signal?: AbortSignal | undefined;
  /** Told when the job waits for its store, and why. */
  readonly onWait?: ((why: string) => void) | undefined;
}

/**
 * Does a job in a process of its own, which is ended with all that it started when the signal comes.
 *
 * @throws the signal's reason when aborted
 */
export async function runJobProcess(job: Job, { store, signal, onWait }: JobProcess): Promise<JobResult> {
  const envelope = { format: jobFormat, version: meta.version, job };
  // What a job starts has no use for these.
  const { KLPKIT_QUEUE_PASSWORD: _, KBUILD_SIGN_PIN: __, ...env } = process.env as Record<string, string>;
  try {
    const { stdout } = await run([process.execPath, child], {
      input: JSON.stringify({ store, envelope }),
      timeoutMs: jobMs[job.kind],
      env: { ...env, LC_ALL: 'C' },
      signal,
      onStderr: linesOf((line) => {
        const why = /^waits: (.*)$/.exec(line)?.[1];
        if (why !== undefined) onWait?.(why);
      }),
    });
    return JSON.parse(stdout) as JobResult;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!(error instanceof CommandFailed)) throw error;
    const how = error.timedOut
      ? `was ended after ${jobMs[job.kind] / 60_000} minutes`
      : error.code === null
        ? 'was killed'
        : `ended with code ${error.code}`;
    const said = error.stderr.trim().split('\n').at(-1);
    return {
      kind: 'failed',
      class: error.timedOut || error.code === null ? 'resource' : 'defect',
      message: `the process of the job ${how}${said ? `: ${said}` : ''}`,
      next: error.code === null ? 'give it more memory, or run fewer jobs at once' : 'report it',
    };
  }
}

/** Splits what comes into lines. */
function linesOf(onLine: (line: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = '';
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}
