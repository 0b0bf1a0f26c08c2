import type { Pitfall } from '../src/pitfall.ts';

/** Another livepatch is in transition. */
export const klp210: Pitfall = {
  id: 'KLP210',
  name: 'transition-running',
  title: 'Another livepatch is still in transition',
  severity: 'note',
  statement:
    'Only one livepatch can be in transition at a time; while tasks are still being moved, enabling or disabling another one fails with EBUSY.',
  seen: 'at run time on Linux 6.1 and 6.12: EBUSY',
  safeWay:
    'Wait until /sys/kernel/livepatch/*/transition is 0 everywhere, or reverse the transition that does not end.',
  review: {
    reason: 'whether a transition is running is the state of one machine at one moment; no file shows it',
    look: 'let the script that loads livepatches wait for the end of a transition, and give it a time after which it reverses',
  },
};
