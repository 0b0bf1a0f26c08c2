#!/usr/bin/env node
import { constants } from 'node:os';
import './start.js';

const { main } = await import('./main.ts');

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

for (const signal of signals)
  process.on(signal, () => {
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

process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
