import { FormatError } from '../error.ts';

/** The symbols of a kernel in the order of its own table, which is that of their addresses. */
export interface KernelSymbols {
  readonly count: number;
  name(index: number): string;
  /**
   * Signed, see {@link ElfFile}: per-CPU and absolute symbols come first and are not negative, those of the image are negative.
   * Ascending within each of the two groups.
   */
  readonly address: Float64Array;
  /** The type letter of `nm`, as its ASCII code. */
  readonly type: Uint8Array;
  /**
   * Indices of the symbols of that name, in the order in which the kernel finds them: by ascending address.
   * The place in this array + 1 is what livepatch calls `sympos`.
   */
  find(name: string): readonly number[];
  /** Indices of the symbols whose names begin so, ordered by name, bytewise, and then by address. */
  startingWith(prefix: string): readonly number[];
  /** The last symbol at or below `address` in the same group (per-CPU and absolute, or the image); -1 when there is none. */
  indexAt(address: number): number;
}

/** The arrays behind {@link KernelSymbols}; what is dumped and loaded. */
export interface SymbolArrays {
  readonly address: Float64Array;
  readonly type: Uint8Array;
  /** All names one behind the other, Latin-1; name n is from `nameStart[n]` to `nameStart[n + 1]`. */
  readonly names: Uint8Array;
  readonly nameStart: Uint32Array;
  /** Symbol indices sorted by name, bytewise, and then by address. */
  readonly byName: Uint32Array;
}

/** Below 0, 0 or above 0 as name `a` sorts before, equal to or behind name `b`. */
export function compareNames(
  arrays: Pick<SymbolArrays, 'names' | 'nameStart'>,
  a: number,
  b: number,
): number {
  const { names, nameStart } = arrays;
  let at = nameStart[a];
  let to = nameStart[b];
  const end = nameStart[a + 1];
  const toEnd = nameStart[b + 1];
  for (; at < end && to < toEnd; at++, to++) if (names[at] !== names[to]) return names[at] - names[to];
  return end - at - (toEnd - to);
}

/** Wraps the arrays; `arrays` must be consistent. */
export function makeSymbols(arrays: SymbolArrays): KernelSymbols {
  const { address, type, names, nameStart, byName } = arrays;
  const count = address.length;
  const cache: (string | undefined)[] = [];
  // Where the per-CPU and absolute symbols end and the image's begin.
  let boundary = 0;
  for (let high = count; boundary < high; ) {
    const middle = (boundary + high) >> 1;
    if (address[middle] >= 0) boundary = middle + 1;
    else high = middle;
  }

  /** As {@link compareNames}, of a symbol with a text. */
  const compareTo = (index: number, text: string): number => {
    const start = nameStart[index];
    const length = nameStart[index + 1] - start;
    for (let at = 0; at < length && at < text.length; at++) {
      const difference = names[start + at] - text.charCodeAt(at);
      if (difference !== 0) return difference;
    }
    return length - text.length;
  };

  const startsWith = (index: number, prefix: string): boolean => {
    const start = nameStart[index];
    if (nameStart[index + 1] - start < prefix.length) return false;
    for (let at = 0; at < prefix.length; at++) if (names[start + at] !== prefix.charCodeAt(at)) return false;
    return true;
  };

  /** Place in `byName` of the first symbol whose name is not before a text. */
  const firstFrom = (text: string): number => {
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >> 1;
      if (compareTo(byName[middle], text) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const self: SymbolsWithArrays = {
    count,
    address,
    type,
    name(index) {
      const known = cache[index];
      if (known !== undefined) return known;
      let name = '';
      for (let at = nameStart[index]; at < nameStart[index + 1]; at++) name += String.fromCharCode(names[at]);
      cache[index] = name;
      return name;
    },
    find(name) {
      const found: number[] = [];
      for (let low = firstFrom(name); low < count && compareTo(byName[low], name) === 0; low++)
        found.push(byName[low]);
      return found;
    },
    startingWith(prefix) {
      const found: number[] = [];
      for (let low = firstFrom(prefix); low < count && startsWith(byName[low], prefix); low++)
        found.push(byName[low]);
      return found;
    },
    indexAt(wanted) {
      const first = wanted < 0 ? boundary : 0;
      let low = first;
      for (let high = wanted < 0 ? count : boundary; low < high; ) {
        const middle = (low + high) >> 1;
        if (address[middle] <= wanted) low = middle + 1;
        else high = middle;
      }
      return low === first ? -1 : low - 1;
    },
    [arraysOf]: arrays,
  };
  return self;
}

const arraysOf = Symbol('arrays');

interface SymbolsWithArrays extends KernelSymbols {
  readonly [arraysOf]: SymbolArrays;
}

/** `KLPSYMS` and the version of the layout, in the machine's byte order, which everywhere that matters is little-endian. */
const magic = 0x31534b4c;
const headerSize = 16;

/**
 * The symbols as bytes, for a cache on disk: about 35 bytes per symbol, and {@link loadKallsyms} takes no time to speak of.
 *
 * Header (u32 each): magic, count, bytes of all names, 0; then the arrays, those of wide numbers first so that all are aligned.
 */
export function dumpKallsyms(symbols: KernelSymbols): Uint8Array {
  const arrays = (symbols as Partial<SymbolsWithArrays>)[arraysOf];
  if (!arrays) throw new TypeError('dumpKallsyms takes what readKallsyms or loadKallsyms gave');
  const parts = [arrays.address, arrays.nameStart, arrays.byName, arrays.type, arrays.names];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, headerSize));
  new Uint32Array(bytes.buffer, 0, 4).set([magic, symbols.count, arrays.names.length, 0]);
  let at = headerSize;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

/**
 * The reverse of {@link dumpKallsyms}. The result refers to `bytes`, which must not change afterwards.
 *
 * @throws {FormatError} for bytes of another layout, or cut off
 */
export function loadKallsyms(bytes: Uint8Array): KernelSymbols {
  // The arrays are views, and views of wide numbers want an aligned start.
  const data = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const header = data.length < headerSize ? undefined : new Uint32Array(data.buffer, data.byteOffset, 4);
  if (header?.[0] !== magic) throw new FormatError('kallsyms dump: expected its magic at offset 0');
  const [, count, nameBytes] = header;
  const size = headerSize + count * 8 + (count + 1) * 4 + count * 4 + count + nameBytes;
  if (data.length !== size)
    throw new FormatError(`kallsyms dump: ${count} symbols need ${size} bytes, there are ${data.length}`);
  let at = data.byteOffset + headerSize;
  const address = new Float64Array(data.buffer, at, count);
  at += count * 8;
  const nameStart = new Uint32Array(data.buffer, at, count + 1);
  at += (count + 1) * 4;
  const byName = new Uint32Array(data.buffer, at, count);
  at += count * 4;
  const type = new Uint8Array(data.buffer, at, count);
  const names = new Uint8Array(data.buffer, at + count, nameBytes);
  for (let index = 0; index < count; index++) {
    if (nameStart[index] > nameStart[index + 1] || byName[index] >= count)
      throw new FormatError(`kallsyms dump: the entry of symbol ${index} is damaged`);
  }
  if (nameStart[0] !== 0 || nameStart[count] !== nameBytes)
    throw new FormatError('kallsyms dump: the names do not fill their table');
  return makeSymbols({ address, type, names, nameStart, byName });
}
