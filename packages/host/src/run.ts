import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { atInterrupt } from './interrupt.ts';
import { aptInstall, debianPackageOf } from './packages.ts';

/** Options of {@link run}. */
export interface RunOptions {
  readonly cwd?: string;
  /** The complete environment of the child; absent: ours with `LC_ALL=C`. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the child reads from its standard input; absent: nothing (`/dev/null`). */
  readonly input?: string | Uint8Array;
  /** After so many milliseconds the child's whole process group is killed. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Throw {@link CommandFailed} unless the child ends with code 0; default true. */
  readonly check?: boolean;
  /** Most bytes of standard output, and of standard error, that are kept; more ends the child. Default 256 MiB. */
  readonly maxOutputBytes?: number;
  /** Takes standard output piece by piece; then `stdout` and `bytes` of the result are empty. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  /** Gets standard error as it comes; it is collected as well. */
  readonly onStderr?: (chunk: Uint8Array) => void;
}

/** How a child process ended and what it wrote. */
export interface RunResult {
  /** Exit code, null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  /** Standard output as text (UTF-8). */
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came. */
  readonly bytes: Uint8Array;
  /** Wall time in milliseconds. */
  readonly ms: number;
}

/** A command that ended with another code than 0, by a signal, by its time limit, or wrote too much. */
export class CommandFailed extends Error {
  readonly argv: readonly string[];
  readonly code: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
  constructor(argv: readonly string[], how: string, result: Omit<RunResult, 'bytes' | 'ms' | 'signal'>) {
    const tail = result.stderr.trimEnd().split('\n').slice(-12).join('\n');
    super(`${argv[0]} ${how}${tail ? `:\n${tail}` : ''}`);
    this.name = 'CommandFailed';
    this.argv = argv;
    this.code = result.code;
    this.timedOut = result.timedOut;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

/**
 * What programs say at the end of a line when the machine has no room or no memory for them, and the error that it is. Lines of a
 * source, which compilers quote behind a bar, say nothing of the machine.
 */
const lacks: readonly (readonly [RegExp, string, string])[] = [
  [/^(?!\s*\d* \|).*: No space left on device$/m, 'ENOSPC', 'no room on the disk'],
  [/^(?!\s*\d* \|).*: Disk quota exceeded$/m, 'EDQUOT', 'no room in the quota'],
  [
    /^(?!\s*\d* \|).*: (Cannot allocate memory|out of memory allocating \d+ bytes.*|fatal error: Killed signal terminated program \w+)$/m,
    'ENOMEM',
    'not enough memory',
  ],
];

/**
 * A command that failed since the machine lacks something: nothing is said by that of what it was given. `code` is that of the
 * operating system's error.
 */
export class MachineLacks extends Error {
  readonly code: string;
  constructor(command: string, code: string, what: string) {
    super(`${basename(command)} had ${what}`);
    this.name = 'MachineLacks';
    this.code = code;
  }
}

/**
 * A command that this machine does not have. Has the name and the fields of `MissingTool` of the findings package
 * (which this package does not import): `remedy` is the command that installs it.
 */
export class CommandNotFound extends Error {
  readonly command: string;
  readonly remedy: string;
  constructor(command: string) {
    super(`the command ${command} is not on this machine`);
    this.name = 'MissingTool';
    this.command = command;
    this.remedy = aptInstall([debianPackageOf(command)]);
  }
}

/** SIGTERM, then SIGKILL, to a whole process group: the child is its leader. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

const graceMs = 1000;

interface Started {
  readonly child: ChildProcess;
  /** Resolves when the child ended and its pipes are closed. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Ends the group: politely, then not. */
  readonly kill: () => void;
}

function start(
  argv: readonly string[],
  options: Pick<RunOptions, 'cwd' | 'env'>,
  stdio: ('pipe' | 'ignore')[],
): Started {
  const [command, ...args] = argv;
  if (command === undefined) throw new TypeError('run: an empty command');
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? { ...process.env, LC_ALL: 'C' },
    stdio,
    // A group of its own, so that what the child starts (make, cc1, …) can be ended with it.
    detached: true,
  });
  const forget = atInterrupt(() => killGroup(child, 'SIGKILL'));
  let hard: NodeJS.Timeout | undefined;
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    const done = () => {
      forget();
      clearTimeout(hard);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      done();
      // ENOENT also stands for a working folder that is not there.
      const isMissing = error.code === 'ENOENT' && (options.cwd === undefined || existsSync(options.cwd));
      reject(isMissing ? new CommandNotFound(command) : error);
    });
    child.once('close', (code, signal) => {
      done();
      resolve({ code, signal });
    });
  });
  const kill = () => {
    killGroup(child, 'SIGTERM');
    hard ??= setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
  };
  return { child, ended, kill };
}

function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('the operation was aborted', 'AbortError');
}

/**
 * Starts a program (no shell), waits for its end and gives back what it wrote.
 *
 * Throws {@link CommandFailed} for a bad end (unless `check` is false), {@link MachineLacks} when that was for want of room or memory
 * (always, since it is no answer), {@link CommandNotFound} when there is no such program, and the signal's reason when aborted. On abort, time-out, and interruption of klpkit the whole process group
 * is ended.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { signal, timeoutMs, maxOutputBytes = 1 << 28, check = true } = options;
  if (signal?.aborted) throw abortReason(signal);
  const begin = performance.now();
  const { child, ended, kill } = start(argv, options, [
    options.input === undefined ? 'ignore' : 'pipe',
    'pipe',
    'pipe',
  ]);
  let isTooMuch = false;
  let timedOut = false;
  const collect = (chunks: Buffer[], sink?: (chunk: Uint8Array) => void) => {
    let size = 0;
    return (chunk: Buffer) => {
      if (sink) return sink(chunk);
      size += chunk.length;
      if (size <= maxOutputBytes) chunks.push(chunk);
      else if (!isTooMuch) {
        isTooMuch = true;
        kill();
      }
    };
  };
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', collect(out, options.onStdout));
  child.stderr?.on('data', collect(err));
  if (options.onStderr) child.stderr?.on('data', options.onStderr);
  // A child that ends without reading its input is no mistake of ours.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          kill();
        }, timeoutMs);
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const end = await ended;
    if (signal?.aborted) throw abortReason(signal);
    const bytes = Buffer.concat(out);
    const result: RunResult = {
      ...end,
      timedOut,
      stdout: bytes.toString('utf8'),
      stderr: Buffer.concat(err).toString('utf8'),
      bytes,
      ms: performance.now() - begin,
    };
    if (isTooMuch) throw new CommandFailed(argv, `wrote more than ${maxOutputBytes} bytes`, result);
    if (end.code !== 0) {
      const [, code, what] = lacks.find(([words]) => words.test(result.stderr)) ?? [];
      if (code && what) throw new MachineLacks(argv[0] ?? '', code, what);
    }
    if (check && (end.code !== 0 || timedOut))
      throw new CommandFailed(argv, howItEnded(result, timeoutMs), result);
    return result;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

function howItEnded(result: Pick<RunResult, 'code' | 'signal' | 'timedOut'>, timeoutMs?: number): string {
  if (result.timedOut) return `was ended after its time limit of ${(timeoutMs ?? 0) / 1000} s`;
  return result.code === null ? `was ended by ${result.signal}` : `ended with code ${result.code}`;
}

/** Options of {@link runPipe}. */
export interface PipeOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with the running number of bytes that went from the first command to the second. */
  readonly onBytes?: (count: number) => void;
}

/**
 * Runs several programs, each reading what the one before writes, as a shell's `a | b | c` but without one.
 * The last one's standard output is dropped. Throws {@link CommandFailed} for the last in the chain that ended badly; a
 * program that could not write on because its reader was done counts as well ended.
 */
export async function runPipe(
  argvs: readonly (readonly string[])[],
  options: PipeOptions = {},
): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) throw abortReason(signal);
  const started = argvs.map((argv, i) =>
    start(argv, options, [i === 0 ? 'ignore' : 'pipe', i === argvs.length - 1 ? 'ignore' : 'pipe', 'pipe']),
  );
  const errors = started.map(({ child }) => {
    const chunks: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunks.length < 1000) chunks.push(chunk);
    });
    return chunks;
  });
  const killAll = () => {
    for (const { kill } of started) kill();
  };
  signal?.addEventListener('abort', killAll, { once: true });
  const lostReader = new Set<number>();
  const streams = started.slice(1).map(({ child }, i) => {
    const from = started[i]?.child.stdout;
    if (!from || !child.stdin) return Promise.resolve();
    if (i === 0 && options.onBytes) {
      let count = 0;
      from.on('data', (chunk: Buffer) => {
        count += chunk.length;
        options.onBytes?.(count);
      });
    }
    // A reader that ends early closes the pipe; its own exit code tells whether that was wrong.
    return pipeline(from, child.stdin).catch(() => {
      lostReader.add(i);
    });
  });
  try {
    const ends = await Promise.all(
      started.map(({ ended }) =>
        ended.catch((error: unknown) => {
          killAll();
          throw error;
        }),
      ),
    );
    await Promise.all(streams);
    if (signal?.aborted) throw abortReason(signal);
    // The last failure in the chain is the cause more often than a writer that lost its reader.
    for (let i = ends.length - 1; i >= 0; i--) {
      const end = ends[i];
      const argv = argvs[i];
      if (!end || !argv || end.code === 0 || lostReader.has(i)) continue;
      const stderr = Buffer.concat(errors[i] ?? []).toString('utf8');
      const result = { ...end, timedOut: false, stdout: '', stderr };
      throw new CommandFailed(argv, howItEnded(result), result);
    }
  } finally {
    signal?.removeEventListener('abort', killAll);
  }
}
