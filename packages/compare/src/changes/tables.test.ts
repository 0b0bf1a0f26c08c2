import { describe, expect, test } from 'vitest';
import { comparePair, compilePair, found, touched, why } from '../testing/compile.ts';

/** C with one inline assembly whose text differs between the sides, and a bystander that has the same all the time. */
function around(before: string, after: string, bystander: string, operands = ''): string {
  const body = (text: string) => `asm volatile("${text}" : : "i" (0) ${operands});`;
  return `
    extern int handler(int), key, key2;
    int earlier(int n) {
      #ifdef FIX
      ${body(after)}
      #else
      ${body(before)}
      #endif
      return external(n);
    }
    int bystander(int n) { ${body(bystander)} return external(n + 1); }`;
}

const altinstr = (replacement: string, feature = 7, label = '') =>
  `661: .byte 0x66, 0x90\\n662:\\n.pushsection .altinstructions,\\"a\\"\\n.long 661b - ., 663f - .\\n.long ${feature}\\n.byte 662b - 661b, 664f - 663f\\n.popsection\\n.pushsection .altinstr_replacement,\\"ax\\"\\n663: ${label}${replacement}\\n664:\\n.popsection`;
const locks =
  'lock; .pushsection .smp_locks,\\"a\\"\\n.balign 4\\n.long 671f - .\\n.popsection\\n671: incl (%%rsp)';
const extable = (type: number, target = '2f') =>
  `1: mov (%%rsp), %%eax\\n2: nop\\n3: .pushsection __ex_table,\\"a\\"\\n.balign 4\\n.long 1b - ., ${target.replace('f', 'b')} - ., ${type}\\n.popsection`;
const label = (key: string, flag = 0) =>
  `1: .byte 0x0f, 0x1f, 0x44, 0, 0\\n2: .pushsection __jump_table,\\"aw\\"\\n.balign 8\\n.long 1b - ., 2b - .\\n.quad ${key} + ${flag} - .\\n.popsection`;
const reachable = '998: .pushsection .discard.reachable\\n.long 998b\\n.popsection';
const aux = (code: string) =>
  `jmp 6f\\n5: .pushsection .altinstr_aux,\\"ax\\"\\n6: ${code}\\njmp 5b\\n.popsection`;

describe('tables that describe places in functions', () => {
  test('one of each, for the function that it describes', async () => {
    const all = [altinstr('nop'), locks, extable(1), label('key'), reachable].join('\\n');
    const { before } = await compilePair(around(all, all, all));
    const { readTables } = await import('../model/tables.ts');
    const tables = readTables(before);
    const [earlier] = before.named('earlier');
    expect(tables.homeless).toEqual([]);
    expect([...new Set(tables.of(earlier).map((entry) => entry.section.name))].sort()).toEqual([
      '.altinstructions',
      '.discard.reachable',
      '.smp_locks',
      '__ex_table',
      '__jump_table',
      '__mcount_loc',
      '__patchable_function_entries',
    ]);
    const [entry] = tables.of(earlier).filter(({ section }) => section.name === '__ex_table');
    expect(entry).toMatchObject({ index: 0, start: 0, size: 12 });
    const [second] = tables
      .of(before.named('bystander')[0])
      .filter(({ section }) => section.name === '__ex_table');
    expect(second).toMatchObject({ index: 1, start: 12 });
  });

  test.each([
    [
      'a replacement',
      altinstr('nop; nop'),
      altinstr('nop; cld'),
      altinstr('stac'),
      /^table: \.altinstructions entry at 0x\w+: .* \(nop; nop\) -> .* \(nop; cld\)$/,
    ],
    [
      'the length of a replacement',
      altinstr('nop'),
      altinstr('nop; nop'),
      altinstr('stac'),
      /^table: \.altinstructions/,
    ],
    [
      'a replacement that becomes empty',
      altinstr('nop'),
      altinstr(''),
      altinstr('stac'),
      /^table: \.altinstructions .*\(nothing\)$/,
    ],
    ['a feature', altinstr('nop', 7), altinstr('nop', 9), altinstr('stac'), /^table: \.altinstructions/],
    [
      'a callee in a replacement',
      altinstr('call handler'),
      altinstr('call external'),
      altinstr('call handler'),
      /^table: \.altinstructions/,
    ],
    ['the kind of an exception', extable(1), extable(3), extable(1), /^table: __ex_table entry at/],
    [
      'the landing of an exception',
      extable(1, '2f'),
      extable(1, '3f'),
      extable(1),
      /^table: __ex_table entry earlier\+0x\w+, earlier\+0x\w+ -> /,
    ],
    ['a key', label('key'), label('key2'), label('key'), /^table: __jump_table entry .*, key -> .*, key2$/],
    ['the default of a jump label', label('key', 0), label('key', 1), label('key'), /^table: __jump_table/],
    [
      'an entry more',
      extable(1),
      `${extable(1)}\\n.pushsection __ex_table,\\"a\\"\\n.long 1b - ., 2b - ., 1\\n.popsection`,
      extable(1),
      /^table: 1 entry in __ex_table -> 2 entries in __ex_table$/,
    ],
    [
      'code out of line',
      aux('testb $1, key(%%rip)'),
      aux('testb $2, key(%%rip)'),
      aux('testb $1, key(%%rip)'),
      /^reference: \.altinstr_aux -> another \.altinstr_aux$/,
    ],
  ])('%s', async (_, before, after, bystander, told) => {
    const c = await comparePair(around(before, after, bystander));
    expect(touched(c)).toEqual(['earlier changed']);
    expect(why(c, 'earlier')).toMatch(told);
    expect(found(c)).toEqual([]);
    for (const same of [before, after])
      expect(touched(await comparePair(around(same, same, bystander)))).toEqual([]);
  });

  test('entries and fragments of a new function move those of others, which stay the same', async () => {
    const all = [
      altinstr('nop'),
      locks,
      extable(1),
      label('key'),
      reachable,
      aux('testb $1, key(%%rip)'),
    ].join('\\n');
    const more = [
      altinstr('nop; nop; nop'),
      locks,
      extable(3),
      label('key2'),
      reachable,
      aux('testb $4, key2(%%rip)'),
    ].join('\\n');
    const body = (text: string) => `asm volatile("${text}" : : "i" (0));`;
    const c = await comparePair(`
      extern int key, key2;
      #ifdef FIX
      int added(int n) { ${body(more)} return external(n); }
      #endif
      int stays(int n) { ${body(all)} return external(n); }`);
    const at = (model: typeof c.before, tables: typeof c.beforeTables) =>
      tables
        .of(model.named('stays')[0])
        .flatMap((entry) => (entry.section.name === '.altinstructions' ? [entry.start] : []));
    expect(at(c.before, c.beforeTables)).toEqual([0]);
    expect(at(c.after, c.afterTables)).toEqual([14]);
    expect([touched(c), found(c)]).toEqual([['added new'], []]);
  });

  test('a jump label that goes the other way at first', async () => {
    const label = (branch: string) => `
      #ifdef FIX
      #define BRANCH ${branch}
      #else
      #define BRANCH 0
      #endif
      extern long flag;
      void f(void) { asm volatile("1: .byte 0x0f, 0x1f, 0x44, 0, 0\\n2: .pushsection __jump_table,\\"aw\\"\\n.balign 8\\n.long 1b - ., 2b - .\\n.quad %c0 + %c1 - .\\n.popsection" : : "i"(&flag), "i"(BRANCH)); }`;
    expect(touched(await comparePair(label('0')))).toEqual([]);
    const c = await comparePair(label('1'));
    expect(why(c, 'f')).toMatch(/^table: __jump_table entry f\+\S+, f\+\S+, flag -> .*, flag\+0x1$/);
  });

  test('entries of one function in another order are the same', async () => {
    const entry = (site: number) =>
      `.pushsection __ex_table,\\"a\\"\\n.long ${site}b - ., 9b - ., ${site}\\n.popsection`;
    const code = '1: nop\\n2: nop\\n9: nop\\n';
    const c = await comparePair(
      around(`${code}${entry(1)}\\n${entry(2)}`, `${code}${entry(2)}\\n${entry(1)}`, 'nop'),
    );
    expect([touched(c), found(c)]).toEqual([[], []]);
  });

  test('a table that is no whole number of entries is refused with the numbers', async () => {
    const odd = '.pushsection __ex_table,\\"a\\"\\n.long 1, 2, 3, 4, 5\\n.popsection';
    await expect(comparePair(around(odd, odd, 'nop'))).rejects.toThrow(
      /__ex_table\) has 20 bytes and 0 relocations, no whole number of entries of 12 or 8 bytes/,
    );
  });

  test('sizes are those of the kernel, else those that the object shows', async () => {
    const { readTables } = await import('../model/tables.ts');
    // Three entries of 8 bytes have as many bytes as two of 12.
    const entries =
      '1: nop\\n.pushsection __ex_table,\\"a\\"\\n.rept 3\\n.long 1b - ., 7\\n.endr\\n.popsection';
    const { before } = await compilePair(around(entries, entries, 'nop'));
    const sizes = (kernel?: number) =>
      readTables(before, kernel === undefined ? undefined : new Map([['exception_table_entry', kernel]]))
        .of(before.named('earlier')[0])
        .flatMap(({ section, size }) => (section.name === '__ex_table' ? [size] : []));
    expect([sizes(), sizes(8)]).toEqual([
      [8, 8, 8],
      [8, 8, 8],
    ]);
    expect(() => sizes(12)).toThrow(
      /24 bytes and 3 relocations, the first two 8 bytes apart, no whole number of entries of 12 bytes/,
    );
  });

  test('a debug descriptor but for its line', async () => {
    const source = (text: string, line: number) => `
      struct ddebug { const char *module, *function, *file, *format; unsigned line : 18, class_id : 6, flags : 8; int pad; long key[2]; };
      #ifdef FIX
      #define TEXT "${text}"
      #define LINE ${line}
      #else
      #define TEXT "x"
      #define LINE 1
      #endif
      extern void debug(struct ddebug *);
      void f(void) { static struct ddebug section("__dyndbg") __attribute__((aligned(8))) used __UNIQUE_ID_ddebug12 = { "m", "f", "c", TEXT, LINE, 63 }; debug(&__UNIQUE_ID_ddebug12); }`;
    const moved = await comparePair(source('x', 70000));
    expect(moved.before.pieces.find((piece) => piece.section.name === '__dyndbg')?.size).toBe(56);
    expect([touched(moved), found(moved)]).toEqual([[], []]);
    const said = await comparePair(source('y', 1));
    expect([touched(said), found(said)]).toEqual([['f changed'], []]);
    // The same before 5.10.
    const old = (text: string, line: number) => source(text, line).replace('"__dyndbg"', '"__verbose"');
    expect(found(await comparePair(old('x', 70000)))).toEqual([]);
    expect(touched(await comparePair(old('y', 1)))).toEqual(['f changed']);
  });
});
