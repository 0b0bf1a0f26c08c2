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

/** Programs, and the names that they go by in the VM where those differ. */
const programs: Readonly<Record<string, readonly string[]>> = {
  bash: [],
  gawk: ['awk'],
  grep: [],
  sed: [],
  diff: [],
  kmod: ['insmod', 'rmmod', 'modprobe', 'modinfo', 'depmod', 'lsmod'],
  sysctl: [],
  dmesg: [],
  getconf: [],
  cat: [],
  cp: [],
  cut: [],
  date: [],
  dirname: [],
  echo: [],
  head: [],
  id: [],
  ls: [],
  mkdir: [],
  printf: [],
  readlink: [],
  rm: [],
  seq: [],
  sleep: [],
  sort: [],
  stat: [],
  tail: [],
  tr: [],
  uname: [],
  wc: [],
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
  for (const [name, others] of Object.entries(programs)) {
    let found: Uint8Array | undefined;
    for (const place of programFolders) found ??= await readInside(folder, join(place, name));
    if (!found) throw new Error(`the packages have no program ${name}`);
    for (const each of [name, ...others]) files.set(`/bin/${each}`, found);
    for (const library of neededLibraries(found)) needed.add(library);
  }
  // What is added while a set is walked is walked too.
  for (const name of needed) {
    let found: Uint8Array | undefined;
    for (const place of libraryFolders) found ??= await readInside(folder, join(place, name));
    if (!found) throw new Error(`the packages have no library ${name}`);
    files.set(name === loader ? `/lib64/${name}` : `/lib/x86_64-linux-gnu/${name}`, found);
    for (const library of neededLibraries(found)) needed.add(library);
  }
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, data]) => ({ path, data, mode: 0o755 }));
}
