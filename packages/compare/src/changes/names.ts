import { SHF } from '@klpkit/formats';
import type { Piece } from '../model/model.ts';

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
 * Sources: include/linux/{once_lite,printk,ratelimit,dynamic_debug,netlink,lockdep}.h; gcc names switch tables `CSWTCH`.
 */
const freshStems = new Set([
  '__key',
  '__warned',
  '__already_done',
  '__func__',
  '__FUNCTION__',
  '__PRETTY_FUNCTION__',
  '_rs',
  'CSWTCH',
  '_entry',
  '_entry_ptr',
  'descriptor',
  '__msg',
  '_fmt',
  '__print_once',
  '__UNIQUE_ID_ddebug',
  '__compound_literal',
]);

/** See `Comparison.isFresh`. */
export function isFreshPiece(piece: Piece): boolean {
  if (piece.kind !== 'object') return false;
  if (piece.section.name === '.data..once' || piece.section.name === '.data.once') return true;
  if (piece.section.name === '__dyndbg') return true;
  if (/^\.L|\.\.L__unnamed/.test(piece.name)) return true;
  // clang puts the function's name before that of its static variable: `f.__key`, `f._rs.3`.
  const local = /^[A-Za-z_]\w*\.([A-Za-z_]\w*(?:\.\d+)?)$/.exec(piece.name)?.[1];
  if (local !== undefined && freshStems.has(stemOf(local))) return true;
  if (!isNumbered(piece.name)) return false;
  const stem = stemOf(piece.name);
  // A compound literal at file scope that can be written is a variable like any other: its state must not split.
  if (stem === '__compound_literal') return (piece.section.flags & SHF.WRITE) === 0;
  return freshStems.has(stem);
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
