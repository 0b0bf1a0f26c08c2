import type { Pitfall } from '../src/pitfall.ts';

/** klp symbol points to a specialised or cold local. */
export const klp305: Pitfall = {
  id: 'KLP305',
  name: 'klp-symbol-of-local',
  title: 'klp symbol points to a specialised or cold local',
  severity: 'error',
  statement: 'Calling a local function through a klp relocation exposes the patch to KLP106/107/110/111.',
  seen: 'gcc-12, clang',
  safeWay: 'Copy the callee into the patch.',
};
