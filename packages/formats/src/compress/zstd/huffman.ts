import { BackwardBits, damaged } from './bits.ts';
import { readFseTable } from './fse.ts';

/** A Huffman decoding table: by the next `log` bits, the symbol and how many of them it takes. */
export interface HuffmanTable {
  readonly log: number;
  readonly symbol: Uint8Array;
  readonly bits: Uint8Array;
}

const longestCode = 11;

/** Weights coded with FSE, two states in turn, until the bits are used up. RFC 8878, 4.2.1.2. */
function codedWeights(bytes: Uint8Array, at: number, end: number): number[] {
  const { table, end: dataAt } = readFseTable(bytes, at, end, 6, 256);
  const stream = new BackwardBits(bytes, dataAt, end);
  const weights: number[] = [];
  const states = [stream.read(table.log), stream.read(table.log)];
  if (stream.overrun) throw damaged('the Huffman weights end too early');
  for (let turn = 0; ; turn ^= 1) {
    const entry = table.entries[states[turn]];
    weights.push(entry >>> 24);
    if (weights.length > 254) throw damaged('too many Huffman weights');
    states[turn] = (entry & 0xffff) + stream.read((entry >> 16) & 0xff);
    if (stream.overrun) {
      weights.push(table.entries[states[turn ^ 1]] >>> 24);
      return weights;
    }
  }
}

/**
 * Reads the description of a Huffman tree.
 *
 * @returns the table and where the description ends
 * @see RFC 8878, 4.2.1
 */
export function readHuffmanTable(
  bytes: Uint8Array,
  at: number,
  end: number,
): { table: HuffmanTable; end: number } {
  if (at >= end) throw damaged('a Huffman tree is missing');
  const header = bytes[at];
  const size = header < 128 ? header : (header - 126) >> 1;
  const stop = at + 1 + size;
  if (stop > end) throw damaged('a Huffman tree leaves its block');
  const weights: number[] =
    header < 128
      ? codedWeights(bytes, at + 1, stop)
      : Array.from({ length: header - 127 }, (_, index) => {
          const pair = bytes[at + 1 + (index >> 1)];
          return index & 1 ? pair & 15 : pair >> 4;
        });
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  const log = sum > 0 ? Math.floor(Math.log2(sum)) + 1 : 0;
  if (log < 1 || log > longestCode) throw damaged(`Huffman codes of up to ${log} bits`);
  // The last weight is not written: it fills the sum up to a power of two.
  const rest = 2 ** log - sum;
  if ((rest & (rest - 1)) !== 0) throw damaged('Huffman weights do not add up');
  weights.push(Math.log2(rest) + 1);
  const symbol = new Uint8Array(1 << log);
  const bits = new Uint8Array(1 << log);
  let place = 0;
  for (let weight = 1; weight <= log; weight++)
    weights.forEach((own, value) => {
      if (own !== weight) return;
      const width = 1 << (weight - 1);
      symbol.fill(value, place, place + width);
      bits.fill(log + 1 - weight, place, place + width);
      place += width;
    });
  return { table: { log, symbol, bits }, end: stop };
}

/** Decodes exactly `count` bytes from one stream to `to` at `toAt`. */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: HuffmanTable,
  to: Uint8Array,
  toAt: number,
  count: number,
): void {
  const stream = new BackwardBits(bytes, start, end);
  const { log, symbol, bits } = table;
  const mask = (1 << log) - 1;
  let { at } = stream;
  for (let place = toAt; place < toAt + count; place++) {
    // Bits before the stream's start may be seen here; a code that needs them is found by the check below.
    const low = at - log;
    const byte = low >> 3;
    const word = bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16);
    const index = (word >>> (low & 7)) & mask;
    to[place] = symbol[index];
    at -= bits[index];
  }
  stream.at = at;
  if (!stream.finished) throw damaged('a Huffman stream does not end where it should');
}
