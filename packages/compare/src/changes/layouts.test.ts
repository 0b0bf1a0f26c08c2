import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { compareLayouts } from './layouts.ts';

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
  return compareLayouts(had, has).map(({ id, severity, what }) => `${id} ${severity} ${what}`);
}

describe('the layout of a structure', () => {
  const it_ = (members: string) => `struct inner { int x, y; }; struct it { ${members} };`;
  const base = 'int a; char b; long c; struct inner in; int *p; char name[8]; unsigned f1 : 3, f2 : 5;';

  test('is the same as itself', async () => {
    expect(await layouts(it_(base), it_(base))).toEqual([]);
  });

  test('changes with a member that is added, even in a gap', async () => {
    expect(await layouts(it_(base), it_(base.replace('long c;', 'char gap; long c;')))).toEqual([
      'KLP502 error struct it changes its layout: at offset 8 is c before, at offset 5 gap after',
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

  test('changes through a structure inside, which is named too', async () => {
    const grown = it_(base).replace('int x, y;', 'int x, y, z;');
    const found = await layouts(it_(base), grown);
    expect(found.map((line) => line.replace(/ changes.*/, ''))).toEqual([
      'KLP502 error struct inner',
      'KLP502 error struct it',
    ]);
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
      'KLP502 error struct it changes its layout: at offset 8 is c before, at offset 8 part.d2 after (16 bytes before, 24 after)',
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
