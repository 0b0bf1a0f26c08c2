import type { Pitfall } from '../src/pitfall.ts';

/** A disabled livepatch is gone. */
export const klp214: Pitfall = {
  id: 'KLP214',
  name: 'no-re-enable',
  title: 'A disabled livepatch cannot be enabled again',
  severity: 'note',
  statement:
    'When a livepatch has been disabled, its folder in sysfs is removed; to have it back, its module must be unloaded and loaded anew.',
  seen: 'at run time on Linux 6.1 and 6.12: the enabled file is gone, insmod of the module that is still there gives EEXIST',
  safeWay: 'Disable, wait until the reference count is 0, rmmod, insmod.',
  review: {
    reason: 'it is about what an administrator does with a livepatch, and every livepatch is alike in it',
    look: 'let scripts unload the module after a disable, and never wait for an enabled file to come back',
  },
};
