import type { Pitfall } from '../src/pitfall.ts';

/** Effects of force. */
export const klp215: Pitfall = {
  id: 'KLP215',
  name: 'force',
  title: 'Effects of force',
  severity: 'warning',
  statement:
    'Forcing breaks consistency; it pins only patches being removed or replaced, not the one being enabled.',
  seen: 'run time 6.1',
  safeWay: 'Reverse instead; reboot after force.',
};
