import type { Pitfall } from '../src/pitfall.ts';

/** What force does. */
export const klp215: Pitfall = {
  id: 'KLP215',
  name: 'force',
  title: 'A forced transition gives up consistency',
  severity: 'warning',
  statement:
    'Writing 1 to force declares every task moved although some still run, or sleep in, the other code; livepatches that were being removed or replaced then stay in memory for ever, the one that was being enabled does not.',
  seen: 'at run time on Linux 6.1 and 6.12: rmmod of a livepatch refused after its removal was forced, accepted after its enabling was forced',
  safeWay: 'Reverse a transition that does not end. After a force, plan a reboot.',
  review: {
    reason: 'forcing is the decision of an administrator in front of one stuck machine',
    look: 'say in the notes of the livepatch whether its functions tolerate old and new code side by side; if not, force must never be used',
  },
};
