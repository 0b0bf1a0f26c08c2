import { damaged } from './bits.ts';

/**
 * A decoding table of finite state entropy. By state, in one number: what to add to the bits that are read next (bits 0 to 15), how
 * many those are (16 to 23), and the symbol (24 to 31).
 */
export interface FseTable {
  readonly log: number;
  readonly entries: Int32Array;
}

/**
 * The table of normalised counts, where -1 stands for "less than one".
 *
 * @see RFC 8878, 4.1.1 "FSE Table Description", from "Next, the table is populated"
 */
export function makeFseTable(counts: readonly number[], log: number): FseTable {
  const size = 1 << log;
  const symbol = new Uint8Array(size);
  const entries = new Int32Array(size);
  const next = new Uint16Array(counts.length);
  let high = size;
  counts.forEach((count, value) => {
    if (count === -1) symbol[--high] = value;
    next[value] = count === -1 ? 1 : count;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let place = 0;
  counts.forEach((count, value) => {
    for (let left = count; left > 0; left--) {
      symbol[place] = value;
      do place = (place + step) & (size - 1);
      while (place >= high);
    }
  });
  for (let state = 0; state < size; state++) {
    const number = next[symbol[state]]++;
    const bits = log - (31 - Math.clz32(number));
    entries[state] = (symbol[state] << 24) | (bits << 16) | ((number << bits) - size);
  }
  return { log, entries };
}

/** The table with one state, which stands for one symbol and takes no bits. */
export function singleSymbolTable(value: number): FseTable {
  return { log: 0, entries: Int32Array.of(value << 24) };
}

/**
 * Reads a table description that begins at `at`.
 *
 * @returns the table and where the description ends
 * @see RFC 8878, 4.1.1
 */
export function readFseTable(
  bytes: Uint8Array,
  at: number,
  end: number,
  largestLog: number,
  symbols: number,
): { table: FseTable; end: number } {
  let bitAt = at * 8;
  const peek = (count: number): number => {
    const byte = bitAt >> 3;
    const word = bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16);
    return (word >>> (bitAt & 7)) & ((1 << count) - 1);
  };
  const log = peek(4) + 5;
  bitAt += 4;
  if (log > largestLog) throw damaged(`a table of ${log} bits where ${largestLog} are allowed`);
  const counts: number[] = [];
  let left = 1 << log;
  while (left > 0) {
    if (counts.length >= symbols || bitAt > end * 8) throw damaged('a table description does not add up');
    // Of the values 0 to left + 1 the lower ones take one bit less, as far as there is room.
    const width = 32 - Math.clz32(left + 1);
    const short = (1 << width) - 2 - left;
    let value = peek(width);
    const low = value & ((1 << (width - 1)) - 1);
    if (low < short) {
      value = low;
      bitAt += width - 1;
    } else {
      if (value >= 1 << (width - 1)) value -= short;
      bitAt += width;
    }
    const count = value - 1;
    counts.push(count);
    left -= Math.abs(count);
    if (count !== 0) continue;
    // After a zero two bits tell how many more follow, three meaning "and look again".
    for (let more = 3; more === 3; ) {
      more = peek(2);
      bitAt += 2;
      for (let index = 0; index < more; index++) counts.push(0);
      if (counts.length > symbols || bitAt > end * 8) throw damaged('a table description does not add up');
    }
  }
  const stop = (bitAt + 7) >> 3;
  if (left !== 0 || stop > end) throw damaged('a table description does not add up');
  return { table: makeFseTable(counts, log), end: stop };
}
