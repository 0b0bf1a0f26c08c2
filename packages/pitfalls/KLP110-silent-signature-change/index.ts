import type { Pitfall } from '../src/pitfall.ts';

/** Signature changed with no suffix (clang). */
export const klp110: Pitfall = {
  id: 'KLP110',
  name: 'silent-signature-change',
  title: 'Signature changed with no suffix (clang)',
  severity: 'error',
  statement:
    'clang removes dead arguments of static functions and keeps the name, so an old caller and a new callee of the same name can disagree about registers.',
  seen: 'clang-14/16/19; gcc would add .isra/.constprop',
  safeWay:
    'Patch all callers together with the callee, or give the new callee a new name and call it only from patched code. Do not call a DW_CC_nocall function through a klp relocation.',
};
