import type { Piece, Reference } from '../model/model.ts';
import type { Answer, Place, Position } from './types.ts';

/** A place in what was shipped. In an image `space` is 0 and `value` a signed address; in a module a section and an offset. */
export interface Spot {
  readonly space: number;
  readonly value: number;
}

/** A symbol of what was shipped. */
export interface ShippedSymbol extends Spot {
  readonly index: number;
  /** Bytes; `undefined` where symbols have none (kallsyms). */
  readonly size: number | undefined;
  readonly binding: 'local' | 'global' | 'weak' | 'unknown';
}

/**
 * What a field of shipped code or data means: `spot` is the symbol plus addend as linked, before any distance to the end of the
 * instruction is taken off. `symbol` is the shipped relocation's own symbol where there is one.
 */
export interface Meaning {
  readonly spot: Spot | undefined;
  readonly symbol?: { readonly name: string; readonly local: boolean; readonly addend: number };
  /** A value without a section. */
  readonly absolute?: number;
}

/** Something on the shipped side that this object cannot explain. */
export interface Unexplained {
  /** Bytes from the start of the function as shipped. */
  readonly offset: number;
  readonly what: 'relocation' | 'symbol';
  readonly expected: string;
  readonly found: string;
}

/** The part of a reference that says how its field is to be read. */
export type ReferenceField = Pick<Reference, 'offset' | 'type' | 'symbol' | 'addend'>;

/** What matching asks of a shipped image or module; one implementation each. */
export interface Ground {
  readonly kind: 'image' | 'module';
  /** Symbols of that name which a reference or a function can mean, in table order. */
  symbols(name: string): readonly ShippedSymbol[];
  /** Bytes from there on: exactly `length`, or `undefined` when they lie outside of every section with content. */
  bytes(spot: Spot, length: number): Uint8Array | undefined;
  /** Most bytes that a function at this symbol can have: up to the next symbol or the end of the section. */
  room(symbol: ShippedSymbol): number;
  /** What the field at `spot` means, for a relocation of this type; a text when there is no such field. */
  meaning(spot: Spot, field: ReferenceField, relocationName: string): Meaning | string;
  /** The spot that a jump without a relocation reaches: `distance` bytes from `from`. */
  jumpTarget(from: Spot, distance: number): Spot;
  /** True when there is a relocation for a field at `spot`. */
  hasRelocation(spot: Spot): boolean;
  /**
   * What is inside `length` bytes of the shipped function and not in `explained` (offsets from `symbol`, with the relocation type):
   * relocations, sites of the relocation list, symbols that `isOwn` does not know.
   */
  unexplained(
    symbol: ShippedSymbol,
    length: number,
    explained: ReadonlyMap<number, number>,
    isOwn: (name: string, offset: number) => boolean,
  ): Unexplained | undefined;
  /** In words. */
  nameOf(spot: Spot): string;
  place(spot: Spot, name: string | undefined): Place;
  position(spot: Spot, name: string): Answer<Position>;
}

/** A statement of one function about where something is. */
export type Claim =
  | {
      /** The section of the before object starts here. */
      readonly kind: 'section';
      readonly section: number;
      readonly base: Spot;
      readonly offset: number;
    }
  | { readonly kind: 'name'; readonly name: string; readonly base: Spot; readonly offset: number };

export function sameSpot(a: Spot, b: Spot): boolean {
  return a.space === b.space && a.value === b.value;
}

/** The names under which a piece can be found, its own first. */
export function namesOf(piece: Piece): readonly string[] {
  return [piece.name, ...piece.aliases];
}

/** Index of the first of `sorted` whose key is `value` or more. */
export function lowerBound<T>(sorted: readonly T[], value: number, key: (item: T) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(sorted[middle]) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
