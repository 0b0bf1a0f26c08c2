import { SHF, STB } from '@klpkit/formats';
import { describe } from '../changes/same.ts';
import type { ObjectModel, Piece, Reference } from '../model/model.ts';
import { type Claim, type Ground, type Meaning, namesOf, sameSpot } from './ground.ts';

/** Why a reference does not lead where it should. */
export interface WrongTarget {
  readonly expected: string;
  readonly found: string;
}

/** Collects what references say; one per try of a function. */
export interface Ledger {
  readonly claims: Claim[];
  targetsChecked: number;
}

/**
 * Compares where a reference of the object leads with what the shipped field means. What can only be judged together with other
 * references (where a local variable is) goes into the ledger as a claim.
 */
export function checkReference(
  model: ObjectModel,
  reference: Reference,
  meaning: Meaning,
  ground: Ground,
  ledger: Ledger,
): WrongTarget | undefined {
  const { symbols } = model;
  const { symbol, addend, target, offset } = reference;
  // From symbol plus addend to what is meant: without the addend, or on to where the code really looks.
  let shift = -addend;
  const wrong = (expected: string, found?: string): WrongTarget => ({
    expected,
    found: found ?? inWords(meaning, shift, ground),
  });
  ledger.targetsChecked++;
  if (target.kind === 'absolute') {
    const value = meaning.absolute ?? (ground.kind === 'image' ? meaning.spot?.value : undefined);
    return value === target.value ? undefined : wrong(describe(target));
  }
  // A weak definition may give way to another's, so its name is what the reference means.
  const isWeak = symbols.binding[symbol] === STB.WEAK;
  if (target.kind === 'external' || isWeak) {
    const name = symbols.name(symbol);
    return checkName(name, addend, isWeak, offset, meaning, ground, ledger) ? undefined : wrong(name);
  }
  if (!meaning.spot) return wrong(describe(target));
  const home = target.kind === 'piece' ? target.piece.section : target.section;
  const inSection = target.kind === 'piece' ? target.piece.start + target.offset : target.offset;
  const written = symbols.value[symbol] + addend;
  // The distance to the end of the instruction, for what is relative to it.
  const distance = inSection - written;
  shift = distance;
  const { space } = meaning.spot;
  if (target.kind === 'string' || target.kind === 'constant') {
    const at = { space, value: meaning.spot.value + distance };
    const length = target.bytes.length;
    const zeros = target.kind === 'string' ? Math.max(1, home.entsize) : 0;
    const found = ground.bytes(at, length + zeros);
    if (!found) return wrong(describe(target));
    for (let index = 0; index < length + zeros; index++) {
      const expected = index < length ? target.bytes.charCodeAt(index) : 0;
      if (found[index] !== expected)
        return wrong(describe(target), contentText(target.kind, found, ground, at));
    }
    return undefined;
  }
  if (target.kind === 'piece' && (home.flags & SHF.MERGE) !== 0) {
    // ld merges it with equal constants, so that the name gives no address.
    const at = { space, value: meaning.spot.value + distance - target.offset };
    const content = model.content(target.piece);
    const found = ground.bytes(at, content.length);
    const same = found?.every((byte, index) => byte === content[index]) === true;
    return same ? undefined : wrong(describe(target));
  }
  const base = { space, value: meaning.spot.value - written };
  if (target.kind === 'piece' && !isNamedAt(target.piece, base, ground)) return wrong(describe(target));
  ledger.claims.push({ kind: 'section', section: home.index, base, offset });
  return undefined;
}

function checkName(
  name: string,
  addend: number,
  isWeak: boolean,
  offset: number,
  meaning: Meaning,
  ground: Ground,
  ledger: Ledger,
): boolean {
  if (ground.kind === 'module') {
    const { symbol, spot } = meaning;
    if (!symbol || symbol.local || symbol.name !== name || symbol.addend !== addend) return false;
    if (spot) {
      const base = { space: spot.space, value: spot.value - addend };
      ledger.claims.push({ kind: 'name', name, base, offset });
    }
    return true;
  }
  if (!meaning.spot) return false;
  const base = { space: 0, value: (meaning.spot.value - addend) | 0 };
  const all = ground.symbols(name);
  // A weak symbol that nobody defines is zero.
  if (all.length === 0) return isWeak && base.value === 0;
  if (!all.some((symbol) => symbol.value === base.value)) return false;
  ledger.claims.push({ kind: 'name', name, base, offset });
  return true;
}

/** True when the shipped symbols have the piece's name where the section's base puts it, or do not have the name at all. */
export function isNamedAt(piece: Piece, base: { space: number; value: number }, ground: Ground): boolean {
  const at = { space: base.space, value: base.value + piece.start };
  let known = false;
  for (const name of namesOf(piece)) {
    const all = ground.symbols(name);
    if (all.some((symbol) => sameSpot(symbol, at))) return true;
    known ||= all.length > 0;
  }
  return !known;
}

function inWords(meaning: Meaning, shift: number, ground: Ground): string {
  if (meaning.absolute !== undefined) return `0x${meaning.absolute.toString(16)}`;
  const { symbol, spot } = meaning;
  if (symbol && symbol.name !== '' && !symbol.local) return symbol.name;
  return spot ? ground.nameOf({ space: spot.space, value: spot.value + shift }) : 'nothing';
}

function contentText(
  kind: 'string' | 'constant',
  found: Uint8Array,
  ground: Ground,
  at: { space: number; value: number },
): string {
  if (kind === 'constant')
    return `constant ${[...found].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  // Show what is there as a string of its own, not cut to the length that was expected.
  let text = '';
  for (let index = 0; index < 200; index++) {
    const byte = ground.bytes({ space: at.space, value: at.value + index }, 1);
    if (!byte || byte[0] === 0) break;
    text += String.fromCharCode(byte[0]);
  }
  return JSON.stringify(text);
}
