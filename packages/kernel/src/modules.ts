import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { UsageError } from '@klpkit/findings';
import {
  type ElfFile,
  FormatError,
  type ModuleInfo,
  readElf,
  readModuleBytes,
  readSymbols,
  type SymbolTable,
} from '@klpkit/formats';
import { perFile } from './memo.ts';
import type { Kernel } from './types.ts';

/** A module as it is shipped. */
export interface ModuleFile {
  /** As the kernel calls it, with underscores: `snd_hda_intel`. */
  readonly name: string;
  /** Absolute path of the `.ko`, `.ko.xz`, `.ko.zst` or `.ko.gz`. */
  readonly path: string;
  /** As in {@link Unit}: below `kernel/`, without the suffix of compression: `sound/pci/hda/snd-hda-intel.ko`. */
  readonly ko: string;
}

/** A shipped module, decompressed and read. */
export interface KernelModule {
  /** With underscores. */
  readonly name: string;
  /** Absolute path of the file as shipped. */
  readonly koPath: string;
  /** The ELF file's bytes; a signature may follow the ELF file. */
  readonly bytes: Uint8Array;
  readonly elf: ElfFile;
  readonly symbols: SymbolTable;
  /**
   * Indices into `symbols` of the defined symbols of a name, in the order of `.symtab`: the place in this array + 1 is
   * the sympos that the kernel counts in a module.
   */
  find(name: string): readonly number[];
}

/** The kernel's name of a module: what a file name or a list calls `snd-hda-intel` is `snd_hda_intel`. */
export function moduleName(name: string): string {
  const file = name.endsWith('/') ? basename(name) : name.slice(name.lastIndexOf('/') + 1);
  const plain = file.includes('.ko') ? file.replace(/\.ko(\.\w+)?$/, '') : file;
  return plain.includes('-') ? plain.replaceAll('-', '_') : plain;
}

/** Modules that a module's own information says it depends on, with underscores. */
export function dependsOf(info: ModuleInfo): string[] {
  return (info.get('depends') ?? '')
    .split(',')
    .filter((name) => name !== '')
    .map(moduleName);
}

const modulePattern = /\.ko(\.(xz|zst|gz))?$/;
const lists = new Map<string, Promise<ModuleFile[]>>();

/**
 * The same kernel with further modules, built outside of its tree: what asks for the kernel's modules finds them as well.
 *
 * @param paths of `.ko` files, absolute; the file's name is the module's
 */
export function withModules(kernel: Kernel, paths: readonly string[]): Kernel {
  return { ...kernel, furtherModules: [...(kernel.furtherModules ?? []), ...paths] };
}

/** All modules that the kernel ships, and those of {@link withModules}, ordered by name. */
export async function listModules(kernel: Kernel): Promise<ModuleFile[]> {
  const shipped = await shippedModules(kernel);
  const further = kernel.furtherModules ?? [];
  if (further.length === 0) return shipped;
  const files = further.map((path) => ({ name: moduleName(path), path, ko: basename(path) }));
  return [...shipped, ...files].sort(byName);
}

function shippedModules(kernel: Kernel): Promise<ModuleFile[]> {
  let list = lists.get(kernel.modulesDir);
  if (!list) {
    list = orderedModules(kernel.modulesDir).then((modules) => modules ?? scanModules(kernel.modulesDir));
    // A list that failed must not be remembered.
    list.catch(() => lists.delete(kernel.modulesDir));
    lists.set(kernel.modulesDir, list);
  }
  return list;
}

const byName = (a: ModuleFile, b: ModuleFile) =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : a.ko < b.ko ? -1 : 1;

/**
 * Takes the list that the build wrote, `modules.order`; thousands of folders need not be read then. An installed one
 * lists `kernel/fs/ext4/ext4.ko`, the one of a build folder `fs/ext4/ext4.o` (6.4 and later) or `fs/ext4/ext4.ko`.
 */
async function orderedModules(folder: string): Promise<ModuleFile[] | undefined> {
  const text = await readFile(join(folder, 'modules.order'), 'utf8').catch(() => '');
  const kos = text
    .split('\n')
    .filter((line) => /\.k?o$/.test(line))
    .map((line) => line.replace(/\.o$/, '.ko'));
  const [first] = kos;
  const suffix = ['', '.xz', '.zst', '.gz'].find((end) => existsSync(join(folder, `${first}${end}`)));
  if (first === undefined || suffix === undefined) return undefined;
  return kos
    .map((ko) => ({ name: moduleName(ko), path: `${folder}/${ko}${suffix}`, ko: belowKernel(ko) }))
    .sort(byName);
}

const belowKernel = (ko: string) => ko.replace(/^kernel\//, '');

async function scanModules(folder: string): Promise<ModuleFile[]> {
  const modules: ModuleFile[] = [];
  // `build` and `source` are links out of the folder; links are not followed.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || !modulePattern.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const ko = belowKernel(relative(folder, path).replace(modulePattern, '.ko'));
    modules.push({ name: moduleName(entry.name), path, ko });
  }
  return modules.sort(byName);
}

/** Reads one module by name, in whichever spelling. Throws {@link UsageError} if the kernel ships none of that name. */
export async function loadModule(kernel: Kernel, name: string): Promise<KernelModule> {
  const wanted = moduleName(name);
  const file = (await listModules(kernel)).find((module) => module.name === wanted);
  if (!file) {
    throw new UsageError(
      `${kernel.id} ships no module ${wanted}`,
      `klpkit kernel show ${kernel.id} says how many there are; a module's name is that of its .ko file`,
    );
  }
  const bytes = await readModuleBytes(await readFile(file.path));
  const elf = readElf(bytes);
  const symbols = readSymbols(elf);
  let indices: Map<string, number[]> | undefined;
  return {
    name: file.name,
    koPath: file.path,
    bytes,
    elf,
    symbols,
    find(symbol) {
      indices ??= indexByName(symbols);
      return indices.get(symbol) ?? [];
    },
  };
}

/** As the kernel looks them up: only what is defined counts (livepatch passes over SHN_UNDEF). */
function indexByName(symbols: SymbolTable): Map<string, number[]> {
  const byName = new Map<string, number[]>();
  for (let i = 1; i < symbols.count; i++) {
    if (symbols.section[i] === 0) continue;
    const name = symbols.name(i);
    if (name === '') continue;
    const list = byName.get(name);
    if (list) list.push(i);
    else byName.set(name, [i]);
  }
  return byName;
}

/** One line of `Module.symvers`. */
export interface Symver {
  /** CRC of the symbol's type; 0 in a kernel without MODVERSIONS. */
  readonly crc: number;
  /** `vmlinux`, or the module's path without suffix: `drivers/block/nbd`. */
  readonly owner: string;
  readonly gpl: boolean;
  readonly namespace: string | undefined;
}

/** Every symbol that the kernel and its modules export, from the `Module.symvers` of its build. */
export function moduleSymvers(kernel: Kernel): Promise<ReadonlyMap<string, Symver>> {
  return readSymvers(kernel.moduleSymvers);
}

const readSymvers = perFile(
  async (path): Promise<ReadonlyMap<string, Symver>> => parseSymvers(await readFile(path, 'utf8')),
);

/** Reads `Module.symvers`: CRC, symbol, owner, kind of export and namespace, separated by tabs. */
export function parseSymvers(text: string): Map<string, Symver> {
  const symvers = new Map<string, Symver>();
  // Neither arrays nor regular expressions: there are 27,000 lines, and they are read in every short command.
  for (let start = 0, end: number; start < text.length; start = end + 1) {
    end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if (end === start) continue;
    const name = text.indexOf('\t', start) + 1;
    const owner = text.indexOf('\t', name) + 1;
    const kind = text.indexOf('\t', owner) + 1;
    const tab = text.indexOf('\t', kind);
    const kindEnd = tab < 0 || tab > end ? end : tab;
    const crc = crcIn(text, start, name - 1);
    const isWhole = name > start && owner > name + 1 && kind > owner + 1 && kindEnd > kind;
    if (crc === undefined || !isWhole) {
      const number = text.slice(0, start).split('\n').length;
      throw new FormatError(
        `Module.symvers: expected CRC, symbol, owner and kind separated by tabs in line ${number}, found ${JSON.stringify(text.slice(start, Math.min(end, start + 80)))}`,
      );
    }
    symvers.set(text.slice(name, owner - 1), {
      crc,
      owner: text.slice(owner, kind - 1),
      gpl: text.slice(kind, kindEnd).includes('GPL'),
      namespace: kindEnd + 1 < end ? text.slice(kindEnd + 1, end).split('\t', 1)[0] || undefined : undefined,
    });
  }
  return symvers;
}

/** `0x` and one to eight hexadecimal digits, as a number; undefined for anything else. */
function crcIn(text: string, start: number, end: number): number | undefined {
  if (end < start + 3 || end > start + 10 || !text.startsWith('0x', start)) return undefined;
  let value = 0;
  for (let at = start + 2; at < end; at++) {
    const code = text.charCodeAt(at);
    const digit = code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
    if (digit < 0 || digit > 15 || (code > 0x39 && digit < 10)) return undefined;
    value = value * 16 + digit;
  }
  return value;
}
