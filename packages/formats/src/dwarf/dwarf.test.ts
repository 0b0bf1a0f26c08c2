import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ElfFile, findSection, readElf, readRela, SHF, SHT } from '../elf/index.ts';
import { FormatError } from '../error.ts';
import { type InlinedCall, readDwarf, readLines, typesOfDwarf } from './index.ts';

/** Two levels of inlining, a header, a cold part, a clone, a function that is only inlined, and one whose code is all gone. */
const header = `static inline __attribute__((always_inline)) int twice(int value)
{
	return value * 2 + opaque(value);
}
`;
const source = `extern int opaque(int);
extern void complain(const char *) __attribute__((cold));
struct big { struct { int a, b; } in[4]; enum { ONE, TWO } e; int (*call)(int); };
#include "part.h"
static inline __attribute__((always_inline)) int middle(int value)
{
	int sum = twice(value);
	return sum + 1;
}
static __attribute__((noinline)) int clone(struct big *big, int unused)
{
	return opaque(big->in[1].b) + middle(big->in[2].a);
}
int outer(struct big *big, int value)
{
	if (value > 100) {
		complain("too big");
		opaque(value);
	}
	for (int i = 0; i < value; i++)
		value += middle(i);
	return value + clone(big, 3);
}
static inline int never(int value) { return value; }
int second(int value)
{
	never(value);
	return middle(value) ^ 7;
}
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-dwarf-'));
  writeFileSync(join(folder, 'part.h'), header);
  writeFileSync(join(folder, 'sample.c'), source);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compile(...flags: string[]): { path: string; elf: ElfFile } {
  const path = join(folder, `sample${flags.join('')}.o`);
  const argv = ['-c', '-O2', '-ffunction-sections', ...flags, '-o', path, 'sample.c'];
  execFileSync('gcc-12', argv, { cwd: folder });
  return { path, elf: readElf(new Uint8Array(readFileSync(path))) };
}

function codeSections(elf: ElfFile) {
  return elf.sections.filter((section) => section.flags & SHF.EXECINSTR && section.size > 0);
}

/** What addr2line says of each offset of a section: per offset the frames, innermost first. */
function addr2line(path: string, section: string, offsets: readonly number[]): string[][] {
  const text = execFileSync(
    'addr2line',
    ['-e', path, '-j', section, '-a', '-f', '-i', ...offsets.map((offset) => `0x${offset.toString(16)}`)],
    { encoding: 'utf8' },
  );
  return text
    .split(/^0x[0-9a-f]+\n/m)
    .slice(1)
    .map((block) => {
      const lines = block.trimEnd().split('\n');
      const frames: string[] = [];
      for (let index = 0; index + 1 < lines.length; index += 2)
        frames.push(`${lines[index]} ${lines[index + 1].replace(/^.*\//, '').replace(/ \(.*$/, '')}`);
      return frames;
    });
}

const versions = [['-gdwarf-5'], ['-gdwarf-4'], ['-gdwarf-3'], ['-gdwarf-5', '-gdwarf64']];

describe.each(versions)('an object of gcc %s %s', (...flags: (string | undefined)[]) => {
  const given = () => compile(...flags.filter((flag) => flag !== undefined));

  test('every instruction has the line and the inlined calls that addr2line gives', () => {
    const { path, elf } = given();
    const dwarf = readDwarf(elf);
    // binutils 2.40 cannot find its way in the 64-bit format (it answers `?`): the 32-bit twin of the object speaks for it.
    const witness = flags.includes('-gdwarf64') ? compile('-gdwarf-5').path : path;
    const base = (file: string) => file.replace(/^.*\//, '');
    let inlined = 0;
    for (const section of codeSections(elf)) {
      const offsets = dwarf.lines(section.index).flatMap((row) => (row.end ? [] : [row.offset]));
      expect(offsets.length).toBeGreaterThan(3);
      const theirs = addr2line(witness, section.name, offsets);
      const ours = offsets.map((offset) => {
        const calls = dwarf.inlinesAt(section.index, offset);
        const names = [
          dwarf.instanceAt(section.index, offset)?.function.name,
          ...calls.map((call) => call.function.name),
        ];
        const places = [...calls.map((call) => call.call), dwarf.lineAt(section.index, offset)];
        inlined += calls.length;
        return names
          .map((name, index) => `${name} ${base(places[index]?.file ?? '')}:${places[index]?.line}`)
          .reverse();
      });
      expect(ours).toEqual(theirs);
    }
    expect(inlined).toBeGreaterThan(10);
  });

  test('functions are named with their lines, their bodies and their cold parts', () => {
    const { elf } = given();
    const { functions } = readDwarf(elf);
    const found = functions.map((entry) => ({
      name: entry.name,
      at: `${entry.declared?.file.replace(/^.*\//, '')}:${entry.declared?.line}`,
      sections: entry.instances.flatMap((body) =>
        body.ranges.map((range) => elf.sections[range.section].name),
      ),
    }));
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(found).toEqual([
      { name: 'clone', at: 'sample.c:10', sections: ['.text.clone.constprop.0'] },
      { name: 'middle', at: 'sample.c:5', sections: [] },
      { name: 'never', at: 'sample.c:24', sections: [] },
      { name: 'outer', at: 'sample.c:14', sections: ['.text.outer', '.text.unlikely.outer'] },
      { name: 'second', at: 'sample.c:25', sections: ['.text.second'] },
      { name: 'twice', at: 'part.h:1', sections: [] },
    ]);
    const chain = (calls: readonly InlinedCall[]): unknown[] =>
      calls.map((call) => [call.function.name, call.call?.line, ...chain(call.inlined)]);
    const second = functions.find((entry) => entry.name === 'second');
    expect(chain(second?.instances[0].inlined ?? [])).toContainEqual(['middle', 28, ['twice', 7]]);
  });

  test('the rows are those of readelf, less those that cover no code', () => {
    const { path, elf } = given();
    const text = execFileSync('readelf', ['--debug-dump=decodedline', '-W', path], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // readelf leaves the sections out of an unlinked object: only lines and offsets within their sequences are there to compare.
    const theirs = [...text.matchAll(/^\S+\s+(\d+|-)\s+(0x[0-9a-f]+|0)(?:\[\d+\])?(\s|$)/gm)].map(
      (match) => `${match[1]}@${Number(match[2])}`,
    );
    const covering = theirs.filter((row, index) => {
      const next = theirs[index + 1];
      return row.startsWith('-') || next !== `-${row.slice(row.indexOf('@'))}`;
    });
    expect(covering.length).toBeLessThan(theirs.length);
    const ours = [...readLines(elf).values()].flatMap((rows) =>
      rows.map((row) => `${row.end ? '-' : row.line}@${row.offset}`),
    );
    expect(ours.length).toBeGreaterThan(30);
    expect(ours.sort()).toEqual(covering.sort());
  });
});

test('an object without debug information has no lines and no functions', () => {
  const dwarf = readDwarf(compile('-g0').elf);
  expect(dwarf.functions).toEqual([]);
  expect(codeSections(compile('-g0').elf).map((section) => dwarf.lineAt(section.index, 0))).toEqual(
    codeSections(compile('-g0').elf).map(() => undefined),
  );
});

test('the bytes of the object stay as they are', () => {
  const { path, elf } = compile('-gdwarf-5');
  expect(readDwarf(elf).functions).toHaveLength(6);
  expect(readLines(elf).size).toBe(4);
  expect(new Uint8Array(readFileSync(path))).toEqual(elf.bytes);
  // A Buffer's slice() shares its memory: relocations must go to a copy all the same.
  const buffer = readElf(readFileSync(path));
  expect(readDwarf(buffer).functions).toHaveLength(6);
  expect(new Uint8Array(buffer.bytes)).toEqual(elf.bytes);
});

test('functions that are declared inline, and a definition whose body was folded into an equal one', () => {
  writeFileSync(
    join(folder, 'folded.c'),
    `extern int opaque(int);
static inline int asked(int x) { return opaque(x) + 1; }
static int unasked(int x) { return opaque(x) - 1; }
static __attribute__((noinline)) int one(int x) { return opaque(x) * 5 + opaque(3); }
static __attribute__((noinline)) int two(int x) { return opaque(x) * 5 + opaque(3); }
int user(int x) { return asked(x) + unasked(x) + one(x) - two(x); }
`,
  );
  const object = join(folder, 'folded.o');
  execFileSync('gcc-12', ['-O2', '-g', '-c', '-o', object, 'folded.c'], { cwd: folder });
  const { functions } = readDwarf(readElf(new Uint8Array(readFileSync(object))));
  const facts = functions.map((one) => [one.name, one.isDeclaredInline, one.instances.length] as const);
  expect(facts.sort((a, b) => (a[0] < b[0] ? -1 : 1))).toEqual([
    ['asked', true, 0],
    ['one', false, 1],
    // opaque is only declared, and not among them.
    ['two', false, 0],
    ['unasked', false, 0],
    ['user', false, 1],
  ]);
});

describe('what is not the format', () => {
  const read = (elf: ElfFile) => {
    const dwarf = readDwarf(elf);
    void dwarf.functions;
    typesOfDwarf(elf);
    return readLines(elf);
  };

  function damaged(section: string, change: (bytes: Uint8Array, view: DataView) => void): ElfFile {
    const bytes = compile('-gdwarf-5').elf.bytes.slice();
    const elf = readElf(bytes);
    const found = findSection(elf, section);
    expect(found).toBeDefined();
    const part = bytes.subarray(found?.offset, (found?.offset ?? 0) + (found?.size ?? 0));
    change(part, new DataView(part.buffer, part.byteOffset, part.byteLength));
    return readElf(bytes);
  }

  test('compressed sections are refused with the flag that avoids them', () => {
    const { elf } = compile('-gdwarf-5', '-gz=zlib');
    expect(findSection(elf, '.debug_info')?.flags ?? 0).toSatisfy(
      (flags: number) => (flags & SHF.COMPRESSED) !== 0,
    );
    expect(() => read(elf)).toThrow(/^dwarf: section \d+ \(\.debug_info\) is compressed.*-gz=none/);
  });

  test('a unit that is longer than its section', () => {
    expect(() => read(damaged('.debug_info', (_, view) => view.setUint32(0, 0xfffff, true)))).toThrow(
      /^dwarf: a unit that ends at 0x100003, the section at 0x[0-9a-f]+, at 0x4 of \.debug_info$/,
    );
  });

  test('an unknown version', () => {
    expect(() => read(damaged('.debug_info', (_, view) => view.setUint16(4, 9, true)))).toThrow(
      'dwarf: a unit of version 9, expected 2 to 5, at 0x6 of .debug_info',
    );
    expect(() => read(damaged('.debug_line', (_, view) => view.setUint16(4, 9, true)))).toThrow(
      'dwarf: a line number program of version 9, expected 2 to 5, at 0x6 of .debug_line',
    );
  });

  test('an abbreviation that does not exist', () => {
    expect(() =>
      read(
        damaged('.debug_info', (bytes) => {
          bytes[12] = 0x7f;
        }),
      ),
    ).toThrow('dwarf: abbreviation 127, which the unit does not have, at 0xd of .debug_info');
  });

  test('a relocation outside its section', () => {
    const bytes = compile('-gdwarf-5').elf.bytes.slice();
    const elf = readElf(bytes);
    const rela = elf.sections.find((section) => section.name === '.rela.debug_info');
    expect(rela?.type).toBe(SHT.RELA);
    expect(rela && readRela(elf, rela).count).toBeGreaterThan(3);
    new DataView(bytes.buffer).setUint32(rela?.offset ?? 0, 0x7fffffff, true);
    expect(() => read(readElf(bytes))).toThrow(
      /^dwarf: relocation 0 of section \d+ \(\.rela\.debug_info\) is at 0x7fffffff, the section has/,
    );
  });

  test('any damage to the debug sections gives an answer or a FormatError', () => {
    const { elf } = compile('-gdwarf-5');
    const targets = elf.sections.filter((section) => section.name.startsWith('.debug_') && section.size > 0);
    expect(targets.length).toBeGreaterThan(5);
    fc.assert(
      fc.property(
        fc.nat(targets.length - 1),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(255)), {
          minLength: 1,
          maxLength: 8,
        }),
        (index, edits) => {
          const bytes = elf.bytes.slice();
          const { offset, size } = targets[index];
          for (const [where, value] of edits) bytes[offset + Math.floor(where * size)] = value;
          try {
            read(readElf(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { numRuns: 400, seed: 2 },
    );
  });
});
