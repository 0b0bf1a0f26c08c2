import { text } from 'node:stream/consumers';
import meta from '../../package.json' with { type: 'json' };
import { openStore } from '../store/index.ts';
import { jobFailure } from './failure.ts';
import { readJob } from './read.ts';
import { runJob } from './run.ts';

/**
 * The process of one job: an envelope with the store's address on standard input, the result as JSON on standard output. A build that
 * takes the machine's memory, or a decoder that crashes, takes this process and not the matrix.
 */
async function main(): Promise<void> {
  const { store, envelope } = JSON.parse(await text(process.stdin)) as { store: string; envelope: unknown };
  let result: unknown;
  try {
    result = await runJob(
      readJob(envelope, meta.version),
      openStore(store, { onWait: (why) => process.stderr.write(`waits: ${why}\n`) }),
    );
  } catch (error) {
    result = jobFailure(error);
  }
  process.stdout.write(JSON.stringify(result));
}

// A parent that was killed will not read the result. Ended politely, this process takes what it started with it.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
}, 500).unref();
await main();
