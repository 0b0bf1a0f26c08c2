import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { compareTypes } from './compare.ts';
import { enumFinding, layoutFinding } from './findings.ts';

/** What `-gbtf` says of the types of a unit. */
async function typesOf(source: string): Promise<Uint8Array> {
  const elf = readElf(await compile(source, ['-gbtf']));
  const section = findSection(elf, '.BTF');
  if (!section) throw new Error('no types');
  return sectionBytes(elf, section);
}

/** Findings between two versions of some declarations, which a function uses. */
async function layouts(before: string, after: string, used = 'struct it *'): Promise<string[]> {
  const unit = (declarations: string) =>
    typesOf(`${declarations}\nint f(${used} p) { use((void *)p); return 1; }`);
  const [had, has] = await Promise.all([unit(before), unit(after)]);
  const { layouts: changed, enums } = compareTypes(had, has);
  return [...changed.map((one) => layoutFinding(one)), ...enums.map((one) => enumFinding(one))].map(
    ({ id, severity, what }) => `${id} ${severity} ${what}`,
  );
}

describe('the layout of a structure', () => {
  const it_ = (members: string) => `struct inner { int x, y; }; struct it { ${members} };`;
  const base = 'int a; char b; long c; struct inner in; int *p; char name[8]; unsigned f1 : 3, f2 : 5;';

  test('is the same as itself', async () => {
    expect(await layouts(it_(base), it_(base))).toEqual([]);
  });

  test('changes with a member that is added, even in a gap', async () => {
    expect(await layouts(it_(base), it_(base.replace('long c;', 'char gap; long c;')))).toEqual([
      'KLP502 error struct it changes its layout: gap is added at offset 5, in what was padding',
    ]);
    expect(await layouts(it_(base), it_(`${base} long last;`))).toEqual([
      'KLP502 error struct it changes its layout: last is added at offset 48 (48 bytes before, 56 after)',
    ]);
  });

  test('changes with one that goes, moves, or grows', async () => {
    expect(await layouts(it_(base), it_(base.replace(' unsigned f1 : 3, f2 : 5;', '')))).toEqual([
      'KLP502 error struct it changes its layout: f1 at offset 40 is gone (48 bytes before, 40 after)',
    ]);
    expect(await layouts(it_(base), it_(base.replace('int a; char b;', 'char b; int a;')))).toEqual([
      'KLP502 error struct it changes its layout: at offset 0 is a before, at offset 0 b after',
    ]);
    expect(await layouts(it_(base), it_(base.replace('name[8]', 'name[16]')))).toEqual([
      'KLP502 error struct it changes its layout: name is at offset 32 with 64 bits before, at offset 32 with 128 bits after (48 bytes before, 56 after)',
    ]);
    expect(await layouts(it_(base), it_(base.replace('f1 : 3', 'f1 : 4')))).toHaveLength(1);
    expect(await layouts(it_(base), `${it_(base).slice(0, -1)} __attribute__((aligned(64)));`)).toEqual([
      'KLP502 error struct it changes its layout: its size (48 bytes before, 64 after)',
    ]);
  });

  test('changes through a structure inside, and is told with that one', async () => {
    const outer = `${it_(base)} struct outer { struct { struct it list[2]; } unnamed; };`;
    const grown = outer.replace('int x, y;', 'int x, y, z;');
    expect(await layouts(outer, grown, 'struct outer *')).toEqual([
      'KLP502 error struct inner changes its layout: z is added at offset 8 (8 bytes before, 12 after); so does what holds one: struct it, struct outer',
    ]);
    // One that changes by itself as well is told for itself.
    const both = grown.replace('char b;', 'char b; char more;');
    expect(await layouts(outer, both, 'struct outer *')).toEqual([
      'KLP502 error struct inner changes its layout: z is added at offset 8 (8 bytes before, 12 after); so does what holds one: struct it, struct outer',
      'KLP502 error struct it changes its layout: more is added at offset 5, in what was padding (48 bytes before, 56 after); so does what holds one: struct outer',
    ]);
  });

  test('changes with bits in what was padding between bit-fields', async () => {
    const bits = it_('unsigned low : 3; unsigned : 5; unsigned high : 8;');
    expect(await layouts(bits, bits.replace('unsigned : 5;', 'unsigned gap : 2; unsigned : 3;'))).toEqual([
      'KLP502 error struct it changes its layout: gap is added at bit 3, in what was padding',
    ]);
    expect(await layouts(bits, bits.replace('unsigned : 5', 'unsigned : 4; unsigned : 1'))).toEqual([]);
  });

  test('changes with what a member is, at the same place and size', async () => {
    const told = async (was: string, is: string) =>
      (await layouts(`struct q { int z; }; ${it_(was)}`, `struct q { int z; }; ${it_(is)}`)).map((line) =>
        line.replace(/.*layout: /, ''),
      );
    expect(await told('long c;', 'int *c;')).toEqual([
      'c at offset 0 is a number of 64 bits before, a pointer after',
    ]);
    expect(await told('short c[4];', 'char c[8];')).toEqual([
      'c at offset 0 is 4 of a number of 16 bits before, 8 of a number of 8 bits after',
    ]);
    expect(await told('struct inner *c;', 'struct q *c;')).toEqual([
      'c at offset 0 is a pointer to struct inner before, a pointer to struct q after',
    ]);
    expect(await told('struct inner *c;', 'void *c;')).toEqual([]);
    expect(await told('int c[2][3];', 'int c[3][2];')).toEqual([]);
    expect(await told('enum { A, B } c;', 'unsigned c;')).toEqual([]);
  });

  test('of an unnamed one is told by its typedef', async () => {
    const alias = 'typedef struct { int a; char b; } it_t;';
    const grown = alias.replace('char b;', 'char b, gap;');
    expect(await layouts(alias, grown, 'it_t *')).toEqual([
      'KLP502 error it_t changes its layout: gap is added at offset 5, in what was padding',
    ]);
    expect(await layouts(alias, `typedef char other; ${alias}`, 'it_t *')).toEqual([]);
  });

  test('that is completed by the fix, or only declared by it, is none', async () => {
    const opaque = 'struct it;';
    const complete = 'struct it { int a; };';
    expect(await layouts(opaque, complete)).toEqual([]);
    expect(await layouts(complete, opaque)).toEqual([]);
  });

  test('of one of several types of a name is told', async () => {
    const two = (more: string) => `
      struct it { int a; };
      int one(void) { struct it { long b; } v = { 1 }; use(&v); return v.b; }${more}`;
    expect(await layouts(two(''), two('').replace('int a;', 'int a, c;'))).toHaveLength(1);
    expect(await layouts(two(''), two(''))).toEqual([]);
  });

  test('does not change with types of one size, comments, or order of declarations', async () => {
    expect(
      await layouts(it_(base), it_(base.replace('int a', 'unsigned a').replace('int *p', 'void *p'))),
    ).toEqual([]);
    expect(await layouts(it_(base), `struct more { int z; };\n${it_(base)}`)).toEqual([]);
    // A structure that only the fixed unit has is new.
    expect(await layouts(it_(base), `${it_(base)} struct fresh { long a; }; struct fresh made;`)).toEqual([]);
  });

  test('takes unnamed structures and unions for their members', async () => {
    const flat = it_('int a; int b; long c;');
    const nested = it_('struct { int a; int b; }; union { long c; };');
    expect(await layouts(flat, nested)).toEqual([]);
    const swapped = it_('struct { int b; int a; }; union { long c; };');
    expect(await layouts(nested, swapped)).toHaveLength(1);
    const inside = it_('struct { int a; int b; } part; union { long c; long d; };');
    expect(await layouts(inside, inside.replace('int b; }', 'int b; int d2; }'))).toEqual([
      'KLP502 error struct it changes its layout: part.d2 is added at offset 8 (16 bytes before, 24 after)',
    ]);
  });

  test('of a union counts as well', async () => {
    const found = await layouts('union it { int a; };', 'union it { int a; long b; };', 'union it *');
    expect(found).toEqual([
      'KLP502 error union it changes its layout: b is added at offset 0 (4 bytes before, 8 after)',
    ]);
  });

  test('of incomplete arrays and pointers to itself ends', async () => {
    const list = it_('struct it *next; int count; int items[];');
    expect(await layouts(list, list)).toEqual([]);
    expect(await layouts(list, list.replace('int count', 'long count'))).toHaveLength(1);
  });

  test('inside a function concerns nobody else', async () => {
    const local = (members: string) => `
      int one(void) { struct local { int a; } v = { 1 }; use(&v); return v.a; }
      int two(void) { struct local { ${members} } v = { 2 }; use(&v); return v.a; }
      struct it { int a; };`;
    expect(await layouts(local('int a, b;'), local('int a, b, c;'))).toEqual([]);
    // The premise: the same at file scope is told.
    const outside = (members: string) =>
      `struct local { ${members} }; int two(void) { struct local v = { 2 }; use(&v); return v.a; } struct it { int a; };`;
    expect(await layouts(outside('int a, b;'), outside('int a, b, c;'))).toHaveLength(1);
  });
});
