import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBzImage } from './bzimage.ts';
import { type Compression, decompress } from './compress/index.ts';
import { EM, ET, layoutElf, readElf, SHF, SHT } from './elf/index.ts';
import { FormatError } from './error.ts';
import { bzImage, storedXz } from './testing/bzimage.ts';
import { packedBytes } from './testing/packed.ts';
import { plainBytes } from './testing/plain.ts';

const elf = layoutElf({ type: ET.EXEC, machine: EM.X86_64 }, [
  { name: '.text', type: SHT.PROGBITS, flags: SHF.ALLOC, data: Uint8Array.of(0xc3), address: -0x7f000000 },
]);
/** The kernel as it is packed: the ELF file, and a list of relocations behind it. */
const vmlinux = Uint8Array.from([...elf, 0, 0, 0, 0, 1, 2, 3, 0x81]);

test('a payload with its size behind it is unpacked to the ELF file and what follows it', async () => {
  const image = bzImage(storedXz(vmlinux), { size: vmlinux.length });
  const read = await readBzImage(image);
  expect(read.compression).toBe('xz');
  expect(read.protocol).toBe(0x20f);
  expect(read.vmlinux).toEqual(vmlinux);
  expect(image.subarray(read.payload.offset, read.payload.offset + read.payload.length)).toEqual(
    storedXz(vmlinux),
  );
  expect(readElf(read.vmlinux).sections[1].address).toBe(-0x7f000000);
});

test('gzip has its size in itself', async () => {
  const read = await readBzImage(bzImage(gzipSync(vmlinux)));
  expect(read.compression).toBe('gzip');
  expect(read.vmlinux).toEqual(vmlinux);
});

test('no setup sectors told means four', async () => {
  const image = bzImage(storedXz(vmlinux), { size: vmlinux.length, setup: 4 });
  expect(image[0x1f1]).toBe(4);
  image[0x1f1] = 0;
  expect((await readBzImage(image)).vmlinux).toEqual(vmlinux);
});

test('an ELF file is taken as it is', async () => {
  const read = await readBzImage(elf);
  expect(read.compression).toBe('none');
  expect(read.vmlinux).toBe(elf);
});

describe.each(['bzip2', 'lzma', 'xz', 'lzo', 'lz4', 'zstd'] as const)('%s', (format: Compression) => {
  const plain = plainBytes();
  const payload = packedBytes(format as 'xz');

  test('is told by its magic, and must unpack to the size behind it', async () => {
    // The premise: the payload is good, and it holds no ELF file.
    expect(await decompress(payload, format, { size: plain.length })).toEqual(plain);
    await expect(readBzImage(bzImage(payload, { size: plain.length }))).rejects.toThrow(
      'unpacks to something that is no ELF file',
    );
    await expect(readBzImage(bzImage(payload, { size: plain.length + 1 }))).rejects.toThrow(
      new RegExp(`^${format}: .*${plain.length + 1}|^${format}: .*more than`),
    );
  });
});

describe('what is no kernel image is refused, with where and why', () => {
  const good = bzImage(storedXz(vmlinux), { size: vmlinux.length });
  const changed = (at: number, ...bytes: number[]) => {
    const copy = good.slice();
    copy.set(bytes, at);
    return readBzImage(copy);
  };

  test('an empty file, another magic, an old protocol', async () => {
    await expect(readBzImage(new Uint8Array(0))).rejects.toThrow('the header ends at 0x250, the file at 0x0');
    await expect(changed(0x202, 0)).rejects.toThrow('expected HdrS at 0x202');
    await expect(changed(0x206, 0x07, 0x02)).rejects.toThrow('boot protocol 0x207');
  });

  test('a payload outside the file, or of no known format', async () => {
    await expect(changed(0x24c, 0xff, 0xff, 0xff, 0xff)).rejects.toThrow(
      /the payload is 4294967295 bytes at 0x\w+/,
    );
    await expect(changed(0x24c, 0, 0, 0, 0)).rejects.toThrow('the payload is 0 bytes');
    await expect(changed(0x248, 0x11)).rejects.toThrow('which is no known compression');
  });

  test('a size beyond what is allowed is refused before it is believed', async () => {
    await expect(readBzImage(bzImage(storedXz(vmlinux), { size: 0xffffffff }))).rejects.toThrow(
      'more than the 536870912',
    );
    await expect(readBzImage(good, vmlinux.length - 1)).rejects.toThrow('announced, more than the');
    expect((await readBzImage(good, vmlinux.length)).vmlinux.length).toBe(vmlinux.length);
  });

  test('any damage gives a value or a FormatError', async () => {
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(good.length), async (list, end) => {
        const damaged = good.slice(0, list.length === 0 ? end : undefined);
        for (const [at, value] of list) damaged[at] = value;
        await readBzImage(damaged, 1 << 20).catch((error: unknown) => {
          if (!(error instanceof FormatError)) throw error;
        });
      }),
      { numRuns: 300 },
    );
  });
});
