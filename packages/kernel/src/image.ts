import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import {
  type Btf,
  dumpKallsyms,
  type ElfFile,
  type ExportedSymbol,
  FormatError,
  findSection,
  type KernelSymbols,
  loadKallsyms,
  readBtf,
  readBzImage,
  readElf,
  readElfParts,
  readExports,
  readKallsyms,
  sectionBytes,
  sectionPart,
} from '@klpkit/formats';
import { writeFileAtomic } from '@klpkit/host';
import { perFile } from './memo.ts';
import type { Kernel } from './types.ts';

/** The shipped kernel image, decompressed and read. */
export interface KernelImage {
  /** Read in parts, as they are asked for; behind the ELF file, where the kernel is relocatable, is the list of relocations. */
  readonly elf: ElfFile;
  /** Every symbol of kallsyms: static ones too. */
  readonly symbols: KernelSymbols;
  /** What the image exports, by name; read on first use. */
  readonly exports: ReadonlyMap<string, ExportedSymbol>;
  /** The kernel's types, read on first use; undefined for a kernel without `.BTF`. */
  btf(): Btf | undefined;
  /** The kernel's `linux_banner`: `Linux version 6.12.117+deb12-amd64 (…) (x86_64-linux-gnu-gcc-12 …) #1 SMP …`. */
  readonly banner: string;
}

/** The dump's layout is a matter of the formats package; a new layout gets a new name here. */
const symbolsFile = 'symbols-1.bin';

/**
 * The kernel's image. The first call decompresses it and decodes kallsyms, and keeps both in the kernel's folder; later
 * ones read them back.
 */
export async function loadImage(kernel: Kernel): Promise<KernelImage> {
  const isThere = await stat(kernel.vmlinux).catch(() => undefined);
  if (!isThere) return prepareImage(kernel);
  const elf = await readImage(kernel.vmlinux);
  return image(elf, (await cachedSymbols(kernel)) ?? (await decodeSymbols(kernel, elf)));
}

/** Of some 60 MB a short command looks at a few pages. */
const readImage = perFile(async (path) => {
  const { size, ino, mtimeMs } = await stat(path);
  return readElfParts(size, (start, end) => {
    const bytes = new Uint8Array(end - start);
    const file = openSync(path, 'r');
    try {
      const now = fstatSync(file);
      const isSame = now.ino === ino && now.mtimeMs === mtimeMs && now.size === size;
      if (!isSame || !readWhole(file, bytes, start))
        throw new UsageError(`${path} was changed while it was read`, 'do it once more');
    } finally {
      closeSync(file);
    }
    return bytes;
  });
});

/** Fills `bytes` from a place of the file; false when the file ends before. */
function readWhole(file: number, bytes: Uint8Array, start: number): boolean {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, start + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

/** Decompresses and decodes whatever is in the cache; what `loadImage` does on first use. */
export async function prepareImage(kernel: Kernel): Promise<KernelImage> {
  const { vmlinux } = await readBzImage(await readFile(kernel.vmlinuz));
  const elf = readElf(vmlinux);
  const symbols = await decodeSymbols(kernel, elf);
  await writeFileAtomic(kernel.vmlinux, vmlinux);
  return image(elf, symbols);
}

async function cachedSymbols(kernel: Kernel): Promise<KernelSymbols | undefined> {
  const path = join(kernel.dir, symbolsFile);
  const isThere = await stat(path).catch(() => undefined);
  return isThere && readDump(path);
}

const readDump = perFile(async (path) => {
  const bytes = await readFile(path);
  try {
    return loadKallsyms(bytes);
  } catch (error) {
    // Another version's layout, or damage: the image has it all.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
});

async function decodeSymbols(kernel: Kernel, elf: ElfFile): Promise<KernelSymbols> {
  const symbols = readKallsyms(elf);
  await writeFileAtomic(join(kernel.dir, symbolsFile), dumpKallsyms(symbols));
  return symbols;
}

function image(elf: ElfFile, symbols: KernelSymbols): KernelImage {
  let exported: ReadonlyMap<string, ExportedSymbol> | undefined;
  let types: Btf | undefined;
  return {
    elf,
    symbols,
    get exports() {
      exported ??= readExports(elf);
      return exported;
    },
    btf() {
      const section = types ? undefined : findSection(elf, '.BTF');
      if (section) types = readBtf(sectionBytes(elf, section));
      return types;
    },
    banner: readBanner(elf, symbols),
  };
}

function readBanner(elf: ElfFile, symbols: KernelSymbols): string {
  const [index] = symbols.find('linux_banner');
  const address = index === undefined ? undefined : symbols.address[index];
  const section =
    address === undefined
      ? undefined
      : elf.sections.find((one) => one.address <= address && address < one.address + one.size);
  if (address === undefined || !section) {
    throw new FormatError('kernel image: expected the symbol linux_banner inside a section, found none');
  }
  const bytes = sectionPart(elf, section, address - section.address, 1024);
  const end = bytes.indexOf(0);
  if (end < 0) {
    throw new FormatError('kernel image: linux_banner has no end within 1024 bytes');
  }
  return new TextDecoder('latin1').decode(bytes.subarray(0, end)).trimEnd();
}
