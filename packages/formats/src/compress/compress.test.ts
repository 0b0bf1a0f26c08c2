import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../error.ts';
import { packed, packedBytes } from '../testing/packed.ts';
import { numbers, plainBytes } from '../testing/plain.ts';
import { adler32, crc32, crc64 } from './checksum.ts';
import { type Compression, decompress, detectCompression } from './index.ts';
import { undoX86Filter } from './x86.ts';
import { xxh64Low } from './zstd/xxhash.ts';

const plain = plainBytes();
const fixtures = (Object.keys(packed) as (keyof typeof packed)[]).filter((name) => name !== 'xzArm');
const all: readonly (readonly [string, Uint8Array])[] = [
  ...fixtures.map((name) => [name, packedBytes(name)] as const),
  ['gzip', gzipSync(plain)],
  ['zstdSized', zstdCompressSync(plain)],
];

async function unpack(bytes: Uint8Array, bound?: { size?: number; maxSize?: number }): Promise<Uint8Array> {
  const format = detectCompression(bytes);
  if (!format) throw new FormatError('not recognised');
  return decompress(bytes, format, bound);
}

describe.each(all)('%s', (name, bytes) => {
  test('is recognised and unpacks to what was packed', async () => {
    expect(name.startsWith(detectCompression(bytes) ?? '?')).toBe(true);
    expect(bytes.length).toBeLessThan(plain.length / 10);
    expect(await unpack(bytes)).toEqual(plain);
    expect(await unpack(bytes, { size: plain.length })).toEqual(plain);
  });

  test('may not have another size than announced, nor more than allowed', async () => {
    await expect(unpack(bytes, { size: plain.length - 1 })).rejects.toThrow(FormatError);
    await expect(unpack(bytes, { size: plain.length + 1 })).rejects.toThrow(FormatError);
    await expect(unpack(bytes, { maxSize: plain.length - 1 })).rejects.toThrow(FormatError);
    await expect(unpack(bytes, { maxSize: 1000 })).rejects.toThrow(
      /^\w+: [^(]*(more than the 1000|at most 1000 are allowed|do not fit|does not fit|than the result may be)/,
    );
    await expect(unpack(bytes, { size: 2 ** 40 })).rejects.toThrow(/announced, more than the/);
    expect((await unpack(bytes, { maxSize: plain.length })).length).toBe(plain.length);
  });

  test('does not unpack when cut off', async () => {
    const next = numbers(7);
    for (let times = 0; times < 20; times++)
      await expect(unpack(bytes.slice(0, next() % bytes.length))).rejects.toThrow(FormatError);
    await expect(unpack(bytes.slice(0, -1))).rejects.toThrow(FormatError);
  });

  test('unpacks when it is a part of a larger buffer', async () => {
    const wide = new Uint8Array(bytes.length + 9);
    wide.set(bytes, 5);
    expect(await unpack(wide.subarray(5, 5 + bytes.length))).toEqual(plain);
  });

  test('ends in a value or a FormatError, whatever is damaged', async () => {
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const format = detectCompression(bytes) as Compression;
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const damaged = bytes.slice();
        for (const [at, value] of list) damaged[at] = value;
        await decompress(damaged, format, { maxSize: 1 << 20 }).catch((error: unknown) => {
          if (!(error instanceof FormatError)) throw error;
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('a flipped bit in the data', () => {
  // LZ4's legacy frames have no checksum, nor have .lzma files and xz --check=none.
  const checked = all.filter(([name]) => !/^(lz4|lzma|xzNone|zstdSized)$/.test(name));
  test.each(checked)('is noticed by %s', async (_name, bytes) => {
    let noticed = 0;
    for (let part = 1; part < 8; part++) {
      const damaged = bytes.slice();
      damaged[Math.floor((bytes.length * part) / 8)] ^= 0x10;
      // Some bits carry nothing, such as codes that no symbol uses; but never is the result another.
      const result = await unpack(damaged).catch((error: unknown) => error);
      if (!(result instanceof FormatError)) expect(result).toEqual(plain);
      else noticed++;
    }
    expect(noticed).toBeGreaterThan(4);
  });
});

describe('every checksum is looked at: damaged itself, it does not match', () => {
  const flipped = (bytes: Uint8Array, at: number) => {
    const copy = Uint8Array.from(bytes);
    copy[at] ^= 1;
    return unpack(copy);
  };

  test.each([
    ['xz', 'CRC32'],
    ['xzCrc64', 'CRC64'],
    ['xzSha256', 'SHA-256'],
  ] as const)('%s', async (name, check) => {
    const bytes = packedBytes(name);
    // From the end: a footer of 12 bytes that tells the size of the index, the index, the check.
    const index = (new DataView(bytes.buffer).getUint32(bytes.length - 8, true) + 1) * 4;
    await expect(flipped(bytes, bytes.length - 12 - index - 1)).rejects.toThrow(`the ${check} at`);
  });

  test('bzip2, of a block and of all', async () => {
    const bytes = packedBytes('bzip2');
    await expect(flipped(bytes, 12)).rejects.toThrow('CRC of a block is');
    await expect(flipped(bytes, bytes.length - 3)).rejects.toThrow('the checksum of all blocks');
  });

  test('zstd, gzip and lzop', async () => {
    const zstd = packedBytes('zstd');
    await expect(flipped(zstd, zstd.length - 1)).rejects.toThrow('XXH64 is');
    const gzip = gzipSync(plain);
    await expect(flipped(gzip, gzip.length - 8)).rejects.toThrow(/gzip: damaged/);
    await expect(flipped(packedBytes('lzo'), 36)).rejects.toThrow('checksum of the header');
    await expect(flipped(packedBytes('lzo'), 48)).rejects.toThrow('checksum of the block');
    await expect(flipped(packedBytes('lzoCrc'), 52)).rejects.toThrow('checksum of the block');
  });
});

describe('a match that reaches before the data', () => {
  test('lzma: at the start, and beyond the dictionary', async () => {
    // Ones all along are a repeated match, of distance 1.
    const bytes = Uint8Array.of(
      0x5d,
      0,
      0,
      1,
      0,
      ...Array.from({ length: 8 }, () => 255),
      0,
      ...Array.from({ length: 20 }, () => 255),
    );
    await expect(unpack(bytes)).rejects.toThrow('a match reaches 1 bytes back');
    const small = packedBytes('lzma');
    small.set([0, 0, 0, 0], 1);
    await expect(decompress(small, 'lzma')).rejects.toThrow(/a match reaches \d{5} bytes back/);
  });

  test('lz4: at the start, and of no distance', async () => {
    const block = (...data: number[]) => Uint8Array.of(0x02, 0x21, 0x4c, 0x18, data.length, 0, 0, 0, ...data);
    expect([...(await unpack(block(0x10, 7, 1, 0, 0x10, 9)))]).toEqual([7, 7, 7, 7, 7, 9]);
    await expect(unpack(block(0x10, 7, 2, 0, 0x10, 9))).rejects.toThrow(
      'a match reaches 2 bytes back at 0xa',
    );
    await expect(unpack(block(0x10, 7, 0, 0, 0x10, 9))).rejects.toThrow('a match reaches 0 bytes back');
  });
});

test.each(['gzip', 'bzip2', 'lzma', 'xz', 'lzo', 'lz4', 'zstd'] as const)(
  'any bytes behind the magic of %s give a value or a FormatError',
  async (format) => {
    const start = (all.find(([name]) => name === format) as (typeof all)[number])[1];
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.uint8Array({ maxLength: 300 }), async (keep, rest) => {
        const bytes = new Uint8Array(keep + rest.length);
        bytes.set(start.subarray(0, keep));
        bytes.set(rest, keep);
        await decompress(bytes, format, { maxSize: 1 << 20 }).catch((error: unknown) => {
          if (!(error instanceof FormatError)) throw error;
        });
      }),
      { numRuns: 300 },
    );
  },
);

test('other bytes are no compression', () => {
  expect(detectCompression(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46))).toBeUndefined();
  expect(detectCompression(new Uint8Array(0))).toBeUndefined();
});

describe('what the formats allow beside one plain stream', () => {
  const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const twice = join(plain, plain);

  test.each(['bzip2', 'lzo', 'xz', 'zstd', 'lz4'] as const)('%s: one stream behind another', async (name) => {
    expect(await unpack(join(packedBytes(name), packedBytes(name)))).toEqual(twice);
  });

  test('xz: zeros between and behind streams', async () => {
    const zeros = new Uint8Array(8);
    expect(await unpack(join(packedBytes('xz'), zeros, packedBytes('xzCrc64'), zeros))).toEqual(twice);
    await expect(unpack(join(packedBytes('xz'), new Uint8Array(3)))).rejects.toThrow('the stream header');
  });

  test('xz: another filter than x86 is refused by its number', async () => {
    await expect(unpack(packedBytes('xzArm'))).rejects.toThrow(
      /xz: filter 0x\w+ at 0xe; only LZMA2 \(0x21\)/,
    );
  });

  test('lzma: a size in the header, with the end marker and without', async () => {
    const marked = packedBytes('lzma');
    new DataView(marked.buffer).setBigUint64(5, BigInt(plain.length), true);
    expect(await unpack(marked)).toEqual(plain);
    // An LZMA2 chunk is LZMA without a marker: the only one of this file, behind the 12 and 12 bytes of two headers.
    const xz = packedBytes('xz');
    expect(xz[24]).toBe(0xe0);
    const size = (xz[27] << 8) + xz[28] + 1;
    const bare = join(marked.subarray(0, 13), xz.subarray(30, 30 + size));
    expect(await unpack(bare)).toEqual(plain);
    new DataView(bare.buffer).setBigUint64(5, BigInt(plain.length - 5000), true);
    await expect(unpack(bare)).rejects.toThrow(FormatError);
  });

  test('zstd: a window beyond 128 MiB and a dictionary are refused before anything is decoded', async () => {
    const wide = packedBytes('zstd');
    expect(wide[4] & 0x20).toBe(0);
    wide[5] = 18 << 3;
    await expect(unpack(wide)).rejects.toThrow('zstd: the window at 0x5 is 268435456 bytes');
    const dictionary = packedBytes('zstd');
    dictionary[4] |= 1;
    await expect(unpack(dictionary)).rejects.toThrow('needs a dictionary');
  });

  test('zstd: every level and every kind of data of the library of zstd', async () => {
    const next = numbers(99);
    for (const level of [-5, 1, 3, 6, 13, 19])
      for (const kind of ['text', 'noise', 'few', 'zeros', 'mixed'] as const) {
        const data = new Uint8Array(next() % 300_000);
        for (let at = 0; at < data.length; at++) {
          if (kind === 'text') data[at] = 0x61 + (next() % 17) * (at % 3);
          else if (kind === 'noise') data[at] = next();
          else if (kind === 'few') data[at] = next() % 50 === 0 ? 1 : 0;
          else if (kind === 'mixed') data[at] = at % 1000 < 500 ? next() : at >> 9;
        }
        const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
        expect(Buffer.compare(await unpack(zstdCompressSync(data, { params })), data)).toBe(0);
      }
  });

  test('zstd: frames to be skipped are skipped', async () => {
    const skip = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    expect(await decompress(join(skip, packedBytes('zstd'), skip), 'zstd')).toEqual(plain);
  });

  test('zstd: works on after damage', async () => {
    const damaged = packedBytes('zstd');
    damaged[700] ^= 0xff;
    await expect(unpack(damaged)).rejects.toThrow(/^zstd: /);
    expect(await unpack(packedBytes('zstd'))).toEqual(plain);
  });

  test('zstd: a block with a sequence less than its bits are for', async () => {
    const bytes = packedBytes('zstd');
    const reasons = new Set<string>();
    for (let at = 6; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]--;
      const reason = await unpack(damaged).then(String, String);
      if (reason.includes('sequences do not end where they should')) return;
      reasons.add(reason);
    }
    expect(reasons).toContain('the sequences do not end where they should');
  });

  test('lzo: the short match behind four literals or more reaches 2049 bytes back and further', async () => {
    const start = Uint8Array.from({ length: 3000 }, numbers(5));
    const whole = join(start, start.subarray(3000 - 2058, 3000 - 2055));
    // 3000 literals: 18, eleven times 255, and 177.
    const data = join(
      Uint8Array.of(...Array.from({ length: 12 }, () => 0), 177),
      start,
      Uint8Array.of(4, 2, 17, 0, 0),
    );
    const block = new Uint8Array(12);
    const view = new DataView(block.buffer);
    const size = whole.length;
    // Of a block that did not shrink the program stores the plain bytes, so this one is made to have shrunk.
    const padded = join(whole, new Uint8Array(100).fill(whole[size - 1]));
    const long = join(
      data.subarray(0, -3),
      // 100 times the last byte: a match of distance 1, its length being 33 and 67.
      Uint8Array.of(32, 67, 0, 0),
      data.subarray(-3),
    );
    view.setUint32(0, padded.length);
    view.setUint32(4, long.length);
    view.setUint32(8, adler32(padded));
    const file = join(packedBytes('lzo').subarray(0, 38), block, long, new Uint8Array(4));
    expect(await unpack(file)).toEqual(padded);
  });

  test('lzo: blocks that did not compress are stored', async () => {
    const file = packedBytes('lzo');
    const header = file.subarray(0, 38);
    const data = Uint8Array.of(1, 2, 3, 4);
    const block = new Uint8Array(16);
    new DataView(block.buffer).setUint32(0, data.length);
    new DataView(block.buffer).setUint32(4, data.length);
    new DataView(block.buffer).setUint32(8, adler32(data));
    block.set(data, 12);
    expect(await unpack(join(header, block, new Uint8Array(4)))).toEqual(data);
    block[14] ^= 1;
    await expect(unpack(join(header, block, new Uint8Array(4)))).rejects.toThrow('checksum of the block');
  });
});

test('checksums are those that the standards give for 123456789', () => {
  const digits = new TextEncoder().encode('123456789');
  expect(crc32(digits)).toBe(0xcbf43926);
  expect(crc64(digits).map((half) => half.toString(16))).toEqual(['df1939fa', '995dc9bb']);
  expect(adler32(digits)).toBe(0x091e01de);
  expect(crc32(new Uint8Array(0))).toBe(0);
  expect(xxh64Low(digits).toString(16)).toBe('40e6ae83');
});

test('the x86 filter leaves alone what is too short to hold a call', () => {
  const short = Uint8Array.of(0xe8, 0, 0, 0);
  undoX86Filter(short);
  expect([...short]).toEqual([0xe8, 0, 0, 0]);
  const call = Uint8Array.of(0x90, 0xe8, 0x06, 0x01, 0, 0, 0x90);
  undoX86Filter(call);
  expect([...call]).toEqual([0x90, 0xe8, 0x00, 0x01, 0, 0, 0x90]);
});
