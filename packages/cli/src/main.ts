import { ExitCode, run } from '@stricli/core';
import { app } from './app.ts';
import { Context, type Io } from './context.ts';
import { Exit } from './exit.ts';

/** Runs the command line `argv` (without program names) and gives its exit code. Never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const context = new Context(io);
  // The exit code is kept apart from the process, so that tests can run the command in theirs.
  const process: {
    stdout: Io['stdout'];
    stderr: Io['stderr'];
    env: Record<string, string>;
    exitCode?: number;
  } = {
    ...context.process,
    env: io.env.NO_COLOR ? { STRICLI_NO_COLOR: '1' } : {},
  };
  await run(app, argv, Object.assign(context, { process }) as never);
  const { exitCode = 0 } = process;
  if (exitCode === ExitCode.UnknownCommand || exitCode === ExitCode.InvalidArgument) {
    io.stderr.write(`  next: klpkit ${helpPath(argv)}--help\n`);
    return Exit.usage;
  }
  return exitCode === 0 ? context.code : Exit.defect;
}

/** The words of the command line that name a subcommand. */
function helpPath(argv: readonly string[]): string {
  const [first, second] = argv;
  const known =
    /^(doctor|assess|build|source|check|convert|show|upgrade|prove|compare|selftest|new|status|load|disable|unload|explain|handbook|demo)$/;
  if (first === 'kernel')
    return /^(add|list|show|remove)$/.test(second ?? '') ? `kernel ${second} ` : 'kernel ';
  return known.test(first ?? '') ? `${first} ` : '';
}
