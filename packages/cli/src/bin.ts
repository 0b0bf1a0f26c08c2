#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import { cacheRoot } from '@klpkit/host';

// Keeps what the types were taken off, which else is most of the time of a short command; so the rest is imported later.
// Not in the folder that Node would choose, which is below /tmp: other users could put code there.
enableCompileCache(join(cacheRoot(), 'node'));
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
