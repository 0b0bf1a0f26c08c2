import { type ElfFile, findSection, readBtf, readElf } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { compareTypes, typesOfObjects } from './compare.ts';
import { enumFinding, layoutFinding } from './findings.ts';
import { layoutDifference } from './layouts.ts';
import { compareSignatures } from './signatures.ts';

const clangFlags = ['-std=gnu11', '-O2', '-w', '-ffreestanding', '-fno-pie', '-mcmodel=kernel', '-mno-sse'];

type Make = (source: string) => Promise<Uint8Array>;
const bigEndian = (flag: string) => (source: string) =>
  compile(source, [flag], ['-std=gnu11', '-O2', '-w', '-ffreestanding'], 's390x-linux-gnu-gcc-12');
const gccTypes: Make = (source) => compile(source, ['-gbtf']);

/** What knows the types, in both versions of DWARF and with the old way to place bit-fields; and gcc's BTF for the machine. */
const compilers: readonly [string, Make, Make?][] = [
  ['gcc-12 -gdwarf-5', (source) => compile(source, ['-gdwarf-5'])],
  ['gcc-12 -gdwarf-4', (source) => compile(source, ['-gdwarf-4'])],
  ['gcc-12 -gdwarf-2', (source) => compile(source, ['-gdwarf-2', '-gstrict-dwarf'])],
  ['clang-19 -gdwarf-5', (source) => compile(source, ['-gdwarf-5'], clangFlags, 'clang-19')],
  ['clang-19 -gdwarf-4', (source) => compile(source, ['-gdwarf-4'], clangFlags, 'clang-19')],
  ['gcc-12 for s390x -gdwarf-3', bigEndian('-gdwarf-3'), bigEndian('-gbtf')],
];

const declarations = `
  typedef unsigned int u32;
  struct inner { int x, y; };
  struct later;
  enum state { OFF = -1, ON, GONE = 0xfff, LAST = 7 };
  typedef struct { char first; short second; } pair_t;
  struct it {
    int a; char b; long c; struct inner in[2][3]; const volatile u32 *p; char name[8];
    unsigned f1 : 3, f2 : 5, : 4, f3 : 20; u32 f4 : 1; enum state state; pair_t pair; struct later *later;
    union { long big; struct { short low, high; }; }; int (*call)(struct it *, int, ...); _Bool yes;
    __int128 huge; void *any; struct it *next; unsigned long long f5 : 40; char tail[];
  };`;
const uses = `
  int f(struct it *p, enum state s) { use(p); return p->a + s; }
  static pair_t made; void *g(const char *name, long count) { use(&made); return (void *)(name + count); }`;

describe.each(compilers)('types from the debug information of %s', (_, make, makeBtf = gccTypes) => {
  const made = new Map<string, Promise<ElfFile>>();
  const elfOf = (source: string): Promise<ElfFile> => {
    const elf = made.get(source) ?? make(source).then(readElf);
    made.set(source, elf);
    return elf;
  };
  /** Findings between two versions of the declarations. */
  const told = async (before: string, after: string) => {
    const [had, has] = await Promise.all([elfOf(before + uses), elfOf(after + uses)]);
    expect(findSection(had, '.BTF')).toBeUndefined();
    const types = typesOfObjects(had, has);
    expect(types?.from).toBe('DWARF');
    if (!types) return [];
    const { layouts, enums } = compareTypes(types.before, types.after);
    const facts = { from: types.from };
    return [
      ...layouts.map((one) => layoutFinding(one, facts)),
      ...enums.map((one) => enumFinding(one, facts)),
    ].map(({ id, what, evidence }) => `${id} ${what} [${evidence?.[0]}]`);
  };
  const replaced = (from: string, to: string) => {
    if (!declarations.includes(from)) throw new Error(from);
    return told(declarations, declarations.replace(from, to));
  };
  const from = '[types that the compiler wrote for both sides (DWARF)]';

  test('are those that gcc writes as BTF', async () => {
    const [dwarf, plain] = await Promise.all([
      elfOf(declarations + uses),
      makeBtf(declarations + uses).then(readElf),
    ]);
    const ours = typesOfObjects(dwarf, dwarf);
    const theirs = typesOfObjects(plain, plain);
    expect([ours?.from, theirs?.from]).toEqual(['DWARF', 'BTF']);
    const [a, b] = [readBtf(ours?.before as Uint8Array), readBtf(theirs?.before as Uint8Array)];
    for (const name of ['it', 'inner']) {
      const [mine, known] = [a.findStruct(name), b.findStruct(name)];
      if (!mine || !known) throw new Error(`${name} is not there`);
      expect(layoutDifference(a, mine, b, known)).toBeUndefined();
      expect(mine.sizeBytes).toBe(known.sizeBytes);
      expect(mine.members.map(({ offsetBits, bits }) => [offsetBits, bits])).toEqual(
        known.members.map(({ offsetBits, bits }) => [offsetBits, bits]),
      );
    }
    expect(compareTypes(theirs?.before as Uint8Array, ours?.before as Uint8Array)).toEqual({
      layouts: [],
      enums: [],
    });
    const call = a.findMember(a.findStruct('it') as never, 'call');
    expect(a.declare(call?.type ?? 0, 'call')).toBe('int (*call)(struct it *, int, ...)');
    const p = a.findMember(a.findStruct('it') as never, 'p');
    expect(a.declare(p?.type ?? 0, 'p')).toMatch(/^(const volatile|volatile const) u32 \*p$/);
    const [g] = [a.findFunction('g')];
    expect(g?.parameters.map(({ name, type }) => a.declare(type, name))).toEqual([
      'const char *name',
      expect.stringMatching(/^long( int)? count$/),
    ]);
  });

  test('are the same as themselves', async () => {
    expect(await told(declarations, declarations)).toEqual([]);
    expect(await replaced('struct later;', 'struct later; struct fresh { int z; };')).toEqual([]);
  });

  test('show members that come, go, move, or become something else', async () => {
    expect(await replaced('char b;', 'char b, gap;')).toEqual([
      `KLP502 struct it changes its layout: gap is added at offset 5, in what was padding ${from}`,
    ]);
    expect(await replaced('struct inner { int x, y; }', 'struct inner { int x, y, z; }')).toEqual([
      expect.stringMatching(/^KLP502 struct inner changes .*z is added at offset 8 .*holds one: struct it/),
    ]);
    expect(await replaced('f1 : 3, f2 : 5', 'f1 : 4, f2 : 4')).toEqual([
      expect.stringMatching(
        /^KLP502 struct it changes .*f1 is at offset 80 with 3 bits before, at offset 80 with 4/,
      ),
    ]);
    expect(await replaced('struct it *next', 'struct inner *next')).toHaveLength(1);
    expect(await replaced('void *any', 'long any')).toHaveLength(1);
    expect(await replaced('name[8]', 'name[16]')).toHaveLength(1);
  });

  test('show typedefs of unnamed ones, and enumerators', async () => {
    expect(await replaced('char first;', 'char first, gap;')).toEqual([
      expect.stringMatching(/^KLP502 pair_t changes .*gap is added at offset 1/),
      expect.stringMatching(/^KLP502 struct it changes .*pair.gap is added/),
    ]);
    expect(await replaced('OFF = -1', 'OFF = -2')).toEqual([expect.stringMatching(/^KLP504 .*OFF/)]);
    expect(await replaced('GONE = 0xfff', 'GONE = 0xffe')).toHaveLength(1);
  });

  test('show prototypes', async () => {
    const [had, has] = await Promise.all(
      ['long count', 'int count'].map((text) => elfOf(declarations + uses.replace('long count', text))),
    );
    const types = typesOfObjects(had as ElfFile, has as ElfFile);
    const found = compareSignatures(types?.before as Uint8Array, types?.after as Uint8Array, ['f', 'g']);
    expect(found.map(({ what }) => what)).toEqual([
      expect.stringMatching(
        /^g changes .*\(const char \*, long( int)?\) before, void \* \(const char \*, int\) after$/,
      ),
    ]);
  });

  test('inside of functions concern nobody else', async () => {
    const local = (members: string) =>
      `${declarations} int h(void) { struct local { ${members} } v = { 1 }; use(&v); return v.m; }`;
    expect(await told(local('int m;'), local('int m, n;'))).toEqual([]);
  });
});

test('types are not made of BTF on the one side and debug information on the other', async () => {
  const [btf, debug, none] = await Promise.all(
    [['-gbtf'], ['-g'], ['-g0']].map(async (flags) => readElf(await compile(declarations + uses, flags))),
  );
  expect(typesOfObjects(btf as ElfFile, debug as ElfFile)).toBeUndefined();
  expect(typesOfObjects(debug as ElfFile, none as ElfFile)).toBeUndefined();
  expect(typesOfObjects(debug as ElfFile, debug as ElfFile)?.from).toBe('DWARF');
});
