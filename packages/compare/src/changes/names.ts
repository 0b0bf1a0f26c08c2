import type { Section } from '@klpkit/formats';
import type { Piece } from '../model/model.ts';
import { sectionKind } from '../model/sections.ts';

/**
 * The part of a name that the compiler's counters do not touch: `foo.isra.3` → `foo.isra`, `x.12` → `x`,
 * `__UNIQUE_ID_ddebug416` → `__UNIQUE_ID_ddebug`.
 */
export function stemOf(name: string): string {
  const plain = name.startsWith('__UNIQUE_ID_') ? name.replace(/(?<!\d)\d+(?=\.|$)/g, '') : name;
  return plain.replace(/\.\d+(?=\.|$)/g, '').replace(/\.llvm\.\d+$/, '');
}

/** True for a name that carries a number of the compiler's: a static local variable, a clone. */
export function isNumbered(name: string): boolean {
  return stemOf(name) !== name;
}

/**
 * Static locals that macros make, one per use. Each use may have its own: nothing breaks when a livepatch starts with fresh ones,
 * except that a message which is printed once may come once more.
 * Sources: include/linux/{once_lite,ratelimit,lockdep}.h.
 */
const freshStems = new Set(['__key', '__warned', '__already_done', '_rs', '__print_once']);

/**
 * The same, where nothing can be written to them: a variable of that name in the source would be state.
 * Sources: include/linux/{printk,netlink}.h; gcc names switch tables `CSWTCH`. Debug descriptors are known by their section.
 */
const freshConstants = new Set([
  '__func__',
  '__FUNCTION__',
  '__PRETTY_FUNCTION__',
  'CSWTCH',
  '_entry',
  '__msg',
  '_fmt',
  '__compound_literal',
]);

/** Where `pr_debug` puts its descriptors; the second before 5.10 (include/linux/dynamic_debug.h). */
export const debugSections: ReadonlySet<string> = new Set(['__dyndbg', '__verbose']);

/** See `Comparison.isFresh`. */
export function isFreshPiece(piece: Piece): boolean {
  if (piece.kind !== 'object') return false;
  const { name, section } = piece;
  if (section.name === '.data..once' || section.name === '.data.once') return true;
  if (debugSections.has(section.name)) return true;
  if (/^\.L|\.\.L__unnamed/.test(name)) return true;
  // clang puts the function's name before that of its static variable: `f.__key`, `f._rs.3`.
  const local = /^[A-Za-z_]\w*\.([A-Za-z_]\w*(?:\.\d+)?)$/.exec(name)?.[1];
  if (local !== undefined && isFreshStem(stemOf(local), section)) return true;
  return isNumbered(name) && isFreshStem(stemOf(name), section);
}

function isFreshStem(stem: string, section: Section): boolean {
  return freshStems.has(stem) || (freshConstants.has(stem) && sectionKind(section) === 'rodata');
}

/** `f` of `f.cold` and `f.cold.3`, or `undefined` when the name is not that of a cold part. */
export function coldParentName(name: string): string | undefined {
  const match = /^(.*)\.cold(\.\d+)?$/.exec(name);
  return match?.[1];
}

/**
 * True for what stands before a function and has a symbol of its own: padding that objtool names (`__pfx_f`), the type hash of kCFI
 * (`__cfi_f`). It is part of the function.
 */
export function isPrefixName(name: string): boolean {
  return /^__(pfx|cfi)_./.test(name);
}
