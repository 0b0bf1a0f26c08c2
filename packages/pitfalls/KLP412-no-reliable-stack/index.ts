import type { Pitfall } from '../src/pitfall.ts';

/** No reliable stack trace. */
export const klp412: Pitfall = {
  id: 'KLP412',
  name: 'no-reliable-stack',
  title: 'No reliable stack trace',
  severity: 'error',
  statement: 'Without HAVE_RELIABLE_STACKTRACE kthreads never switch.',
  seen: 'not run',
  safeWay: '-',
};
