import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FormatError } from '../error.ts';
import {
  cstringBytes,
  EM,
  ET,
  findSection,
  isAllocated,
  layoutElf,
  R_X86_64,
  readElf,
  readElfParts,
  readRela,
  readSymbols,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  sectionBytes,
  sectionPart,
  writeObject,
} from './index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-elf-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An object with what klpkit writes: code, a relocation, data, bss, local and global and undefined symbols. */
function sample(): Uint8Array {
  return writeObject({
    sections: [
      {
        name: '.text.f',
        flags: SHF.ALLOC | SHF.EXECINSTR,
        data: Uint8Array.of(0xe8, 0, 0, 0, 0, 0xc3),
        align: 16,
        relocations: [{ offset: 1, type: R_X86_64.PLT32, symbol: 1, addend: -4 }],
      },
      { name: '.rodata', flags: SHF.ALLOC, data: cstringBytes('hello') },
      {
        name: '.bss.n',
        type: SHT.NOBITS,
        flags: SHF.ALLOC | SHF.WRITE,
        data: new Uint8Array(0),
        size: 64,
        align: 8,
      },
    ],
    symbols: [
      { name: 'f', section: 0, size: 6, type: STT.FUNC, binding: STB.GLOBAL },
      { name: 'callee', binding: STB.GLOBAL },
      { name: 'text', section: 1, size: 6, type: STT.OBJECT },
      { name: 'here', reserved: SHN.ABS, value: -0x7f000000, type: STT.NOTYPE },
      { name: '.klp.sym.vmlinux.g,2', reserved: SHN.LIVEPATCH, binding: STB.GLOBAL },
    ],
  });
}

describe('an object that is written and read back', () => {
  const elf = readElf(sample());
  const symbols = readSymbols(elf);
  const names = Array.from({ length: symbols.count }, (_, index) => symbols.name(index));

  test('has the sections in order, with a relocation section behind the one it is for', () => {
    expect(elf.type).toBe(ET.REL);
    expect(elf.machine).toBe(EM.X86_64);
    expect(elf.sections.map((section) => section.name)).toEqual([
      '',
      '.text.f',
      '.rela.text.f',
      '.rodata',
      '.bss.n',
      '.symtab',
      '.strtab',
      '.shstrtab',
    ]);
    expect(findSection(elf, '.text.f')?.offset).toBe(64);
    expect(findSection(elf, '.bss.n')?.size).toBe(64);
    const rodata = findSection(elf, '.rodata');
    expect(rodata && new TextDecoder().decode(sectionBytes(elf, rodata))).toBe('hello\0');
    expect(elf.sections.filter(isAllocated).map((section) => section.name)).toEqual([
      '.text.f',
      '.rodata',
      '.bss.n',
    ]);
  });

  test('puts local symbols first and keeps their numbers', () => {
    expect(names).toEqual(['', 'text', 'here', 'f', 'callee', '.klp.sym.vmlinux.g,2']);
    expect(findSection(elf, '.symtab')?.info).toBe(3);
    expect(symbols.value[2]).toBe(-0x7f000000);
    expect([...symbols.reserved]).toEqual([0, 0, 1, 0, 0, 1]);
    expect(symbols.section[5]).toBe(SHN.LIVEPATCH);
    expect(symbols.section[4]).toBe(SHN.UNDEF);
    expect(elf.sections[symbols.section[1]].name).toBe('.rodata');
    expect(symbols.size[3]).toBe(6);
    expect(symbols.type[3]).toBe(STT.FUNC);
    expect(symbols.binding[3]).toBe(STB.GLOBAL);
  });

  test('renumbers the symbols of relocations', () => {
    const section = findSection(elf, '.rela.text.f');
    expect(section).toBeDefined();
    if (!section) return;
    const rela = readRela(elf, section);
    expect(rela.count).toBe(1);
    expect([rela.offset[0], rela.type[0], rela.addend[0]]).toEqual([1, R_X86_64.PLT32, -4]);
    expect(names[rela.symbol[0]]).toBe('callee');
    expect(elf.sections[section.info].name).toBe('.text.f');
  });

  test('is understood by readelf', () => {
    const path = join(folder, 'sample.o');
    writeFileSync(path, sample());
    const out = execFileSync('readelf', ['-W', '-s', '-r', path], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(out).toMatch(/R_X86_64_PLT32\s+0+ callee - 4/);
    expect(out).toMatch(/ffffffff81000000\s+0 NOTYPE\s+LOCAL\s+DEFAULT\s+ABS here/);
    expect(out).toMatch(/GLOBAL\s+DEFAULT\s+OS \[0xff20\] \.klp\.sym\.vmlinux\.g,2/);
  });
});

test('an object of the compiler is read as readelf reads it', () => {
  const source = join(folder, 'a.c');
  writeFileSync(
    source,
    'extern int far(int); static int twice(int x) { return far(x) * 2; } int f(int x) { return twice(x); } int n = 3;',
  );
  const path = join(folder, 'a.o');
  execFileSync('gcc-12', ['-c', '-O1', '-ffunction-sections', '-o', path, source]);
  const elf = readElf(readFileSync(path));
  const symbols = readSymbols(elf);
  const listed = execFileSync('readelf', ['-W', '-s', path], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => /^\d+:$/.test(words[0] ?? ''))
    .map((words) => [Number.parseInt(words[1], 16), Number(words[2])]);
  expect(listed.length).toBe(symbols.count);
  expect(Array.from(symbols.value, (value, index) => [value, symbols.size[index]])).toEqual(listed);
  const sections = execFileSync('readelf', ['-W', '-S', path], { encoding: 'utf8' });
  for (const section of elf.sections.slice(1))
    expect(sections).toMatch(
      new RegExp(
        `\\[ *${section.index}\\] ${section.name.replaceAll('.', '\\.')} .*0*${section.offset.toString(16)} `,
      ),
    );
});

test('more sections than 16 bits count are kept in the null section and SHT_SYMTAB_SHNDX', () => {
  const count = 0xff10;
  const data = Uint8Array.of(0x90);
  const bytes = writeObject({
    sections: Array.from({ length: count }, (_, index) => ({
      name: `.t${index & 3}`,
      flags: SHF.ALLOC,
      data,
    })),
    symbols: [{ name: 'last', section: count - 1, binding: STB.GLOBAL, type: STT.FUNC }],
  });
  const elf = readElf(bytes);
  const symbols = readSymbols(elf);
  expect(elf.sections.length).toBe(count + 5);
  expect(symbols.section[1]).toBe(count);
  expect(symbols.reserved[1]).toBe(0);
  expect(findSection(elf, '.symtab_shndx')?.type).toBe(SHT.SYMTAB_SHNDX);
});

test('names keep every byte', () => {
  const name = String.fromCharCode(...Array.from({ length: 255 }, (_, index) => index + 1));
  const elf = readElf(
    writeObject({
      sections: [{ name: '.text', flags: 0, data: new Uint8Array(1) }],
      symbols: [{ name, section: 0 }],
    }),
  );
  expect(readSymbols(elf).name(1)).toBe(name);
});

test('what is written big-endian is read back so', () => {
  const elf = readElf(
    layoutElf({ type: ET.EXEC, machine: EM.S390, flags: 5, littleEndian: false }, [
      { name: '.text', type: SHT.PROGBITS, flags: SHF.ALLOC, data: Uint8Array.of(7), address: -0x1000 },
    ]),
  );
  expect(elf.littleEndian).toBe(false);
  expect(elf.flags).toBe(5);
  expect(findSection(elf, '.text')?.address).toBe(-0x1000);
});

describe('bytes that are no ELF file', () => {
  test('are refused with what was expected and found', () => {
    expect(() => readElf(new Uint8Array(10))).toThrow('elf: the header needs 64 bytes, the file has 10');
    expect(() => readElf(new Uint8Array(64))).toThrow(
      'expected the magic 7f 45 4c 46 at offset 0, found 00 00 00 00',
    );
    const narrow = sample();
    narrow[4] = 1;
    expect(() => readElf(narrow)).toThrow('class 1 at offset 4');
    expect(() => readElf(sample().slice(0, -64))).toThrow(
      /8 section headers end at 0x\w+, the file at 0x\w+/,
    );
  });

  test('a section that reaches past the end is named', () => {
    const bytes = sample();
    const view = new DataView(bytes.buffer);
    view.setUint32(Number(view.getBigUint64(40, true)) + 64 + 32, 0x10000, true);
    expect(() => readElf(bytes)).toThrow(/section 1 \(\.text\.f\) ends at 0x10040/);
  });

  test('a table of no file content is not believed', () => {
    const elf = readElf(sample());
    const bss = findSection(elf, '.bss.n');
    expect(bss).toBeDefined();
    if (!bss) return;
    expect(() => readRela(elf, { ...bss, size: 24 * 2 ** 40 })).toThrow(FormatError);
    expect(() => readSymbols(elf, { ...bss, size: 24 * 2 ** 40 })).toThrow(FormatError);
  });

  test('an endless name is refused', () => {
    const bytes = layoutElf({ type: ET.REL, machine: EM.X86_64 }, [
      { name: 'n'.repeat(10_000), type: SHT.PROGBITS, flags: 0, data: new Uint8Array(0) },
    ]);
    expect(() => readElf(bytes)).toThrow('longer than 8192 bytes');
  });

  test('any damage gives a value or a FormatError', () => {
    const whole = sample();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
        fc.nat(whole.length),
        (changes, cut) => {
          const bytes = cut % 4 === 0 ? whole.slice(0, cut) : whole.slice();
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          try {
            const elf = readElf(bytes);
            const symbols = readSymbols(elf);
            for (let index = 0; index < symbols.count; index++) symbols.name(index);
            for (const section of elf.sections) if (section.type === SHT.RELA) readRela(elf, section);
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a file that is read in parts', () => {
  const inParts = (bytes: Uint8Array) => {
    const reads: [number, number][] = [];
    const elf = readElfParts(bytes.length, (start, end) => {
      reads.push([start, end]);
      return bytes.slice(start, end);
    });
    return { elf, reads };
  };

  test('is the same file, of which nothing is read that nobody asks for', () => {
    const whole = readElf(sample());
    const { elf, reads } = inParts(sample());
    expect(elf.sections).toEqual(whole.sections);
    const text = findSection(elf, '.rodata');
    if (!text) throw new Error('no .rodata');
    const before = reads.length;
    expect(reads.flat(), 'premise: the headers alone were read').not.toContain(text.offset);
    expect(sectionBytes(elf, text)).toEqual(cstringBytes('hello'));
    expect(sectionBytes(elf, text)).toEqual(cstringBytes('hello'));
    expect(reads.slice(before)).toEqual([[text.offset, text.offset + text.size]]);
    expect(new TextDecoder().decode(sectionPart(elf, text, 1, 3))).toBe('ell');
    expect([...sectionPart(elf, text, 4, 100)], 'a part ends with its section').toEqual([0x6f, 0]);
    expect(sectionPart(elf, text, 100, 1)).toHaveLength(0);
  });

  test('is read whole, once, for who wants all of it', () => {
    const { elf, reads } = inParts(sample());
    const before = reads.length;
    expect(readSymbols(elf).count).toBe(readSymbols(readElf(sample())).count);
    expect(elf.bytes).toEqual(sample());
    const [text] = elf.sections.filter(({ name }) => name === '.text.f');
    expect(sectionBytes(elf, text)).toEqual(sectionBytes(readElf(sample()), text));
    const large = reads.slice(before).filter(([start, end]) => end - start === sample().length);
    expect(large).toHaveLength(1);
  });

  test('that is damaged is refused with the same words', () => {
    const cut = sample().slice(0, -64);
    const words = (read: () => unknown) => {
      try {
        read();
      } catch (error) {
        return error instanceof FormatError ? error.message : 'another error';
      }
      return 'no error';
    };
    expect(words(() => inParts(cut))).toMatch(/^elf: .*the file/);
    expect(words(() => inParts(cut))).toBe(words(() => readElf(cut)));
  });
});
