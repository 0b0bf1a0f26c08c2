import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  EM,
  ET,
  findSection,
  layoutElf,
  type RawSection,
  readElf,
  SHF,
  SHT,
  writeObject,
} from '../elf/index.ts';
import { FormatError } from '../error.ts';
import { storedXz } from '../testing/bzimage.ts';
import { readExports, readModuleBytes, readModuleInfo, readVersions, splitSignature } from './index.ts';

const text = (value: string) => new TextEncoder().encode(value);
const section = (name: string, data: Uint8Array): RawSection => ({
  name,
  type: SHT.PROGBITS,
  flags: SHF.ALLOC,
  data,
});
const elfWith = (...sections: RawSection[]) =>
  readElf(layoutElf({ type: ET.REL, machine: EM.X86_64 }, sections));

/** An entry of `__versions`, 64 bytes. */
function version(crc: number, name: string): Uint8Array {
  const entry = new Uint8Array(64);
  new DataView(entry.buffer).setUint32(0, crc, true);
  entry.set(text(name), 8);
  return entry;
}

const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('module files', () => {
  const module = writeObject({
    sections: [{ name: '.text', flags: SHF.ALLOC, data: Uint8Array.of(0xc3) }],
    symbols: [],
  });

  test.each([
    ['plain', module],
    ['xz', storedXz(module)],
    ['zstd', zstdCompressSync(module)],
    ['gzip', gzipSync(module)],
  ])('%s', async (_name, bytes) => {
    expect(await readModuleBytes(bytes)).toEqual(module);
  });

  test('anything else is refused by how it begins', async () => {
    await expect(readModuleBytes(text('!<arch>\n'))).rejects.toThrow('it begins with 21 3c 61 72 63 68');
    await expect(readModuleBytes(new Uint8Array(0))).rejects.toThrow('it begins with nothing');
    await expect(readModuleBytes(gzipSync(text('hello')))).rejects.toThrow(
      'its gzip data begins with 68 65 6c 6c 6f',
    );
  });

  test('more than allowed is refused', async () => {
    await expect(readModuleBytes(storedXz(module), module.length - 1)).rejects.toThrow(FormatError);
    expect(await readModuleBytes(storedXz(module), module.length)).toEqual(module);
  });

  test('a signature is cut off, and does not keep the ELF file from being read', async () => {
    const signature = Uint8Array.of(0x30, 1, 2, 3, 4);
    const info = Uint8Array.of(0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, signature.length);
    const signed = joined(module, signature, info, text('~Module signature appended~\n'));
    expect(splitSignature(signed)).toEqual({ module, signature });
    expect(splitSignature(module)).toEqual({ module, signature: undefined });
    expect(readElf(await readModuleBytes(storedXz(signed))).sections.length).toBe(4 + 1);
    const wrong = signed.slice();
    new DataView(wrong.buffer).setUint32(signed.length - 28 - 4, signed.length);
    expect(() => splitSignature(wrong)).toThrow('there is no room for it');
    expect(() => splitSignature(text('~Module signature appended~\n'))).toThrow('lacks its 12 bytes');
  });
});

describe('.modinfo', () => {
  test('has its keys in order, some more than once, values with =, and padding between', () => {
    const info = readModuleInfo(
      elfWith(
        section('.modinfo', text('license=GPL\0\0\0alias=a*b\0alias=c\0parm=x:y=z\0vermagic=6.12 SMP\0')),
      ),
    );
    expect(info.entries.map(({ key }) => key)).toEqual(['license', 'alias', 'alias', 'parm', 'vermagic']);
    expect(info.get('license')).toBe('GPL');
    expect(info.all('alias')).toEqual(['a*b', 'c']);
    expect(info.get('parm')).toBe('x:y=z');
    expect(info.get('livepatch')).toBeUndefined();
    expect(info.all('livepatch')).toEqual([]);
  });

  test('without the section nothing is known; without = something is wrong', () => {
    expect(readModuleInfo(elfWith()).entries).toEqual([]);
    expect(() => readModuleInfo(elfWith(section('.modinfo', text('license\0'))))).toThrow(
      'expected key=value, found "license"',
    );
  });
});

describe('__versions', () => {
  const plain = section('__versions', joined(version(0xdeadbeef, 'module_layout'), version(1, '_printk')));

  test('gives a CRC by name', () => {
    expect([...readVersions(elfWith(plain))]).toEqual([
      ['module_layout', 0xdeadbeef],
      ['_printk', 1],
    ]);
    expect(readVersions(elfWith()).size).toBe(0);
  });

  test('the extended sections hold names that are too long for it', () => {
    const long = 'x'.repeat(100);
    const crcs = section('__version_ext_crcs', Uint8Array.of(2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff));
    const names = section('__version_ext_names', text(`_printk\0${long}\0`));
    expect([...readVersions(elfWith(plain, crcs, names))]).toEqual([
      ['module_layout', 0xdeadbeef],
      ['_printk', 2],
      [long, 0xffffffff],
    ]);
    expect(() => readVersions(elfWith(crcs))).toThrow('only one of');
    expect(() => readVersions(elfWith(crcs, section('__version_ext_names', text('a\0'))))).toThrow(
      '1 extended names need 4 bytes of CRCs, there are 8',
    );
  });

  test('a part of an entry, or a name without end, is refused', () => {
    expect(() => readVersions(elfWith(section('__versions', new Uint8Array(65))))).toThrow(
      'has 65 bytes, no multiple of 64',
    );
    expect(() => readVersions(elfWith(section('__versions', new Uint8Array(64).fill(0x41))))).toThrow(
      'has no end',
    );
  });
});

/** What a kernel's EXPORT_SYMBOL becomes, in C and assembly of our own. */
const source = `
#define EXPORT(sym, sec, ns, crc) \\
  asm(".section \\"__ksymtab_strings\\",\\"aMS\\",%progbits,1\\n" \\
      "__kstrtab_" #sym ": .asciz \\"" #sym "\\"\\n__kstrtabns_" #sym ": .asciz \\"" ns "\\"\\n.previous\\n" \\
      ".section \\"__ksymtab" sec "\\",\\"a\\"\\n.balign 4\\n__ksymtab_" #sym ": .long " #sym "- .\\n" \\
      ".long __kstrtab_" #sym "- .\\n.long __kstrtabns_" #sym "- .\\n.previous\\n" \\
      ".section \\"__kcrctab" sec "\\",\\"a\\"\\n.long " #crc "\\n.previous\\n")
int first(void) { return 1; }
int second(void) { return 2; }
int variable = 3;
EXPORT(first, "", "", 0x11111111);
EXPORT(second, "_gpl", "CRYPTO_INTERNAL", 0x22222222);
EXPORT(variable, "", "", 0xfedcba98);
int _start(void) { return first() + second() + variable; }
`;

describe('exports', () => {
  let folder = '';
  let object = new Uint8Array(0);
  let linked = new Uint8Array(0);
  let symbols = new Map<string, number>();
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'klpkit-module-'));
    const path = (name: string) => join(folder, name);
    writeFileSync(path('a.c'), source);
    execFileSync('gcc-12', ['-c', '-O1', '-fno-pic', '-mcmodel=kernel', '-o', path('a.o'), path('a.c')]);
    execFileSync('ld', [
      '-Ttext=0xffffffff81000000',
      '-z',
      'max-page-size=0x1000',
      '-o',
      path('a'),
      path('a.o'),
    ]);
    object = readFileSync(path('a.o'));
    linked = readFileSync(path('a'));
    const listed = execFileSync('nm', [path('a')], { encoding: 'utf8' });
    symbols = new Map(
      listed
        .trim()
        .split('\n')
        .map((line) => line.split(' '))
        .map(([address, , name]) => [name, Number(BigInt.asIntN(64, BigInt(`0x${address}`)))]),
    );
    execFileSync('strip', [path('a')]);
    linked = readFileSync(path('a'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const expected = [
    { name: 'first', crc: 0x11111111, gpl: false, namespace: undefined },
    { name: 'variable', crc: 0xfedcba98, gpl: false, namespace: undefined },
    { name: 'second', crc: 0x22222222, gpl: true, namespace: 'CRYPTO_INTERNAL' },
  ];

  test('of a module, by its relocations', () => {
    expect([...readExports(readElf(object)).values()].map(({ address: _, ...rest }) => rest)).toEqual(
      expected,
    );
  });

  test('of a kernel without symbols, by its addresses', () => {
    const elf = readElf(linked);
    expect(findSection(elf, '.symtab')).toBeUndefined();
    const found = [...readExports(elf).values()];
    expect(found.map(({ address: _, ...rest }) => rest)).toEqual(expected);
    for (const { name, address } of found) expect(address).toBe(symbols.get(name));
    expect(symbols.get('first')).toBe(-0x7f000000);
  });

  test('without CRCs they are unknown, without a table there are none', () => {
    const elf = readElf(object);
    const sections = elf.sections.filter(({ name }) => !name.includes('kcrctab'));
    const renamed = elf.sections.map((one) => (one.name.includes('kcrctab') ? { ...one, name: 'x' } : one));
    expect(sections.length).toBeLessThan(elf.sections.length);
    expect(readExports({ ...elf, sections: renamed }).get('first')?.crc).toBeUndefined();
    expect(readExports(elfWith()).size).toBe(0);
  });

  test('tables that do not fit are refused', () => {
    expect(() => readExports(elfWith(section('__ksymtab', new Uint8Array(13))))).toThrow(
      'has 13 bytes, no multiple of 12',
    );
    expect(() => readExports(elfWith(section('__ksymtab', new Uint8Array(12))))).toThrow(
      '__ksymtab has no relocations',
    );
    expect(() =>
      readExports(elfWith(section('__ksymtab', new Uint8Array(12)), section('__kcrctab', new Uint8Array(8)))),
    ).toThrow('__kcrctab has 8 bytes for 1 symbols');
  });

  test.each(['module', 'kernel'])('any damage of a %s gives a value or a FormatError', (kind) => {
    const whole = kind === 'module' ? object : linked;
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of list) bytes[at] = value;
        try {
          const elf = readElf(bytes);
          readExports(elf);
          readModuleInfo(elf);
          readVersions(elf);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
