import type { Output } from '../output.ts';
import { BackwardBits, damaged } from './bits.ts';
import { type FseTable, makeFseTable, readFseTable, singleSymbolTable } from './fse.ts';
import { decodeHuffman, type HuffmanTable, readHuffmanTable } from './huffman.ts';

/** No block unpacks to more; RFC 8878, 3.1.1.2.4. */
export const largestBlock = 128 * 1024;

// RFC 8878, 3.1.1.3.2.1.1: what a code stands for, and how many more bits belong to it.
const literalBase = Int32Array.from([
  ...Array.from({ length: 16 }, (_, code) => code),
  ...[16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536],
]);
const literalBits = Uint8Array.from([
  ...Array.from({ length: 16 }, () => 0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
]);
const matchBase = Int32Array.from([
  ...Array.from({ length: 32 }, (_, code) => code + 3),
  ...[35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539],
]);
const matchBits = Uint8Array.from([
  ...Array.from({ length: 32 }, () => 0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
]);

/** Codes of one of the three parts of a sequence. */
interface Kind {
  readonly largestLog: number;
  readonly symbols: number;
  readonly predefined: FseTable;
}

// RFC 8878, 3.1.1.3.2.2: the distributions that need no description.
const kinds: readonly [literals: Kind, offsets: Kind, matches: Kind] = [
  {
    largestLog: 9,
    symbols: 36,
    predefined: makeFseTable(
      [
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1,
        -1, -1, -1,
      ],
      6,
    ),
  },
  {
    largestLog: 8,
    symbols: 32,
    predefined: makeFseTable(
      [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
      5,
    ),
  },
  {
    largestLog: 9,
    symbols: 53,
    predefined: makeFseTable(
      [
        ...[1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ...[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1],
      ],
      6,
    ),
  },
];

/** Decodes the compressed blocks of one frame; tables and the last three distances live on from block to block. */
export class BlockDecoder {
  readonly #output: Output;
  /** Where in the output the frame begins: matches reach no further back. */
  readonly #start: number;
  readonly #window: number;
  readonly #literals = new Uint8Array(largestBlock);
  #literalCount = 0;
  #huffman: HuffmanTable | undefined;
  readonly #tables: (FseTable | undefined)[] = [undefined, undefined, undefined];
  readonly #distances = [1, 4, 8];

  constructor(output: Output, window: number) {
    this.#output = output;
    this.#start = output.length;
    this.#window = window;
  }

  /** Decodes the block that is the first `size` bytes of `block`; what follows may be seen, and is not used. */
  decode(block: Uint8Array, size: number): void {
    const at = this.#readLiterals(block, size);
    this.#readSequences(block, at, size);
  }

  /** RFC 8878, 3.1.1.3.1. */
  #readLiterals(block: Uint8Array, blockEnd: number): number {
    if (blockEnd < 2) throw damaged('a block is too short');
    const type = block[0] & 3;
    const format = (block[0] >> 2) & 3;
    const header = block[0] | (block[1] << 8) | (block[2] << 16);
    if (type < 2) {
      const headerSize = format === 1 ? 2 : format === 3 ? 3 : 1;
      const count =
        format === 1 ? (header >>> 4) & 0xfff : format === 3 ? (header >>> 4) & 0xfffff : block[0] >> 3;
      const end = headerSize + (type === 0 ? count : 1);
      if (count > largestBlock || end > blockEnd) throw damaged('the literals leave their block');
      if (type === 0) this.#literals.set(block.subarray(headerSize, end));
      else this.#literals.fill(block[headerSize], 0, count);
      this.#literalCount = count;
      return end;
    }
    const width = format < 2 ? 10 : format === 2 ? 14 : 18;
    const headerSize = format < 2 ? 3 : format + 2;
    if (blockEnd < headerSize) throw damaged('a block is too short');
    // Two numbers behind four bits: at most 40 bits, exact in a double.
    let bits = 0;
    for (let index = headerSize - 1; index >= 0; index--) bits = bits * 256 + block[index];
    const count = Math.floor(bits / 16) % 2 ** width;
    const size = Math.floor(bits / 2 ** (4 + width));
    const end = headerSize + size;
    if (count > largestBlock || end > blockEnd) throw damaged('the literals leave their block');
    let at = headerSize;
    if (type === 2) {
      const tree = readHuffmanTable(block, at, end);
      this.#huffman = tree.table;
      at = tree.end;
    }
    const table = this.#huffman;
    if (!table) throw damaged('the first literals want the Huffman tree of earlier ones');
    if (format === 0) decodeHuffman(block, at, end, table, this.#literals, 0, count);
    else {
      if (at + 6 > end) throw damaged('the literals leave their block');
      const part = (count + 3) >> 2;
      let from = at + 6;
      for (let stream = 0; stream < 4; stream++) {
        const stop = stream === 3 ? end : from + (block[at + stream * 2] | (block[at + stream * 2 + 1] << 8));
        const size = stream === 3 ? count - 3 * part : part;
        if (stop > end || size < 0) throw damaged('the literals leave their block');
        decodeHuffman(block, from, stop, table, this.#literals, stream * part, size);
        from = stop;
      }
    }
    this.#literalCount = count;
    return end;
  }

  /** RFC 8878, 3.1.1.3.2. */
  #readSequences(block: Uint8Array, start: number, blockEnd: number): void {
    let at = start;
    if (at >= blockEnd) throw damaged('a block has no sequences section');
    let count = block[at++];
    if (count > 127) {
      if (count < 255) count = ((count - 128) << 8) + block[at++];
      else {
        count = block[at] + (block[at + 1] << 8) + 0x7f00;
        at += 2;
      }
    }
    if (count === 0) {
      if (at !== blockEnd) throw damaged('a block without sequences goes on');
      this.#output.append(this.#literals.subarray(0, this.#literalCount));
      return;
    }
    if (at >= blockEnd) throw damaged('the sequences leave their block');
    const modes = block[at++];
    if (modes & 3) throw damaged('reserved bits of a sequences section are set');
    for (const [index, kind] of kinds.entries()) {
      const mode = (modes >> (6 - index * 2)) & 3;
      if (mode === 0) this.#tables[index] = kind.predefined;
      else if (mode === 1) {
        if (at >= blockEnd || block[at] >= kind.symbols) throw damaged('a code that does not exist');
        this.#tables[index] = singleSymbolTable(block[at++]);
      } else if (mode === 2) {
        const { table, end } = readFseTable(block, at, blockEnd, kind.largestLog, kind.symbols);
        this.#tables[index] = table;
        at = end;
      }
    }
    this.#runSequences(new BackwardBits(block, at, blockEnd), count);
  }

  #runSequences(stream: BackwardBits, count: number): void {
    const [literalTable, offsetTable, matchTable] = this.#tables;
    if (!literalTable || !offsetTable || !matchTable)
      throw damaged('the first sequences want the tables of earlier ones');
    const output = this.#output;
    output.reserveUpTo(largestBlock);
    const { bytes } = output;
    const limit = Math.min(bytes.length, output.length + largestBlock);
    const literals = this.#literals;
    const literalCount = this.#literalCount;
    const start = this.#start;
    const window = this.#window;
    let literalAt = 0;
    let to = output.length;
    let literalState = stream.read(literalTable.log);
    let offsetState = stream.read(offsetTable.log);
    let matchState = stream.read(matchTable.log);
    for (let left = count; left > 0; left--) {
      const literalEntry = literalTable.entries[literalState];
      const offsetEntry = offsetTable.entries[offsetState];
      const matchEntry = matchTable.entries[matchState];
      const offsetCode = offsetEntry >>> 24;
      if (offsetCode > 28) throw damaged(`a distance of ${offsetCode} bits`);
      let value = 1 << offsetCode;
      if (offsetCode > 20) value += stream.read(offsetCode - 20) << 20;
      value += stream.read(Math.min(offsetCode, 20));
      const length = matchBase[matchEntry >>> 24] + stream.read(matchBits[matchEntry >>> 24]);
      const run = literalBase[literalEntry >>> 24] + stream.read(literalBits[literalEntry >>> 24]);
      const distance = this.#distance(value, run);
      if (left > 1) {
        literalState = (literalEntry & 0xffff) + stream.read((literalEntry >> 16) & 0xff);
        matchState = (matchEntry & 0xffff) + stream.read((matchEntry >> 16) & 0xff);
        offsetState = (offsetEntry & 0xffff) + stream.read((offsetEntry >> 16) & 0xff);
      }
      if (stream.overrun) throw damaged('the sequences end too early');
      if (literalAt + run > literalCount) throw damaged('the sequences want more literals than there are');
      if (to + run + length > limit) throw damaged('a block is too long, or more than the result may be');
      for (const end = to + run; to < end; ) bytes[to++] = literals[literalAt++];
      if (distance < 1 || distance > to - start || distance > window)
        throw damaged(`a match reaches ${distance} bytes back`);
      if (length > 64 && distance >= length) {
        bytes.copyWithin(to, to - distance, to - distance + length);
        to += length;
      } else for (const end = to + length; to < end; to++) bytes[to] = bytes[to - distance];
    }
    if (!stream.finished) throw damaged('the sequences do not end where they should');
    output.length = to;
    output.append(literals.subarray(literalAt, literalCount));
  }

  /** Turns an offset value into a distance and keeps the last three. RFC 8878, 3.1.1.5. */
  #distance(value: number, run: number): number {
    const recent = this.#distances;
    let distance: number;
    if (value > 3) distance = value - 3;
    else {
      const place = value - (run === 0 ? 0 : 1);
      if (place === 0) return recent[0];
      distance = place === 3 ? recent[0] - 1 : recent[place];
      if (place === 1) {
        recent[1] = recent[0];
        recent[0] = distance;
        return distance;
      }
    }
    recent[2] = recent[1];
    recent[1] = recent[0];
    recent[0] = distance;
    return distance;
  }
}
