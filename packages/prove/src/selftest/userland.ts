import { readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { readElf } from '@klpkit/formats';
import { unpackPackages } from '@klpkit/kernel';
import type { GuestFile } from '../guest/initramfs.ts';

/** Packages of the programs that the tests' scripts call. */
const packages = [
  'bash',
  'coreutils',
  'diffutils',
  'gawk',
  'grep',
  'kmod',
  'libc-bin',
  'procps',
  'sed',
  'util-linux',
];

/** Programs, as a script of the kernel's tests of 6.1 to 6.19 may call them. */
const programs = [
  ...['awk', 'bash', 'diff', 'dmesg', 'getconf', 'grep', 'kill', 'sed', 'sysctl'],
  ...[
    'basename',
    'cat',
    'chmod',
    'comm',
    'cp',
    'cut',
    'date',
    'dirname',
    'echo',
    'env',
    'expr',
    'head',
    'id',
    'ln',
    'ls',
  ],
  ...[
    'mkdir',
    'mktemp',
    'mv',
    'nproc',
    'printf',
    'readlink',
    'rm',
    'seq',
    'sleep',
    'sort',
    'stat',
    'tail',
    'tee',
  ],
  ...['test', 'timeout', 'touch', 'tr', 'uname', 'uniq', 'wc'],
] as const;

/** Names of programs that are links in the packages, or made so when those are installed. */
const links: Readonly<Record<string, string>> = {
  awk: 'gawk',
  ...Object.fromEntries(
    ['depmod', 'insmod', 'lsmod', 'modinfo', 'modprobe', 'rmmod'].map((name) => [name, 'kmod']),
  ),
};

const programFolders = ['bin', 'sbin', 'usr/bin', 'usr/sbin'];
const libraryFolders = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'];
/** Programs name it by its path, and libc by its name. */
const loader = 'ld-linux-x86-64.so.2';

const decoder = new TextDecoder('latin1');

/** Libraries that a program or library asks for: the names of its DT_NEEDED entries (ELF specification, "Dynamic Section"). */
export function neededLibraries(bytes: Uint8Array): string[] {
  const elf = readElf(bytes);
  const dynamic = elf.sections.find(({ name }) => name === '.dynamic');
  const strings = elf.sections.find(({ name }) => name === '.dynstr');
  if (!dynamic || !strings) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset + dynamic.offset, dynamic.size);
  const table = bytes.subarray(strings.offset, strings.offset + strings.size);
  const needed: string[] = [];
  for (let at = 0; at + 16 <= dynamic.size; at += 16) {
    if (view.getBigUint64(at, true) !== 1n) continue;
    const offset = Number(view.getBigUint64(at + 8, true));
    const end = table.indexOf(0, offset);
    if (end > offset) needed.push(decoder.decode(table.subarray(offset, end)));
  }
  return needed;
}

/** Reads a file of a folder that links may not lead out of: the links of packages are absolute now and then. */
async function readInside(folder: string, path: string): Promise<Uint8Array | undefined> {
  const real = await realpath(join(folder, path)).catch(() => undefined);
  return real?.startsWith(folder + sep) ? readFile(real) : undefined;
}

/**
 * The programs that the kernel's test scripts need, with their libraries, out of the distribution's packages: files for the VM, the same
 * for the same versions.
 *
 * @throws {MissingTool} where the package lists do not have one
 */
export async function testUserland(options: Parameters<typeof unpackPackages>[1]): Promise<GuestFile[]> {
  const { folder: unpacked } = await unpackPackages(packages, options);
  const folder = await realpath(unpacked);
  const files = new Map<string, Uint8Array>();
  const needed = new Set<string>();
  const firstOf = async (places: readonly string[], name: string) => {
    for (const place of places) {
      const found = await readInside(folder, join(place, name));
      if (found) return found;
    }
    return undefined;
  };
  for (const name of new Set([...programs, ...Object.keys(links)])) {
    const found = await firstOf(programFolders, links[name] ?? name);
    if (!found) throw new Error(`the packages have no program ${name}`);
    files.set(`/bin/${name}`, found);
    for (const library of neededLibraries(found)) needed.add(library);
  }
  // What is added while a set is walked is walked too.
  for (const name of needed) {
    const found = await firstOf(libraryFolders, name);
    if (!found) throw new Error(`the packages have no library ${name}`);
    files.set(name === loader ? `/lib64/${name}` : `/lib/x86_64-linux-gnu/${name}`, found);
    for (const library of neededLibraries(found)) needed.add(library);
  }
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, data]) => ({ path, data, mode: 0o755 }));
}
