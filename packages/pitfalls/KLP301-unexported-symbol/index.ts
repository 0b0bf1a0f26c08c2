import type { Pitfall } from '../src/pitfall.ts';

/** A symbol that nothing exports. */
export const klp301: Pitfall = {
  id: 'KLP301',
  name: 'unexported-symbol',
  title: 'A symbol that is not exported is used without a KLP relocation',
  severity: 'error',
  statement:
    'The module loader resolves exported symbols only; code of a livepatch that uses a static function or an unexported variable of the kernel needs a KLP relocation, else the livepatch is refused.',
  seen: 'modpost of Linux 6.1: undefined; at run time on Linux 6.1 and 6.12: ENOENT, Unknown symbol',
  safeWay: 'Refer to it by a KLP relocation; klpkit build makes them by itself.',
  foundBy: ['rules', 'extract', 'finish'],
};
