import type { Pitfall } from '../src/pitfall.ts';

/** Write-only static removed. */
export const klp117: Pitfall = {
  id: 'KLP117',
  name: 'writeonly-static',
  title: 'Write-only static removed',
  severity: 'warning',
  statement:
    'A static that is written but never read does not exist; a patch that starts reading it sees only values stored by patched writers.',
  seen: 'gcc-11/12, clang-14/16/19',
  safeWay: 'Patch the writers, and treat "0/never set" as unknown in the new reader.',
};
