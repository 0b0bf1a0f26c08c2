import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ElfFile, R_X86_64, readElf, readSymbols, SHF, SHT, STB, STT } from '@klpkit/formats';
import { modelOf, type ObjectModel, type ShippedImage } from '../index.ts';
import { compile, kernelFlags } from './compile.ts';

const run = promisify(execFile);

/** What a kernel itself is compiled with: one text section per unit. */
export const exactFlags: readonly string[] = kernelFlags.filter(
  (flag) => flag !== '-ffunction-sections' && flag !== '-fdata-sections',
);

/** The order of a kernel's linker script, and its habit of throwing things away. */
const script = `
SECTIONS {
  .data..percpu 0 : { *(.data..percpu) }
  . = 0xffffffff81000000;
  _text = .;
  .text : { *(.text.hot) *(.text) *(.text.unlikely) }
  .init.text : { *(.init.text) }
  .rodata : { *(.rodata .rodata.*) }
  .data : { *(.data .data.*) }
  __jump_table : { *(__jump_table) }
  .bss : { *(.bss) }
  /DISCARD/ : { *(.exit.text) *(.comment) *(.note*) *(.discard*) *(__mcount_loc) *(__patchable_function_entries) }
}`;

async function link(
  units: readonly string[],
  options: { flags?: readonly string[]; argv: readonly string[] },
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-link-'));
  try {
    const objects = await Promise.all(
      units.map(async (source, index) => {
        const path = join(folder, `${index}.o`);
        await writeFile(path, await compile(source, options.flags ?? [], exactFlags));
        return path;
      }),
    );
    await writeFile(join(folder, 'kernel.lds'), script);
    const out = join(folder, 'out');
    await run('ld', ['-m', 'elf_x86_64', '-z', 'noexecstack', '-o', out, ...options.argv, ...objects], {
      cwd: folder,
    });
    return new Uint8Array(await readFile(out));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Links units to what a kernel image is: fixed addresses, the list of absolute places behind the ELF file, jump-label sites as nops,
 * symbols in a table of their own. `__fentry__`, `external` and the like must be defined by one of them.
 */
export async function linkImage(
  units: readonly string[],
  flags: readonly string[] = [],
): Promise<ShippedImage & { symbols: ImageSymbols }> {
  const linked = await link(units, { flags, argv: ['-q', '-T', 'kernel.lds', '-e', '0', '--no-warnings'] });
  const list = absolutePlaces(readElf(linked));
  const bytes = new Uint8Array(linked.length + list.byteLength);
  bytes.set(linked);
  bytes.set(new Uint8Array(list.buffer), linked.length);
  const elf = readElf(bytes);
  nopJumps(elf);
  return { elf, symbols: symbolsOf(elf) };
}

/** Links units to what a module is: one relocatable file that keeps its local symbols. */
export async function linkModule(
  units: readonly string[],
  flags: readonly string[] = [],
): Promise<ObjectModel> {
  return modelOf(readElf(await link(units, { flags, argv: ['-r'] })));
}

/** As arch/x86/tools/relocs.c writes it. */
function absolutePlaces(elf: ElfFile): Int32Array {
  const wide: number[] = [];
  const narrow: number[] = [];
  for (const table of elf.sections) {
    if (table.type !== SHT.RELA || !(elf.sections[table.info].flags & SHF.ALLOC)) continue;
    for (let at = table.offset; at < table.offset + table.size; at += 24) {
      // Addresses here, where an object has offsets.
      const address = Number(elf.view.getBigInt64(at, true));
      const type = elf.view.getUint32(at + 8, true);
      if (type === R_X86_64[64]) wide.push(address);
      if (type === R_X86_64['32S'] || type === R_X86_64[32]) narrow.push(address);
    }
  }
  return Int32Array.from([0, ...wide, 0, 0, ...narrow]);
}

/** What objtool does to every site of `__jump_table`. */
function nopJumps(elf: ElfFile): void {
  const table = elf.sections.find((section) => section.name === '__jump_table');
  if (!table) return;
  const text = elf.sections.find((section) => section.name === '.text');
  if (!text) throw new Error('no .text');
  for (let entry = 0; entry < table.size; entry += 16) {
    const site: number = table.address + entry + elf.view.getInt32(table.offset + entry, true);
    const at: number = text.offset + site - text.address;
    if (elf.bytes[at] === 0xeb) elf.bytes.set([0x66, 0x90], at);
    else if (elf.bytes[at] === 0xe9) elf.bytes.set([0x0f, 0x1f, 0x44, 0x00, 0x00], at);
    else throw new Error(`no jump at ${site}`);
  }
}

/** The symbols of a linked file as a kernel would list them. */
export type ImageSymbols = ShippedImage['symbols'] & {
  /** Addresses of that name, ascending. */
  addresses(name: string): number[];
};

function symbolsOf(elf: ElfFile): ImageSymbols {
  const table = readSymbols(elf);
  const list: { name: string; address: number; type: string }[] = [];
  for (let index = 1; index < table.count; index++) {
    if (table.type[index] === STT.SECTION || table.type[index] === STT.FILE || table.reserved[index])
      continue;
    const section = elf.sections[table.section[index]];
    if (table.name(index).startsWith('.L')) continue;
    const letter = table.binding[index] === STB.WEAK ? 'w' : section.flags & SHF.EXECINSTR ? 't' : 'd';
    const isLocal = table.binding[index] === STB.LOCAL;
    list.push({
      name: table.name(index),
      address: table.value[index],
      type: isLocal ? letter : letter.toUpperCase(),
    });
  }
  // The kernel's order: by address, per-CPU and absolute ones first.
  list.sort((a, b) => Number(a.address < 0) - Number(b.address < 0) || a.address - b.address);
  const find = (name: string) => [...list.keys()].filter((index) => list[index].name === name);
  return {
    count: list.length,
    name: (index) => list[index].name,
    address: Float64Array.from(list, (symbol) => symbol.address),
    type: Uint8Array.from(list, (symbol) => symbol.type.charCodeAt(0)),
    find,
    addresses: (name) => find(name).map((index) => list[index].address),
  };
}

/** A before object of a unit: with sections per function and variable. */
export async function beforeOf(source: string, flags: readonly string[] = []): Promise<ObjectModel> {
  return modelOf(readElf(await compile(source, flags)));
}

/** Compiled as the kernel was, without sections per function. */
export async function exactOf(source: string, flags: readonly string[] = []): Promise<ObjectModel> {
  return modelOf(readElf(await compile(source, flags, exactFlags)));
}

/** Address of an image's symbol that must be the only one of its name. */
export function onlyAddress(image: { symbols: ImageSymbols }, name: string): number {
  const all = image.symbols.addresses(name);
  if (all.length !== 1) throw new Error(`${all.length} symbols ${name}`);
  return all[0];
}

/** The image's bytes at an address, to be changed in place. */
export function bytesAt(image: ShippedImage, address: number, length: number): Uint8Array {
  const { elf } = image;
  const section = elf.sections.find(
    (candidate) =>
      candidate.flags & SHF.ALLOC &&
      candidate.type !== SHT.NOBITS &&
      address >= candidate.address &&
      address + length <= candidate.address + candidate.size,
  );
  if (!section) throw new Error(`nothing at ${address}`);
  const at = section.offset + address - section.address;
  return elf.bytes.subarray(at, at + length);
}
