import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readElf } from '../elf/index.ts';
import { FormatError } from '../error.ts';
import { Cursor } from './cursor.ts';
import { readDwarf } from './index.ts';

// Forms that gcc does not write and other compilers do, as hand-written sections: indexed strings and addresses, kinds of ranges.

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-forms-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const code = `
.section .text.f,"ax",@progbits
f: nop; nop; nop; nop; nop; nop
.section .text.cold,"ax",@progbits
c: nop; nop
`;

function assemble(text: string) {
  const path = join(folder, 'forms.o');
  execFileSync('gcc-12', ['-c', '-x', 'assembler', '-', '-o', path], { input: code + text });
  const elf = readElf(new Uint8Array(readFileSync(path)));
  const dwarf = readDwarf(elf);
  const section = (name: string) => elf.sections.findIndex((candidate) => candidate.name === name);
  return {
    dwarf,
    section,
    functions: dwarf.functions.map(({ name, instances }) => ({
      name,
      ranges: instances.flatMap((body) =>
        body.ranges.map((range) => `${elf.sections[range.section].name} ${range.start}-${range.end}`),
      ),
    })),
  };
}

/** A unit of version 5: strings, addresses and range lists by index; `list` is what the range list holds. */
const version5 = (list: string) => `
.section .debug_abbrev,"",@progbits
.uleb128 1, 0x11; .byte 1; .uleb128 0x1b, 0x25, 0x72, 0x17, 0x73, 0x17, 0x74, 0x17, 0, 0
.uleb128 2, 0x2e; .byte 1; .uleb128 0x03, 0x25, 0x55, 0x23, 0, 0
.uleb128 3, 0x1d; .byte 0; .uleb128 0x31, 0x13, 0x11, 0x1b, 0x12, 0x0b, 0, 0
.uleb128 4, 0x2e; .byte 0; .uleb128 0x03, 0x16, 0x20, 0x21; .sleb128 1; .uleb128 0, 0
.byte 0
.section .debug_info,"",@progbits
unit: .long 9f - 1f
1: .short 5; .byte 1, 8; .long .debug_abbrev
.uleb128 1; .byte 0; .long strings, addresses, lists
inlined: .uleb128 4, 0x26; .short 2
.uleb128 2; .byte 1; .uleb128 0
.uleb128 3; .long inlined - unit; .uleb128 1; .byte 2
.byte 0, 0
9:
.section .debug_str,"MS",@progbits,1
s0: .asciz "/folder"
s1: .asciz "whole"
s2: .asciz "part"
.section .debug_str_offsets,"",@progbits
.long 9f - 1f
1: .short 5, 0
strings: .long s0, s1, s2
9:
.section .debug_addr,"",@progbits
.long 9f - 1f
1: .short 5; .byte 8, 0
addresses: .quad f, f + 1, c, c + 2
9:
.section .debug_rnglists,"",@progbits
.long 9f - 1f
1: .short 5; .byte 8, 0; .long 1
lists: .long 2f - lists
2: ${list}
.byte 0
9:
`;

describe('version 5 with indices', () => {
  test.each([
    ['a base by index, a pair of offsets', '.byte 1; .uleb128 0; .byte 4; .uleb128 0, 5', ['.text.f 0-5']],
    ['a base, a pair of offsets', '.byte 5; .quad c; .byte 4; .uleb128 0, 1', ['.text.cold 0-1']],
    ['start by index and length', '.byte 3; .uleb128 2, 2', ['.text.cold 0-2']],
    ['start and end by index', '.byte 2; .uleb128 2, 3', ['.text.cold 0-2']],
    ['start and end', '.byte 6; .quad f + 1, f + 6', ['.text.f 1-6']],
    ['start and length', '.byte 7; .quad f; .uleb128 4', ['.text.f 0-4']],
    ['several', '.byte 7; .quad f; .uleb128 6; .byte 3; .uleb128 2, 2', ['.text.f 0-6', '.text.cold 0-2']],
  ])('%s', (_, list, ranges) => {
    const { functions } = assemble(version5(list));
    expect(functions).toEqual([
      { name: 'part', ranges: [] },
      { name: 'whole', ranges },
    ]);
  });

  test('an inlined call by address index', () => {
    const { dwarf, section } = assemble(version5('.byte 7; .quad f; .uleb128 6'));
    const names = [0, 1, 2, 3].map((offset) =>
      dwarf.inlinesAt(section('.text.f'), offset).map((call) => call.function.name),
    );
    expect(names).toEqual([[], ['part'], ['part'], []]);
  });

  test('a range list of an unknown kind, and one without end', () => {
    expect(() => assemble(version5('.byte 9'))).toThrow(/^dwarf: range list entry of kind 9, at 0x/);
    expect(() => assemble(version5('.byte 7; .quad f; .byte 0xff'))).toThrow(FormatError);
  });
});

test('version 4: a base address in a range list', () => {
  const { functions } = assemble(`
.section .debug_abbrev,"",@progbits
.uleb128 1, 0x11; .byte 1; .uleb128 0, 0
.uleb128 2, 0x2e; .byte 0; .uleb128 0x03, 0x08, 0x55, 0x17, 0, 0
.byte 0
.section .debug_info,"",@progbits
.long 9f - 1f
1: .short 4; .long .debug_abbrev; .byte 8
.uleb128 1
.uleb128 2; .asciz "whole"; .long .debug_ranges
.byte 0
9:
.section .debug_ranges,"",@progbits
.quad c, c + 2
.quad -1, f
.quad 1, 3
.quad 0, 0
`);
  expect(functions).toEqual([{ name: 'whole', ranges: ['.text.cold 0-2', '.text.f 1-3'] }]);
});

describe('a cursor', () => {
  const over = (...bytes: number[]) => new Cursor('.debug_x', Uint8Array.from(bytes), true);

  test('reads numbers of both encodings', () => {
    expect(over(0xe5, 0x8e, 0x26).uleb()).toBe(624485);
    expect(over(0xc0, 0xbb, 0x78).sleb()).toBe(-123456);
    expect(over(0x7f).sleb()).toBe(-1);
    expect(over(1, 2, 3).u24()).toBe(0x030201);
    expect(new Cursor('.debug_x', Uint8Array.of(1, 2, 3), false).u24()).toBe(0x010203);
    expect(over(0, 0, 0, 0, 1, 0, 0, 0).u64()).toBe(2 ** 32);
  });

  test('does not leave its section', () => {
    const cursor = over(1);
    expect(cursor.u8()).toBe(1);
    expect(() => cursor.u8()).toThrow('dwarf: expected 1 bytes, found 0, at 0x1 of .debug_x');
    expect(() => over(1, 2, 3).u32()).toThrow('dwarf: expected 4 bytes, found 3, at 0x0 of .debug_x');
    expect(() => over(0x80, 0x80).uleb()).toThrow('dwarf: expected 1 bytes, found 0, at 0x2 of .debug_x');
    expect(() => over(...Array.from({ length: 30 }, () => 0x80)).uleb()).toThrow(
      /LEB128 number of more than 16/,
    );
    expect(() => over(0x41).string()).toThrow('dwarf: a string without its end, at 0x0 of .debug_x');
    expect(() => over(1).copy(2)).toThrow('dwarf: offset 0x2 of .debug_x, which has 0x1 bytes');
  });
});
