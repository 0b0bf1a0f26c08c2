import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ElfFile, findSection, readElf, readSymbols, sectionBytes } from '../elf/index.ts';
import { FormatError } from '../error.ts';
import { BTF_KIND, type Btf, readBtf, sameTypes } from './index.ts';

const source = `
struct in { int a; char b[3]; };
union u { long l; short s; };
typedef int (*cb_t)(const struct in *, unsigned long);
struct s {
  int x; struct in i[2];
  union { int q; struct { char deep0; short deep; }; union u w; };
  unsigned f1:3; unsigned f2:7; unsigned long wide:40;
  cb_t cb; const char *const name; struct s *next; volatile long v; enum e { A, B = -2 } en; double d;
  void (*arr[4])(int, ...); int matrix[3][5]; struct unknown *opaque;
};
struct s gs;
int func(struct s *s, const char *fmt, ...) { return s->x; }
cb_t pick(int n) { return gs.cb; }
void none(void) {}
#define AT(member) __builtin_offsetof(struct s, member)
unsigned long offsets[] = { AT(x), AT(i), AT(q), AT(deep), AT(w), AT(cb), AT(name), AT(next), AT(v), AT(en), AT(d), AT(arr), AT(matrix), AT(opaque) };
#define SIZE(member) sizeof(gs.member)
unsigned long sizes[] = { SIZE(x), SIZE(i), SIZE(q), SIZE(deep), SIZE(w), SIZE(cb), SIZE(name), SIZE(next), SIZE(v), SIZE(en), SIZE(d), SIZE(arr), SIZE(matrix), SIZE(opaque) };
unsigned long whole[] = { sizeof(struct s), sizeof(struct in), sizeof(union u) };
`;
const members = ['x', 'i', 'q', 'deep', 'w', 'cb', 'name', 'next', 'v', 'en', 'd', 'arr', 'matrix', 'opaque'];

/** The u64 values of a variable of the object. */
function values(elf: ElfFile, name: string): number[] {
  const symbols = readSymbols(elf);
  for (let index = 0; index < symbols.count; index++) {
    if (symbols.name(index) !== name) continue;
    const bytes = sectionBytes(elf, elf.sections[symbols.section[index]]);
    const view = new DataView(bytes.buffer, bytes.byteOffset + symbols.value[index], symbols.size[index]);
    return Array.from({ length: symbols.size[index] / 8 }, (_, place) =>
      Number(view.getBigUint64(place * 8, true)),
    );
  }
  return [];
}

let folder = '';
let elf: ElfFile;
let bytes: Uint8Array;
let btf: Btf;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-btf-'));
  writeFileSync(join(folder, 'a.c'), source);
  execFileSync('gcc-12', ['-gbtf', '-O1', '-c', '-o', join(folder, 'a.o'), join(folder, 'a.c')]);
  elf = readElf(readFileSync(join(folder, 'a.o')));
  const section = findSection(elf, '.BTF');
  bytes = Uint8Array.from(section ? sectionBytes(elf, section) : []);
  btf = readBtf(bytes);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the same types', () => {
  const compiled = (text: string): Btf => {
    writeFileSync(join(folder, 'b.c'), text);
    execFileSync('gcc-12', ['-gbtf', '-O1', '-c', '-o', join(folder, 'b.o'), join(folder, 'b.c')]);
    const other = readElf(readFileSync(join(folder, 'b.o')));
    const section = findSection(other, '.BTF');
    return readBtf(section ? sectionBytes(other, section) : new Uint8Array());
  };

  test('are the same wherever their names are, and whatever the variables are called', () => {
    const renamed = compiled(source.replaceAll('gs', 'a_longer_name'));
    expect([...renamed.find(BTF_KIND.VAR, 'a_longer_name'), ...btf.find(BTF_KIND.VAR, 'gs')]).toHaveLength(2);
    expect([renamed.count, sameTypes(btf, renamed)]).toEqual([btf.count, true]);
  });

  test.each([
    ['a member of another name', 'int a;', 'int z;'],
    ['a member of another type', 'int a;', 'unsigned a;'],
    ['another width of a bit-field', 'f1:3', 'f1:4'],
    ['another length of an array', 'b[3]', 'b[2]'],
    ['another value of an enumerator', 'B = -2', 'B = -3'],
    ['another name of an enumerator', 'B = -2', 'C = -2'],
    ['a type more', 'int x;', 'int x; struct more { int x; } more;'],
    ['another name of a type', 'cb_t', 'callback_t'],
  ])('are others with %s', (_, from, to) => {
    expect(sameTypes(btf, compiled(source.replaceAll(from, to)))).toBe(false);
  });
});

describe("what the compiler says of a unit's types", () => {
  test('offsets and sizes are those that the compiler works with', () => {
    const struct = btf.findStruct('s');
    expect(struct).toBeDefined();
    if (!struct) return;
    const found = members.map((name) => btf.findMember(struct, name));
    const offsets = values(elf, 'offsets');
    expect(offsets.length).toBe(members.length);
    expect(found.map((member) => (member?.offsetBits ?? -8) / 8)).toEqual(offsets);
    expect(found.map((member) => btf.sizeOf(member?.type ?? 0))).toEqual(values(elf, 'sizes'));
    const names = ['s', 'in', 'u'];
    expect(names.map((name) => btf.findStruct(name)?.sizeBytes)).toEqual(values(elf, 'whole'));
    expect(names.map((name) => btf.findStruct(name)?.union)).toEqual([false, false, true]);
  });

  test('bit-fields have a width', () => {
    const struct = btf.findStruct('s');
    const fields = struct?.members.filter(({ bits }) => bits !== undefined) ?? [];
    expect(fields.map(({ name, bits }) => [name, bits])).toEqual([
      ['f1', 3],
      ['f2', 7],
      ['wide', 40],
    ]);
    expect(fields[1].offsetBits - fields[0].offsetBits).toBe(3);
  });

  test('declarations are C', () => {
    // gcc 12 writes the dimensions of an array in reverse, so that one is tried below.
    const listed = btf.findStruct('s')?.members.filter(({ name }) => name !== 'matrix');
    expect(listed?.map(({ type, name }) => btf.declare(type, name))).toEqual([
      'int x',
      'struct in i[2]',
      'union {...}',
      'unsigned int f1',
      'unsigned int f2',
      'long unsigned int wide',
      'cb_t cb',
      'const char *const name',
      'struct s *next',
      'volatile long int v',
      'enum e en',
      'double d',
      'void (*arr[4])(int, ...)',
      'struct unknown *opaque',
    ]);
    expect(btf.declare(0)).toBe('void');
    const callback = btf.resolve(btf.find(BTF_KIND.TYPEDEF, 'cb_t')[0]);
    expect(btf.declare(callback, 'call')).toBe('int (*call)(const struct in *, long unsigned int)');
    expect(btf.declare(callback)).toBe('int (*)(const struct in *, long unsigned int)');
  });

  test('functions have prototypes', () => {
    const prototype = (name: string) => btf.declare(btf.findFunction(name)?.id ?? 0);
    expect(prototype('func')).toBe('int func(struct s *s, const char *fmt, ...)');
    expect(prototype('pick')).toBe('cb_t pick(int n)');
    expect(prototype('none')).toBe('void none(void)');
    expect(btf.findFunction('func')?.parameters.map(({ name }) => name)).toEqual(['s', 'fmt', '']);
    expect(btf.findFunction('s')).toBeUndefined();
  });

  test('enumerations have values, signed ones too', () => {
    const [id] = btf.find(BTF_KIND.ENUM, 'e');
    expect(btf.enumerators(id)).toEqual([
      { name: 'A', value: 0 },
      { name: 'B', value: -2 },
    ]);
    expect(() => btf.enumerators(btf.findStruct('s')?.id ?? 0)).toThrow('no enumeration');
  });

  test('types tell what they mention', () => {
    const inner = btf.findStruct('in')?.id ?? 0;
    const mentioned = btf.references(btf.findStruct('s')?.id ?? 0);
    expect(mentioned).toHaveLength(btf.findStruct('s')?.members.length ?? 0);
    const array = mentioned.find((id) => btf.kind(id) === BTF_KIND.ARRAY && btf.references(id)[0] === inner);
    expect(array).toBeDefined();
    const prototype = btf.references(btf.findFunction('func')?.id ?? 0)[0];
    expect(btf.references(prototype).map((id) => btf.declare(id))).toEqual([
      'int',
      'struct s *',
      'const char *',
      'void',
    ]);
    expect(btf.references(btf.find(BTF_KIND.INT, 'int')[0])).toEqual([]);
  });

  test('what is not there is not found', () => {
    expect(btf.findStruct('func')).toBeUndefined();
    expect(btf.find(BTF_KIND.INT, 'in')).toEqual([]);
    const struct = btf.findStruct('s');
    expect(struct && btf.findMember(struct, 'l')).toBeUndefined();
    expect(() => btf.name(btf.count)).toThrow(
      `btf: there is no type ${btf.count}; the last one is ${btf.count - 1}`,
    );
    expect(() => btf.struct(btf.findFunction('func')?.id ?? 0)).toThrow('no structure');
    expect(() => btf.sizeOf(btf.findFunction('func')?.id ?? 0)).toThrow('which has no size');
  });
});

/** A `.BTF` section of the given types (each a list of u32) and strings. */
function section(types: readonly (readonly number[])[], strings: string, little = true): Uint8Array {
  const words = types.flat();
  const text = new TextEncoder().encode(strings);
  const out = new Uint8Array(24 + words.length * 4 + text.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, 0xeb9f, little);
  out[2] = 1;
  [24, 0, words.length * 4, words.length * 4, text.length].forEach((value, index) => {
    view.setUint32(4 + index * 4, value, little);
  });
  words.forEach((value, index) => {
    view.setUint32(24 + index * 4, value, little);
  });
  out.set(text, 24 + words.length * 4);
  return out;
}

const kind = (number: number, vlen = 0) => number * 0x1000000 + vlen;

describe("a module's types", () => {
  // 1: int; 2: struct base { int a; }
  const base = readBtf(
    section(
      [
        [1, kind(BTF_KIND.INT), 4, 0x01000020],
        [5, kind(BTF_KIND.STRUCT, 1), 4, 10, 1, 0],
      ],
      '\0int\0base\0a\0',
    ),
  );
  // Strings go on at 12. 3: struct own { struct base b; int a; }; 4: int again, from this module.
  const split = section(
    [
      [12, kind(BTF_KIND.STRUCT, 2), 8, 16, 2, 0, 10, 1, 32],
      [1, kind(BTF_KIND.INT), 4, 0x01000020],
    ],
    'own\0b\0',
  );
  const module = readBtf(split, base);

  test("go on where the kernel's end, in ids and in strings", () => {
    expect(base.count).toBe(3);
    expect(module.count).toBe(5);
    const own = module.findStruct('own');
    expect(own?.id).toBe(3);
    expect(own?.members.map(({ type, name }) => module.declare(type, name))).toEqual([
      'struct base b',
      'int a',
    ]);
    expect(module.sizeOf(own?.members[0].type ?? 0)).toBe(4);
    expect(module.findStruct('base')?.members[0].name).toBe('a');
    expect(module.find(BTF_KIND.INT, 'int')).toEqual([1, 4]);
    expect(base.findStruct('own')).toBeUndefined();
  });

  test('are nothing without them', () => {
    expect(() => readBtf(split).findStruct('own')?.name).toThrow(FormatError);
    expect(() => readBtf(split, { ...base })).toThrow(TypeError);
  });
});

test('the outer dimension of an array comes first', () => {
  const arrays = readBtf(
    section(
      [
        [1, kind(BTF_KIND.INT), 4, 0x01000020],
        [0, kind(BTF_KIND.ARRAY), 0, 1, 1, 5],
        [0, kind(BTF_KIND.ARRAY), 0, 2, 1, 3],
        [0, kind(BTF_KIND.PTR), 3],
      ],
      '\0int\0',
    ),
  );
  expect(arrays.declare(3, 'matrix')).toBe('int matrix[3][5]');
  expect(arrays.declare(4, 'rows')).toBe('int (*rows)[3][5]');
  expect(arrays.sizeOf(3)).toBe(60);
});

test('the other byte order is read as well', () => {
  const swapped = readBtf(section([[1, kind(BTF_KIND.STRUCT, 0), 7]], '\0big\0', false));
  expect(swapped.findStruct('big')?.sizeBytes).toBe(7);
});

describe('damage', () => {
  test('of the header is told at once', () => {
    expect(() => readBtf(new Uint8Array(10))).toThrow('btf: the header needs 24 bytes, there are 10');
    expect(() => readBtf(new Uint8Array(24))).toThrow('expected the magic 0xeb9f at 0x0, found 0x0');
    const version = bytes.slice();
    version[2] = 2;
    expect(() => readBtf(version)).toThrow('version 2 at 0x2');
    expect(() => readBtf(bytes.slice(0, -1))).toThrow('the section ends at');
    expect(() => readBtf(section([[1, kind(25), 0]], '\0a\0'))).toThrow('unknown kind 25 at 0x1c');
    expect(() => readBtf(section([[1, kind(BTF_KIND.STRUCT, 2), 0, 1, 1, 1]], '\0a\0'))).toThrow(
      'at 0x18 is cut off',
    );
  });

  test('circles are noticed', () => {
    const circle = readBtf(
      section(
        [
          [1, kind(BTF_KIND.TYPEDEF), 2],
          [1, kind(BTF_KIND.CONST), 1],
          [1, kind(BTF_KIND.PTR), 3],
          [0, kind(BTF_KIND.ARRAY), 0, 4, 1, 2],
          // A function that takes itself twice: without a bound its declaration doubles for ever.
          [0, kind(BTF_KIND.FUNC_PROTO, 2), 0, 1, 5, 1, 5],
          [1, kind(BTF_KIND.STRUCT, 1), 4, 0, 6, 0],
        ],
        '\0a\0',
      ),
    );
    expect(() => circle.resolve(1)).toThrow('type 1 leads in a circle');
    expect(() => circle.sizeOf(4)).toThrow('type 4 leads in a circle');
    for (const id of [3, 4, 5]) expect(() => circle.declare(id)).toThrow('has no end');
    expect(circle.findMember(circle.struct(6), 'x')).toBeUndefined();
  });

  test('anywhere gives a value or a FormatError', () => {
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(changes, fc.nat(1000), (list, end) => {
        const damaged = end < 100 ? bytes.slice(0, end * 10) : bytes.slice();
        for (const [at, value] of list) if (at < damaged.length) damaged[at] = value;
        const tries: (() => unknown)[] = [];
        try {
          const read = readBtf(damaged);
          for (let id = 0; id < read.count; id++)
            tries.push(
              () => read.declare(id, 'x'),
              () => read.sizeOf(id),
              () => read.findMember(read.struct(id), 'deep'),
              () => read.find(read.kind(id), read.name(id)),
            );
          tries.push(() => read.findFunction('func'));
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
        for (const attempt of tries)
          try {
            attempt();
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
          }
      }),
      { numRuns: 300 },
    );
  });
});
