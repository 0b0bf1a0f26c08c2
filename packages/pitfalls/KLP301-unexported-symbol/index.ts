import type { Pitfall } from '../src/pitfall.ts';

/** Unexported symbol without klp relocation. */
export const klp301: Pitfall = {
  id: 'KLP301',
  name: 'unexported-symbol',
  title: 'Unexported symbol without klp relocation',
  severity: 'error',
  statement: 'The module loader resolves only exported symbols.',
  seen: 'kbuild + run time 6.1',
  safeWay: 'klp relocation, or kallsyms lookup in own code.',
};
