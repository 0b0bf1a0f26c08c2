import { type ElfFile, isAllocated, R_X86_64, SHT } from '@klpkit/formats';
import type { Arch } from '../arch/arch.ts';
import { archOf } from '../arch/arch.ts';
import type { Ground, ShippedSymbol } from './ground.ts';
import { addressText, imagePosition } from './position.ts';
import { listedKinds, type RelocationList, readRelocationList } from './relocation-list.ts';
import type { ShippedImage } from './types.ts';

const grounds = new WeakMap<ElfFile, Ground>();

/** The tables of an image that all of its units share. */
export function imageGround(image: ShippedImage): Ground {
  let ground = grounds.get(image.elf);
  if (!ground) {
    ground = makeGround(image);
    grounds.set(image.elf, ground);
  }
  return ground;
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

/** Allocated sections with content by ascending address, the per-CPU section (at 0) last. */
function stretches(elf: ElfFile): Stretch[] {
  return elf.sections
    .filter((section) => isAllocated(section) && section.type !== SHT.NOBITS && section.size > 0)
    .map((section) => ({
      start: section.address,
      end: section.address + section.size,
      offset: section.offset,
    }))
    .sort((a, b) => a.start - b.start);
}

function makeGround(image: ShippedImage): Ground {
  const { elf, symbols } = image;
  const arch: Arch = archOf(elf);
  const parts = stretches(elf);
  const list: RelocationList | undefined = image.relocations ?? readRelocationList(elf);
  const byName = new Map<string, readonly ShippedSymbol[]>();
  const little = elf.littleEndian;

  const partAt = (address: number): Stretch | undefined => {
    let low = 0;
    let high = parts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (parts[middle].start <= address) low = middle + 1;
      else high = middle;
    }
    const part = parts[low - 1];
    return part && address < part.end ? part : undefined;
  };

  return {
    kind: 'image',
    symbols(name) {
      let found = byName.get(name);
      if (!found) {
        found = symbols.find(name).map((index) => ({
          index,
          space: 0,
          value: symbols.address[index],
          size: undefined,
          binding: bindingOf(symbols.type[index]),
        }));
        byName.set(name, found);
      }
      return found;
    },
    bytes({ value }, length) {
      const part = partAt(value);
      if (!part || value + length > part.end) return undefined;
      const start = part.offset + value - part.start;
      return elf.bytes.subarray(start, start + length);
    },
    room(symbol) {
      const part = partAt(symbol.value);
      if (!part) return 0;
      let next = symbol.index + 1;
      while (next < symbols.count && symbols.address[next] === symbol.value) next++;
      const end = next < symbols.count ? symbols.address[next] : part.end;
      return Math.min(end > symbol.value ? end : part.end, part.end) - symbol.value;
    },
    meaning({ value }, field, relocationName) {
      const width = arch.fieldWidth(field.type) ?? 0;
      const part = partAt(value);
      if (!part || value + width > part.end) return `no content at ${addressText(value)}`;
      const at = part.offset + value - part.start;
      const relative = arch.isPcRelative(field.type);
      let raw: number;
      if (width === 4) raw = elf.view.getInt32(at, little);
      else if (width === 8) raw = Number(elf.view.getBigInt64(at, little));
      else if (width === 2) raw = elf.view.getInt16(at, little);
      else if (width === 1) raw = elf.view.getInt8(at);
      else return `${relocationName}, which a linked kernel does not have`;
      if (isGot(field.type)) return `${relocationName}: references through the GOT are not followed`;
      // Addresses lie within 2 GiB below and above zero: 32 bits, taken as signed, are all of them.
      const target = relative ? raw + value : raw;
      return { spot: { space: 0, value: width === 4 ? target | 0 : target } };
    },
    jumpTarget: (from, distance) => ({ space: 0, value: from.value + distance }),
    // A linked image has no relocations, only the list of absolute places, which no jump has.
    hasRelocation: () => false,
    unexplained(symbol, length, explained, isOwn) {
      const { value } = symbol;
      if (list) {
        for (let at = lowerBound(list.address, value); at < list.address.length; at++) {
          const offset = list.address[at] - value;
          if (offset >= length) break;
          const type = explained.get(offset);
          const kind = listedKinds[list.kind[at]];
          if (type === undefined || !fits(type, kind))
            return {
              offset,
              what: 'relocation',
              expected: type === undefined ? 'no relocation' : arch.relocationName(type),
              found: `an address of kind ${kind} in the image's relocation list`,
            };
        }
      }
      for (let next = symbol.index + 1; next < symbols.count; next++) {
        const offset = symbols.address[next] - value;
        if (offset < 0 || offset >= length) break;
        if (offset > 0 && !isOwn(symbols.name(next), offset))
          return {
            offset,
            what: 'symbol',
            expected: 'no symbol inside the function',
            found: symbols.name(next),
          };
      }
      return undefined;
    },
    nameOf({ value }) {
      return nearestName(symbols, value);
    },
    place: ({ value }) => ({ kind: 'image', address: value }),
    position: ({ value }, name) => imagePosition(symbols, name, value),
  };
}

function isGot(type: number): boolean {
  return type === R_X86_64.GOTPCREL || type === R_X86_64.GOTPCRELX || type === R_X86_64.REX_GOTPCRELX;
}

/** Which relocations of an object end up in which part of the list (arch/x86/tools/relocs.c, `do_reloc64()`). */
function fits(type: number, kind: (typeof listedKinds)[number]): boolean {
  if (kind === '64') return type === R_X86_64[64];
  if (kind === '32') return type === R_X86_64[32] || type === R_X86_64['32S'];
  return type === R_X86_64.PC32 || type === R_X86_64.PLT32;
}

/** Letters of `nm`: upper case is global. Per-CPU symbols are all `A`, whatever they were. */
function bindingOf(type: number): ShippedSymbol['binding'] {
  const letter = String.fromCharCode(type);
  if (letter === 'A' || letter === 'a') return 'unknown';
  if (/[wWvV]/.test(letter)) return 'weak';
  return letter === letter.toUpperCase() ? 'global' : 'local';
}

function nearestName(symbols: ShippedImage['symbols'], address: number): string {
  let low = 0;
  let high = symbols.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const value = symbols.address[middle];
    // Per-CPU and absolute symbols come first and are not negative.
    if (value < 0 === address < 0 ? value <= address : value >= 0) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return addressText(address);
  const distance = address - symbols.address[low - 1];
  if (distance < 0 || distance > 0x100000) return addressText(address);
  return `${symbols.name(low - 1)}${distance === 0 ? '' : `+0x${distance.toString(16)}`} (${addressText(address)})`;
}

function lowerBound(sorted: Int32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
