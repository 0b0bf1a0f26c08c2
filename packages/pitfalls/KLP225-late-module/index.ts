import type { Pitfall } from '../src/pitfall.ts';

/** Late loading patches before module init. */
export const klp225: Pitfall = {
  id: 'KLP225',
  name: 'late-module',
  title: 'Late loading patches before module init',
  severity: 'note',
  statement:
    'A module loaded after the livepatch is patched before its init runs, unlike one loaded earlier.',
  seen: 'run time 6.1',
  safeWay: 'Handle both; callbacks for already loaded modules.',
};
