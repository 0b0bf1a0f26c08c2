import type { Pitfall } from '../src/pitfall.ts';

/** Inlined body folded away: DWARF is silent. */
export const klp104: Pitfall = {
  id: 'KLP104',
  name: 'folded-inline',
  title: 'Inlined body folded away: DWARF is silent',
  severity: 'warning',
  statement:
    'When an inlined callee collapses to a constant or a single expression, no DW_TAG_inlined_subroutine is emitted, so a DWARF-only caller list is incomplete.',
  seen: 'gcc-11/12 and clang-14/16/19 for constant bodies; gcc-11 even for a plain min()',
  safeWay: 'Take the caller list from ipa-clones/opt-record or from the object diff.',
};
