import { readElf, SHT } from '@klpkit/formats';

/** A generator of numbers in [0, 1) that a seed decides (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers that bounds checks get wrong. */
const awkward: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  0xffn,
  0xff00n,
  0xff20n,
  0xfff1n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  (1n << 53n) - 1n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

/** A field of a header, a symbol or a relocation: bytes from its start, and width. */
type Field = readonly [offset: number, width: 1 | 2 | 4 | 8];

const elfHeader: readonly Field[] = [
  [4, 1],
  [5, 1],
  [16, 2],
  [18, 2],
  [40, 8],
  [48, 4],
  [56, 2],
  [58, 2],
  [60, 2],
  [62, 2],
];
const sectionHeader: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 4],
  [44, 4],
  [48, 8],
  [56, 8],
];
const symbol: readonly Field[] = [
  [0, 4],
  [4, 1],
  [5, 1],
  [6, 2],
  [8, 8],
  [16, 8],
];
const relocation: readonly Field[] = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 8],
];

/**
 * An object with a few fields or bytes changed, or cut off: mostly where it hurts, in headers, symbols and relocations.
 *
 * @param bytes an object that can be read
 */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const elf = readElf(bytes);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  const headersAt = Number(view.getBigUint64(40, elf.littleEndian));
  const put = (at: number, width: number) => {
    if (at + width > changed.length) return;
    const near = random() < 0.5;
    const raw = changed.subarray(at, at + width).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const value = near
      ? raw + BigInt(below(9) - 4)
      : random() < 0.7
        ? pick(awkward)
        : BigInt(below(bytes.length * 2));
    for (let index = 0; index < width; index++) {
      const shift = elf.littleEndian && !near ? index : width - 1 - index;
      changed[at + index] = Number(BigInt.asUintN(64, value >> BigInt(8 * shift)) & 0xffn);
    }
  };
  const inTable = (types: readonly number[], size: number, fields: readonly Field[]) => {
    const tables = elf.sections.filter((section) => types.includes(section.type) && section.size >= size);
    if (tables.length === 0) return;
    const table = pick(tables);
    const [offset, width] = pick(fields);
    put(table.offset + below(table.size / size) * size + offset, width);
  };
  const edits = 1 + below(4);
  for (let edit = 0; edit < edits; edit++) {
    switch (below(8)) {
      case 0: {
        const [offset, width] = pick(elfHeader);
        if (random() < 0.3) put(offset, width);
        break;
      }
      case 1:
      case 2: {
        const [offset, width] = pick(sectionHeader);
        put(headersAt + below(elf.sections.length) * 64 + offset, width);
        break;
      }
      case 3:
        inTable([SHT.SYMTAB], 24, symbol);
        break;
      case 4:
        inTable([SHT.RELA], 24, relocation);
        break;
      case 5: {
        // Two section headers change places.
        const [one, other] = [below(elf.sections.length), below(elf.sections.length)].map(
          (n) => headersAt + n * 64,
        );
        const saved = changed.slice(one, one + 64);
        changed.copyWithin(one, other, other + 64);
        changed.set(saved, other);
        break;
      }
      default:
        changed[below(changed.length)] = below(256);
    }
  }
  return random() < 0.05 ? changed.subarray(0, below(changed.length)) : changed;
}
