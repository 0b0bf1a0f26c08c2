import type { Pitfall } from '../src/pitfall.ts';

/** Initialisation already happened. */
export const klp407: Pitfall = {
  id: 'KLP407',
  name: 'init-already-ran',
  title: 'Initialisation already happened',
  severity: 'error',
  statement: 'Code in __init/probe has run; changing it changes nothing for existing objects.',
  seen: 'start_kernel refused at run time',
  safeWay: 'Callback that repairs existing state.',
};
