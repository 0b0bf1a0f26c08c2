import {
  type Comparison,
  type FunctionChange,
  type ObjectModel,
  obstacleTo,
  type Piece,
} from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Extraction, Location, Resolver } from '../extract/index.ts';

/**
 * What a source livepatch does with a function or variable of the unit.
 *
 * - `replace`: the fixed function takes the place of the kernel's;
 * - `refer`: the kernel's own is used;
 * - `copy`: a static copy serves this file alone;
 * - `new`: the fix adds it, and only the livepatch has it.
 */
export type Fate =
  | { readonly kind: 'replace'; readonly why: string; readonly piece: Piece }
  | { readonly kind: 'refer'; readonly why: string; readonly piece: Piece; readonly location: Location }
  | { readonly kind: 'copy' | 'new'; readonly why: string };

/** What the objects and the kernel say of a unit's names. */
export interface Fates {
  /** Functions that are replaced, by the name in the kernel. */
  readonly replaced: ReadonlyMap<string, Piece>;
  functionOf(name: string): Fate;
  variableOf(name: string): Fate;
  /**
   * The variable that a static one of a function is in the kernel; `undefined` to leave the declaration as it is. Constants are
   * the kernel's as well: what was given a pointer to one keeps it longer than the livepatch may live.
   */
  staticLocal(name: string, owner: string): StaticFate | undefined;
  readonly findings: readonly Finding[];
}

/** Where a static variable of a function is. */
export type StaticFate =
  | {
      readonly kind: 'refer';
      readonly piece: Piece;
      readonly location: Location;
      readonly isConstant: boolean;
    }
  | { readonly kind: 'ambiguous'; readonly pieces: readonly Piece[]; readonly isConstant: boolean };

/** `foo.constprop.0` is `foo` in the source. */
export function sourceName(symbol: string): string {
  const dot = symbol.indexOf('.');
  return dot > 0 ? symbol.slice(0, dot) : symbol;
}

/**
 * Decides what becomes of each name of a unit.
 *
 * @param isNew true for a name that the fixed text introduces
 */
export function decideFates(
  unit: string,
  comparison: Comparison,
  extraction: Extraction,
  resolver: Resolver,
  isNew: (name: string) => boolean,
): Fates {
  const { before, after, correlation } = comparison;
  const findings: Finding[] = [];
  const byBefore = new Map<Piece, FunctionChange>();
  for (const change of comparison.functions) if (change.before) byBefore.set(change.before, change);
  const changedNames = new Set(
    comparison.functions.flatMap(({ name, status }) => (status === 'changed' ? [sourceName(name)] : [])),
  );
  const callers = callersOf(comparison);
  const replaced = new Map<string, Piece>();
  const copied = new Map<string, string>();
  const queue: Piece[] = extraction.functions.map(({ before: piece }) => piece);
  const seen = new Set<Piece>();
  const climb = (piece: Piece, why: string) => {
    copied.set(sourceName(piece.name), why);
    for (const caller of callers.get(piece) ?? []) queue.push(caller);
  };
  for (let piece = queue.shift(); piece; piece = queue.shift()) {
    if (seen.has(piece)) continue;
    seen.add(piece);
    if (before.kindOf(piece.section) === 'init') continue;
    if (piece.name.includes('.')) {
      climb(
        piece,
        `the kernel's ${piece.name} cannot be replaced by a function of C: its callers take this copy`,
      );
      continue;
    }
    const change = byBefore.get(piece);
    const obstacle = change && obstacleTo(comparison, change);
    if (obstacle?.id === 'KLP130') {
      climb(piece, 'it cannot be traced, so its callers take this copy');
      continue;
    }
    if (obstacle) findings.push({ ...obstacle, at: { ...obstacle.at, unit } });
    replaced.set(piece.name, piece);
    // A static function that others were folded into has their names as well.
    for (const alias of piece.aliases) if (!replaced.has(alias)) replaced.set(alias, piece);
  }
  const named = (name: string, kind: Piece['kind']) =>
    before.named(name).find((piece) => piece.kind === kind);
  const locate = (piece: Piece, why: string): Fate => {
    const location = resolver.original(piece);
    return location.kind === 'klp' || location.kind === 'export'
      ? { kind: 'refer', why, piece, location }
      : { kind: 'copy', why: location.kind === 'unresolved' ? location.reason : 'the livepatch has it' };
  };
  return {
    replaced,
    findings,
    functionOf(name) {
      const own = replaced.get(name);
      if (own) return { kind: 'replace', why: 'the fix changes its code', piece: own };
      const copy = copied.get(name);
      if (copy !== undefined) return { kind: 'copy', why: copy };
      const piece = named(name, 'function');
      if (!piece) {
        if (isNew(name)) return { kind: 'new', why: 'the fix adds it' };
        const clones = before.pieces.filter(
          (one) => one.kind === 'function' && sourceName(one.name) === name,
        );
        return {
          kind: 'copy',
          why:
            clones.length > 0
              ? `the kernel has it as ${clones.map((one) => one.name).join(', ')} only`
              : 'the compiler inlined it everywhere',
        };
      }
      if (changedNames.has(name)) return { kind: 'copy', why: 'it changes, and its callers take this copy' };
      if (before.kindOf(piece.section) === 'init')
        return { kind: 'copy', why: 'the kernel frees its code after boot' };
      return locate(piece, 'the kernel has it');
    },
    variableOf(name) {
      const piece = named(name, 'object');
      if (!piece)
        return isNew(name)
          ? { kind: 'new', why: 'the fix adds it' }
          : { kind: 'copy', why: 'the compiler left no variable of it' };
      if (piece.size === 0) return { kind: 'copy', why: 'it is empty' };
      if (before.kindOf(piece.section) === 'init')
        return { kind: 'copy', why: 'the kernel frees it after boot' };
      return locate(piece, 'the kernel has it');
    },
    staticLocal(name, owner) {
      const found = after.pieces.filter(
        (piece) =>
          piece.kind === 'object' &&
          piece.size > 0 &&
          piece.name.startsWith(name) &&
          /^\.\d+$/.test(piece.name.slice(name.length)) &&
          !comparison.isFresh(piece) &&
          correlation.beforeOf(piece),
      );
      const used = found.length > 1 ? usedBy(after, owner) : undefined;
      const own = found.filter((piece) => used?.has(piece));
      const chosen = own.length > 0 ? own : found;
      const pieces = chosen.flatMap((piece) => correlation.beforeOf(piece) ?? []);
      if (pieces.length === 0) return undefined;
      const isConstant = chosen.every(({ section }) => after.kindOf(section) === 'rodata');
      if (pieces.length > 1) return { kind: 'ambiguous', pieces, isConstant };
      return { kind: 'refer', piece: pieces[0], location: resolver.original(pieces[0]), isConstant };
    },
  };
}

/** What a function, its clones and parts refer to. */
function usedBy(model: ObjectModel, owner: string): Set<Piece> {
  const used = new Set<Piece>();
  for (const piece of model.pieces)
    if (piece.kind === 'function' && sourceName(piece.name) === owner)
      for (const { target } of model.referencesOf(piece)) if (target.kind === 'piece') used.add(target.piece);
  return used;
}

/** The functions of the before object that refer to each of its functions. */
function callersOf({ before }: Comparison): Map<Piece, Set<Piece>> {
  const callers = new Map<Piece, Set<Piece>>();
  for (const piece of before.pieces) {
    if (piece.kind !== 'function') continue;
    for (const { target } of before.referencesOf(piece)) {
      if (target.kind !== 'piece' || target.piece.kind !== 'function' || target.piece === piece) continue;
      const set = callers.get(target.piece);
      if (set) set.add(piece);
      else callers.set(target.piece, new Set([piece]));
    }
  }
  return callers;
}
