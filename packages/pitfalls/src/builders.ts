import type { ElfFile } from '@klpkit/formats';
import type { Livepatch } from '@klpkit/livepatch';
import { replacements } from './evidence.ts';

/**
 * True for a livepatch whose code was cut out of objects that were compiled with the flags of the kernel (klpkit, kpatch-build,
 * klp-build), not written by hand: it calls the pieces that the compiler made as the kernel's own code does.
 */
export function isObjectDiff(livepatch: Livepatch, elf: ElfFile): boolean {
  if (replacements(livepatch).some(({ newSymbol }) => newSymbol?.startsWith('__klpkit_new_'))) return true;
  return elf.sections.some(({ name }) => /^\.kpatch\.|klp_objects$/.test(name));
}
