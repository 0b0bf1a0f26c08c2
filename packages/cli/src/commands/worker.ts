import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import type { Answer } from '../schemas.ts';
import { parseJobs } from './matrix.ts';

interface Flags {
  readonly json: boolean;
  readonly queue: string;
  readonly store: string;
  readonly jobs?: number;
  readonly only?: 'build' | 'prove';
  readonly lock?: number;
}

function parseKind(text: string): 'build' | 'prove' {
  if (text !== 'build' && text !== 'prove') throw new UsageError(`${text} is neither build nor prove`);
  return text;
}

/** `klpkit worker`: does jobs of matrices until it is ended. */
export const workerCommand = buildCommand<Flags, [], Context>({
  docs: {
    brief: 'Do jobs of a matrix from a queue, until ended by Ctrl-C',
    fullDescription: [
      'Takes builds and proofs from a queue in Redis, does them on this machine, and puts what came out into the store that it',
      'shares with the matrix. It takes jobs of its own version only, and of kernels that are in its cache. A job that fails',
      'for want of something, room or a program say, is offered again to others, while this worker rests.',
      '',
      'The password of the queue is read from KLPKIT_QUEUE_PASSWORD; endpoint, region and keys of an s3:// store from the usual',
      'variables: AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE. A',
      'store that cannot be reached is waited for, 60 s or as many as KLPKIT_STORE_PATIENCE says.',
      '',
      'EXAMPLE',
      '  klpkit worker --queue redis://queue.example:6379 --store /srv/klpkit-store',
      '  klpkit worker --queue rediss://queue.example:6380 --store s3://livepatches/matrix',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      queue: { kind: 'parsed', parse: String, brief: 'The queue, redis://HOST:PORT', placeholder: 'URL' },
      store: {
        kind: 'parsed',
        parse: String,
        brief: 'Store that all machines share, a folder or s3://BUCKET/PREFIX',
        placeholder: 'DIR|s3://…',
      },
      jobs: {
        kind: 'parsed',
        parse: parseJobs,
        brief: 'Jobs at once; else as many as cores and memory allow',
        placeholder: 'N',
        optional: true,
      },
      only: {
        kind: 'parsed',
        parse: parseKind,
        brief: 'Take jobs of this kind alone',
        placeholder: 'build|prove',
        optional: true,
      },
      lock: {
        kind: 'parsed',
        parse: parseJobs,
        brief: 'Seconds without a sign of life after which a job goes to another worker (60)',
        placeholder: 'SECONDS',
        optional: true,
      },
    },
    aliases: { j: 'jobs' },
    positional: { kind: 'tuple', parameters: [] },
  },
  func: action('worker', async (context, flags: Flags) => {
    const fleet = await import('@klpkit/fleet');
    const queue = fleet.queueAddress(flags.queue, context.env.KLPKIT_QUEUE_PASSWORD);
    const storeAddress = fleet.storeAddress(flags.store);
    const onWait = (why: string) => context.complain(`waits: ${why}`);
    let jobs = 0;
    context.say(`works for ${fleet.queueWords(queue)}`);
    await fleet.runWorker({
      queue,
      store: fleet.openStore(storeAddress, { onWait }),
      storeAddress,
      ...(flags.jobs ? { jobs: flags.jobs } : {}),
      ...(flags.only ? { kinds: [flags.only] } : {}),
      ...(flags.lock ? { lockMs: flags.lock * 1000 } : {}),
      onJob: (what) => {
        jobs++;
        context.say(what);
      },
      onWait,
      signal: context.firstInterrupt(),
    });
    if (context.isJson) {
      const answer: Answer<'worker'> = { command: 'worker', outcome: 'ended', jobs };
      context.answer(answer);
    }
    return Exit.done;
  }),
});
