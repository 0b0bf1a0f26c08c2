import { styleText } from 'node:util';
import type { CommandContext } from '@stricli/core';
import { Exit, type ExitCode } from './exit.ts';
import { reportFailure } from './failure.ts';
import { ProgressView } from './progress.ts';

/** Where text goes: standard output or error, or what a test collects. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** What the command gets of the process that it runs in. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends long work early. */
  readonly signal?: AbortSignal;
  /** Has the first Ctrl-C give this signal instead of ending the process; the second one ends it. */
  readonly firstInterrupt?: () => AbortSignal;
}

/** Roles of text; see {@link Context.paint}. */
export type Role = 'heading' | 'name' | 'good' | 'warning' | 'bad' | 'dim';

const styles = {
  heading: 'bold',
  name: 'cyan',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  dim: 'dim',
} as const satisfies Record<Role, Parameters<typeof styleText>[0]>;

/** What every subcommand is called with. */
export class Context implements CommandContext {
  readonly process: { stdout: Output; stderr: Output };
  readonly progress: ProgressView;
  readonly signal: AbortSignal | undefined;
  readonly env: Io['env'];
  readonly #firstInterrupt: Io['firstInterrupt'];
  /** The subcommand that runs, as it is typed: `kernel add`. */
  command = '';
  /** True with `--json`: standard output then holds one JSON document and nothing else. */
  isJson = false;
  code: ExitCode = Exit.done;

  constructor(io: Io) {
    this.process = { stdout: io.stdout, stderr: io.stderr };
    this.progress = new ProgressView(io.stderr);
    this.signal = io.signal;
    this.#firstInterrupt = io.firstInterrupt;
    this.env = io.env;
  }

  /** For a command that puts something in order when it is interrupted: what others wait for, say. */
  firstInterrupt(): AbortSignal | undefined {
    return this.signal ?? this.#firstInterrupt?.();
  }

  /** Columns for text; 100 where there is no terminal. */
  get width(): number {
    return Math.max(60, Math.min(this.process.stdout.columns ?? 100, 160));
  }

  /** Text for people, on standard output; nothing with `--json`. */
  say(text = ''): void {
    if (this.isJson) return;
    this.progress.clear();
    this.process.stdout.write(`${text}\n`);
  }

  /** Text for people about what went wrong, on standard error. */
  complain(text: string): void {
    this.progress.clear();
    this.process.stderr.write(`${text}\n`);
  }

  /** The one JSON document. `command` says which subcommand it is of. */
  answer(value: { readonly command: string; readonly outcome: string }): void {
    this.process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  /** Colours text of a role where the output is a terminal. */
  paint(role: Role, text: string, output: Output = this.process.stdout): string {
    if (!output.isTTY || this.env.NO_COLOR) return text;
    return styleText(styles[role], text, { validateStream: false });
  }
}

/** Flags that every subcommand has. */
export interface CommonFlags {
  readonly json: boolean;
}

/** The flag `--json`, for the `flags` of each subcommand. */
export const jsonFlag = {
  kind: 'boolean',
  brief: 'Answer with one JSON document on standard output',
  default: false,
  withNegated: false,
} as const;

/** Which kernel of the cache a subcommand works on. */
export const kernelFlag = {
  kind: 'parsed',
  parse: String,
  brief: 'Kernel in the cache; may be left out if there is only one',
  placeholder: 'KERNEL',
  optional: true,
} as const;

/** {@link kernelFlag} of a subcommand that does something of its own with it. */
export function kernelFlagFor(brief: string) {
  return { ...kernelFlag, brief } as const;
}

/** Makes a subcommand's function fit for the command line: failures become messages and exit codes, progress ends. */
export function action<Flags extends CommonFlags, Args extends readonly (string | undefined)[]>(
  command: string,
  call: (context: Context, flags: Flags, ...args: Args) => Promise<ExitCode>,
): (this: Context, flags: Flags, ...args: Args) => Promise<void> {
  return async function (this: Context, flags: Flags, ...args: Args): Promise<void> {
    this.command = command;
    this.isJson = flags.json;
    try {
      this.code = await call(this, flags, ...args);
    } catch (error) {
      this.progress.end();
      this.code = reportFailure(this, error);
    } finally {
      this.progress.end();
    }
  };
}
