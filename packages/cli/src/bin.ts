#!/usr/bin/env node
import { constants } from 'node:os';
import './start.js';

const { main } = await import('./main.ts');
const { Exit } = await import('./exit.ts');
const { firstInterrupt, isFirstInterrupt } = await import('@klpkit/host');

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Code that the process ends with once the first signal was left to a command. */
let ending: number | undefined;

for (const signal of signals)
  process.on(signal, () => {
    if (isFirstInterrupt()) {
      ending = 128 + constants.signals[signal];
      process.stderr.write('klpkit: ends; once more ends it at once\n');
      return;
    }
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    process.stderr.write(
      `klpkit: interrupted${signal === 'SIGINT' ? '' : ` by ${signal}`}; nothing half-written is left\n`,
    );
    // What runs at exit ends the children and removes what is unfinished.
    process.exit(128 + constants.signals[signal]);
  });

// A reader that has seen enough, `klpkit kernel show | head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const code = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  firstInterrupt,
});
process.exitCode = code === Exit.interrupted ? (ending ?? code) : code;
