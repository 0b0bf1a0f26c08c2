import { STB, STT } from '@klpkit/formats';
import type { ObjectModel, Piece, Reference } from '../model/model.ts';
import { type Ground, lowerBound, type ShippedSymbol, type Spot } from './ground.ts';
import { definedSymbols, modulePosition } from './position.ts';

const offsetOf = (reference: Reference) => reference.offset;
const startOf = (piece: Piece) => piece.start;
const grounds = new WeakMap<ObjectModel, Ground>();

/** The tables of a shipped module that all of its units share. */
export function moduleGround(shipped: ObjectModel): Ground {
  let ground = grounds.get(shipped);
  if (!ground) {
    ground = makeGround(shipped);
    grounds.set(shipped, ground);
  }
  return ground;
}

function makeGround(shipped: ObjectModel): Ground {
  const { elf, symbols, arch } = shipped;
  const byName = new Map<string, readonly ShippedSymbol[]>();
  const names = definedSymbols(shipped);
  const little = elf.littleEndian;

  const relocationAt = (spot: Spot): Reference | undefined => {
    const all = shipped.references(elf.sections[spot.space]);
    const found = all[lowerBound(all, spot.value, offsetOf)];
    return found?.offset === spot.value ? found : undefined;
  };

  const symbolAt = (spot: Spot, name?: string): number | undefined => {
    if (name !== undefined)
      return (names.get(name) ?? []).find(
        (index) => symbols.section[index] === spot.space && symbols.value[index] === spot.value,
      );
    const pieces = shipped.piecesIn(elf.sections[spot.space]);
    const piece = pieces[lowerBound(pieces, spot.value, startOf)];
    return piece?.start === spot.value ? piece.symbol : undefined;
  };

  return {
    kind: 'module',
    symbols(name) {
      let found = byName.get(name);
      if (!found) {
        found = (names.get(name) ?? [])
          .filter((index) => !symbols.reserved[index])
          .map((index) => ({
            index,
            space: symbols.section[index],
            value: symbols.value[index],
            size: symbols.size[index],
            binding:
              symbols.binding[index] === STB.LOCAL
                ? 'local'
                : symbols.binding[index] === STB.WEAK
                  ? 'weak'
                  : 'global',
          }));
        byName.set(name, found);
      }
      return found;
    },
    bytes({ space, value }, length) {
      const content = shipped.bytes(elf.sections[space]);
      if (value < 0 || value + length > content.length) return undefined;
      return content.subarray(value, value + length);
    },
    room: (symbol) => symbol.size ?? 0,
    meaning(spot, field, relocationName) {
      const found = relocationAt(spot);
      if (found) {
        if (found.type !== field.type) return arch.relocationName(found.type);
        const name = symbols.name(found.symbol);
        const local = symbols.binding[found.symbol] === STB.LOCAL;
        const symbol = { name, local, addend: found.addend };
        if (found.symbol === 0) return { spot: undefined, absolute: found.addend };
        if (symbols.reserved[found.symbol])
          return { spot: undefined, symbol, absolute: symbols.value[found.symbol] + found.addend };
        const section = symbols.section[found.symbol];
        if (section === 0) return { spot: undefined, symbol };
        return { spot: { space: section, value: symbols.value[found.symbol] + found.addend }, symbol };
      }
      // The assembler resolves what stays within a section.
      if (!arch.isPcRelative(field.type)) return `no relocation, where this object has ${relocationName}`;
      const width = arch.fieldWidth(field.type) ?? 0;
      const content = this.bytes(spot, width);
      if (!content || (width !== 4 && width !== 1)) return 'no relocation';
      const view = new DataView(content.buffer, content.byteOffset, width);
      const distance = width === 4 ? view.getInt32(0, little) : view.getInt8(0);
      return { spot: { space: spot.space, value: spot.value + distance } };
    },
    jumpTarget: (from, distance) => ({ space: from.space, value: from.value + distance }),
    hasRelocation: (spot) => relocationAt(spot) !== undefined,
    unexplained(symbol, length, explained, isOwn) {
      const section = elf.sections[symbol.space];
      const all = shipped.references(section);
      for (let at = lowerBound(all, symbol.value, offsetOf); at < all.length; at++) {
        const offset = all[at].offset - symbol.value;
        if (offset >= length) break;
        if (!explained.has(offset))
          return {
            offset,
            what: 'relocation',
            expected: 'no relocation',
            found: `${arch.relocationName(all[at].type)} ${symbols.name(all[at].symbol)}`,
          };
      }
      const pieces = shipped.piecesIn(section);
      for (let at = lowerBound(pieces, symbol.value + 1, startOf); at < pieces.length; at++) {
        const offset = pieces[at].start - symbol.value;
        if (offset >= length) break;
        if (!isOwn(pieces[at].name, offset))
          return {
            offset,
            what: 'symbol',
            expected: 'no symbol inside the function',
            found: pieces[at].name,
          };
      }
      return undefined;
    },
    nameOf(spot) {
      const section = elf.sections[spot.space];
      const piece = shipped.pieceAt(section, spot.value);
      if (!piece) return `${section.name}+0x${spot.value.toString(16)}`;
      const distance = spot.value - piece.start;
      return `${piece.name}${distance === 0 ? '' : `+0x${distance.toString(16)}`} (${section.name}+0x${spot.value.toString(16)})`;
    },
    place(spot, name) {
      const symbol = symbolAt(spot, name) ?? symbolAt(spot);
      return {
        kind: 'module',
        section: spot.space,
        sectionName: elf.sections[spot.space].name,
        offset: spot.value,
        symbol,
      };
    },
    position(spot, name) {
      const symbol = symbolAt(spot, name);
      if (symbol === undefined || symbols.type[symbol] === STT.SECTION)
        return {
          ok: false,
          reason: `the module has no symbol ${name} at ${elf.sections[spot.space].name}+0x${spot.value.toString(16)}`,
        };
      return modulePosition(shipped, symbol);
    },
  };
}
