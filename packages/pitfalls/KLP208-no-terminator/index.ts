import type { Pitfall } from '../src/pitfall.ts';

/** Array without terminator. */
export const klp208: Pitfall = {
  id: 'KLP208',
  name: 'no-terminator',
  title: 'Array without terminator',
  severity: 'error',
  statement: 'funcs[]/objs[]/states[] must end with an all-zero element.',
  seen: 'not run',
  safeWay: 'End with { }.',
};
