import type { Pitfall } from '../src/pitfall.ts';

/** New function blocks unpatching. */
export const klp406: Pitfall = {
  id: 'KLP406',
  name: 'new-function-blocks',
  title: 'New function blocks unpatching',
  severity: 'warning',
  statement: 'A task inside the new function prevents disable; force then pins the module for ever.',
  seen: 'run time 6.1',
  safeWay: '-',
};
