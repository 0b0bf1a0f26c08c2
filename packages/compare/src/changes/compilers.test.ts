import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Refusal } from '@klpkit/findings';
import { FormatError, R_X86_64, SHF, STB, STT, writeObject } from '@klpkit/formats';
import { beforeAll, describe, expect, test } from 'vitest';
import { readObjectModel } from '../model/model.ts';
import {
  comparePair,
  compile,
  found,
  kernelFlags,
  namesOf,
  touched,
  touchedData,
  why,
} from '../testing/compile.ts';
import { machines } from '../testing/machines.ts';
import { compareObjects } from './compare.ts';
import type { Comparison } from './types.ts';

const run = promisify(execFile);

const without = (...flags: string[]) => kernelFlags.filter((flag) => !flags.includes(flag));
/** Clang records the calls of __fentry__ only where objtool is told to. */
const clangFlags = without('-mrecord-mcount');
const arm64Flags = machines.find(({ name }) => name === 'arm64')?.flags ?? [];

/** Compilers with what they name differently from gcc 12. */
const compilers: readonly (readonly [name: string, compiler: string, flags: readonly string[]])[] = [
  ['gcc-11', 'gcc-11', kernelFlags],
  [
    'gcc-11 with shared sections',
    'gcc-11',
    without('-ffunction-sections', '-fdata-sections', '-fno-jump-tables'),
  ],
  ['clang-14', 'clang-14', clangFlags],
  ['clang-19', 'clang-19', clangFlags],
  ['clang-19 with kCFI', 'clang-19', [...clangFlags, '-fsanitize=kcfi']],
  [
    'clang-19 with shared sections',
    'clang-19',
    clangFlags.filter((flag) => !/sections|jump-tables/.test(flag)),
  ],
  [
    'clang-19 for arm64 with kCFI',
    'clang-19',
    [
      '--target=aarch64-linux-gnu',
      ...arm64Flags.filter((flag) => flag !== '-freorder-blocks-and-partition'),
      '-fsanitize=kcfi',
    ],
  ],
  [
    'clang-19 for s390x',
    'clang-19',
    [
      '--target=s390x-linux-gnu',
      '-O2',
      '-w',
      '-ffreestanding',
      '-fno-pie',
      '-ffunction-sections',
      '-fdata-sections',
    ],
  ],
];

const unit = `
  #ifdef FIX
  #define PICK(a, b) (b)
  #else
  #define PICK(a, b) (a)
  #endif
  int limit(int n) { return external(n) > PICK(32, 64); }
  int limit_twin(int n) { return external(n) > 32; }
  void say(void) { printk(PICK("short\\n", "much longer than before\\n")); printk("tail\\n"); }
  void say_twin(void) { printk("tail\\n"); printk("short\\n"); }
  #ifdef FIX
  int counter_new(void) { static int count; return external(count++); }
  #endif
  int counter_a(void) { static int count; return external(++count); }
  int counter_b(void) { static int count = 4; printk("b"); return external(count *= 2); }
  int worker(int n) { if (unlikely(n == 12345)) { cold_external(PICK("rare", "rarer")); cold_external("twice"); } return external(n) + 1; }
  int worker_twin(int n) { if (unlikely(n == 12345)) { cold_external("rare"); cold_external("twice"); } return external(n) + 2; }
  struct ops { int (*open)(int); const char *name; };
  extern int handler(int);
  const struct ops table[] = { { handler, "one" }, { external, "two" } };
  int chosen(unsigned n) { switch (n) { case 0: return 3; case 1: return 17; case 2: return PICK(4, 5); case 3: return 99; case 4: return 2; } return external(0); }
  int chosen_twin(unsigned n) { switch (n) { case 0: return 7; case 1: return 18; case 2: return 5; case 3: return 98; case 4: return 1; } return external(0); }
  const char *named(unsigned n) { switch (n) { case 0: return "zero"; case 1: return "one"; case 2: return PICK("two", "2"); case 3: return "three"; case 4: return "four"; } return 0; }
  const char *named_twin(unsigned n) { switch (n) { case 0: return "zero"; case 1: return "one"; case 2: return "two"; case 3: return "three"; case 4: return "for"; } return 0; }
  static struct ops live = { handler, "live" };
  int through(int n) { use(&live); return live.open(n); }
  static noinline int inner(int n) { return external(n) * 3; }
  int calls_inner(int n) { return inner(n) + 1; }
  const char *self(void) { use(__func__); return __FUNCTION__; }
  static int hidden_one, hidden_two;
  int own(void) { use(PICK(&hidden_one, &hidden_two)); return external(1); }
  int own_twin(void) { use(&hidden_one); use(&hidden_two); return external(1); }
`;

describe.each(compilers)('an object of %s', (_, compiler, flags) => {
  let c: Comparison;
  beforeAll(async () => {
    const [before, after] = await Promise.all([
      compile(unit, [], flags, compiler),
      compile(unit, ['-DFIX'], flags, compiler),
    ]);
    c = compareObjects(readObjectModel(before), readObjectModel(after));
  });

  test('shows its changes, and those only', () => {
    const cold = compiler.startsWith('gcc') ? ['worker.cold changed'] : [];
    expect(touched(c)).toEqual([
      'chosen changed',
      'counter_new new',
      'limit changed',
      'named changed',
      'own changed',
      'say changed',
      'worker changed',
      ...cold,
    ]);
    expect(why(c, 'say')).toBe('reference: "short\\n" -> "much longer than before\\n"');
    expect(why(c, 'own')).toBe('reference: hidden_one -> hidden_two');
    expect(touchedData(c)).toEqual([expect.stringMatching(/^(counter_new\.count|count\.\d) new$/)]);
    expect(found(c).filter((text) => !text.startsWith('KLP123'))).toEqual([]);
  });

  test('is equal to itself', () => {
    const same = compareObjects(c.after, c.after);
    expect([touched(same), touchedData(same), found(same)]).toEqual([[], [], []]);
  });
});

describe('type hashes (kCFI)', () => {
  const source = `
    #ifdef FIX
    int hook(unsigned long n) { return external((int)n); }
    #else
    int hook(long n) { return external((int)n); }
    #endif
    int twin(long n) { return external((int)n) + 1; }
    int (*const hooks[])(long) = { (int (*)(long))hook, twin };`;

  test.each([
    ['x86-64', [...clangFlags, '-fsanitize=kcfi']],
    ['arm64', compilers.find(([name]) => name.includes('arm64'))?.[2] ?? []],
  ])('a prototype changes and the code stays, on %s', async (_, flags) => {
    const of = async (more: string[]) => readObjectModel(await compile(source, more, flags, 'clang-19'));
    const c = compareObjects(await of([]), await of(['-DFIX']));
    expect(touched(c)).toEqual(['hook changed']);
    expect(why(c, 'hook')).toMatch(/^code: type hash [0-9a-f]+ -> type hash [0-9a-f]+$/);
  });

  test('without them nothing changes', async () => {
    const of = async (more: string[]) => readObjectModel(await compile(source, more, clangFlags, 'clang-19'));
    expect(touched(compareObjects(await of([]), await of(['-DFIX'])))).toEqual([]);
  });
});

describe('objects that objtool has seen', () => {
  /** Two functions with named padding before them and a return that is listed, as 6.2 and later write single objects. */
  const object = (constant: number, padding: number) => {
    const body = [0xb8, constant, 0, 0, 0, 0xe9, 0, 0, 0, 0];
    const code = (bytes: number[]) => Uint8Array.from([...Array(padding).fill(0x90), ...bytes]);
    const flags = SHF.ALLOC | SHF.EXECINSTR;
    const site = (section: number) => ({
      offset: (section - 2) * 4,
      type: R_X86_64.PC32,
      symbol: section,
      addend: padding + 5,
    });
    return readObjectModel(
      writeObject({
        sections: [
          {
            name: '.text.f',
            flags,
            data: code(body),
            relocations: [{ offset: padding + 6, type: R_X86_64.PLT32, symbol: 4, addend: -4 }],
          },
          {
            name: '.text.g',
            flags,
            data: code([0xb8, 7, 0, 0, 0, 0xe9, 0, 0, 0, 0]),
            relocations: [{ offset: padding + 6, type: R_X86_64.PLT32, symbol: 4, addend: -4 }],
          },
          {
            name: '.return_sites',
            flags: SHF.ALLOC,
            data: new Uint8Array(8),
            entsize: 4,
            relocations: [site(2), site(3)],
          },
          { name: '.orc_unwind', flags: SHF.ALLOC, data: Uint8Array.of(constant, 1, 2, 3, 4, 5), entsize: 6 },
        ],
        symbols: [
          { name: '__pfx_f', section: 0, size: padding, type: STT.FUNC },
          { name: '__pfx_g', section: 1, size: padding, type: STT.FUNC },
          { name: '', section: 0, type: STT.SECTION },
          { name: '', section: 1, type: STT.SECTION },
          { name: '__x86_return_thunk', binding: STB.GLOBAL },
          { name: 'f', section: 0, value: padding, size: 10, type: STT.FUNC, binding: STB.GLOBAL },
          { name: 'g', section: 1, value: padding, size: 10, type: STT.FUNC, binding: STB.GLOBAL },
        ],
      }),
    );
  };

  test('a change shows in its function alone, not in its prefix and not in the tables', () => {
    const c = compareObjects(object(1, 16), object(2, 16));
    expect(namesOf(c.before)).toContain('__pfx_f');
    expect([touched(c), touchedData(c), found(c)]).toEqual([['f changed'], [], []]);
    const same = compareObjects(object(1, 16), object(1, 16));
    expect([touched(same), found(same)]).toEqual([[], []]);
  });

  test('padding of another size is no change', () => {
    const c = compareObjects(object(1, 16), object(1, 32));
    expect([touched(c), found(c)]).toEqual([[], []]);
  });
});

describe('what is no object to compare', () => {
  const source =
    'static noinline int inner(int n) { return external(n) * 3 + external(n + 1) + external(n + 2); }\nint f(int n) { return inner(n) + 1; }';
  const inFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
    const folder = await mkdtemp(join(tmpdir(), 'klpkit-compare-'));
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  /** The object after a program of binutils worked on it in place. */
  const treated = (object: Uint8Array, program: string, ...args: string[]) =>
    inFolder(async (folder) => {
      const path = join(folder, 'unit.o');
      await writeFile(path, object);
      await run(program, [...args, path]);
      return new Uint8Array(await readFile(path));
    });
  const reading = (bytes: Uint8Array) => () => readObjectModel(bytes);

  test('LLVM bitcode', async () => {
    const bytes = await compile(source, ['-flto'], clangFlags, 'clang-19');
    expect(reading(bytes)).toThrow(FormatError);
    expect(reading(bytes)).toThrow(
      /^elf: the magic 0xdec04342 at offset 0 is that of LLVM bitcode, expected 0x464c457f/,
    );
  });

  test("gcc's intermediate code, unless there is machine code beside it", async () => {
    const slim = await compile(source, ['-flto', '-fno-fat-lto-objects']);
    expect(reading(slim)).toThrow(
      /^elf: section \d+ \(\.gnu\.lto_\S+\) has 0x\w+ bytes of gcc's intermediate code/,
    );
    const fat = await compile(source, ['-flto', '-ffat-lto-objects', '-fno-ipa-sra', '-fno-ipa-cp']);
    expect(namesOf(readObjectModel(fat))).toEqual(expect.arrayContaining(['f', 'inner']));
  });

  test('a stripped object', async () => {
    const bytes = await treated(await compile(source), 'strip', '--strip-all');
    expect(reading(bytes)).toThrow(
      /^elf: section \d+ \(\.text\S*\) has 0x\w+ bytes of code, but there is no symbol table/,
    );
  });

  test.each([
    ['that is called', 'inner', '* 3', '* 5', ['f changed'], ['unknown-content .text']],
    ['that nothing refers to', 'f', '+ 1;', '+ 1 + external(n);', [], ['unknown-content .text']],
  ])(
    'code %s and that no symbol names is not passed over',
    async (_, symbol, from, to, functions, findings) => {
      const flags = ['-fno-function-sections', '-fno-ipa-sra', '-fno-ipa-ra'];
      const of = async (text: string) =>
        readObjectModel(await treated(await compile(text, flags), 'objcopy', `--strip-symbol=${symbol}`));
      const before = await of(source);
      const c = compareObjects(before, await of(source.replace(from, to)));
      expect(namesOf(before)).toHaveLength(1);
      expect([touched(c), found(c)]).toEqual([functions, findings]);
      const same = compareObjects(before, before);
      expect([touched(same), found(same)]).toEqual([[], []]);
    },
  );

  test('a linked program', async () => {
    const object = await compile(source, ['-DEXTERNAL']);
    const bytes = await inFolder(async (folder) => {
      await writeFile(join(folder, 'unit.o'), object);
      await run('ld', [
        '--unresolved-symbols=ignore-all',
        '-e',
        '0',
        '-o',
        join(folder, 'out'),
        join(folder, 'unit.o'),
      ]);
      return new Uint8Array(await readFile(join(folder, 'out')));
    });
    expect(reading(bytes)).toThrow(
      /^elf: type 2 \(a linked program or kernel\) at offset 16, expected 1 \(relocatable\)$/,
    );
  });

  const refusal = (work: () => unknown): string[] => {
    try {
      work();
    } catch (error) {
      if (error instanceof Refusal) return error.findings.map(({ id, what }) => `${id}: ${what}`);
      throw error;
    }
    return [];
  };

  test('another machine on one side', async () => {
    const [x86, arm] = [
      await compile(source),
      await compile(source, [], arm64Flags, 'aarch64-linux-gnu-gcc-12'),
    ];
    expect(refusal(() => compareObjects(readObjectModel(x86), readObjectModel(arm)))).toEqual([
      'other-machine: the object before is for x86-64 (ELF machine 62), the one after for arm64 (ELF machine 183)',
    ]);
  });

  test('another compiler on one side is said once, and compared all the same', async () => {
    const [old, now] = [await compile(source, [], kernelFlags, 'gcc-11'), await compile(source)];
    const c = compareObjects(readObjectModel(old), readObjectModel(now));
    expect(found(c)).toContain('KLP141 .comment');
    expect(c.findings[0].what).toMatch(
      /^the two sides come from different compilers: GCC: \S.* 11\.\S+ before, GCC: \S.* 12\.\S+ after$/,
    );
    expect(found(await comparePair(source))).toEqual([]);
  });

  test('one side before objtool, the other after it', () => {
    const object = (name: string) =>
      readObjectModel(
        writeObject({
          sections: [
            {
              name: '.text.f',
              flags: SHF.ALLOC | SHF.EXECINSTR,
              data: Uint8Array.of(0xc3),
            },
            { name, flags: SHF.ALLOC, data: new Uint8Array(4) },
          ],
          symbols: [{ name: 'f', section: 0, size: 1, type: STT.FUNC, binding: STB.GLOBAL }],
        }),
      );
    const [raw, done] = [object('.rodata'), object('.return_sites')];
    expect(refusal(() => compareObjects(raw, done))).toEqual([
      'objtool-stage: the object after went through objtool (it has section 2, .return_sites), the one before did not',
    ]);
    expect(refusal(() => compareObjects(done, done))).toEqual([]);
  });

  test('a pool of strings on Power that changes', async () => {
    const flags = [
      '--target=powerpc64le-linux-gnu',
      '-O2',
      '-w',
      '-ffreestanding',
      '-fno-pie',
      '-fdata-sections',
    ];
    const text = (last: string) => `void f(void) { printk("a"); printk("b"); printk("${last}"); }`;
    const of = async (last: string) => readObjectModel(await compile(text(last), [], flags, 'clang-19'));
    const [before, after] = [await of('c'), await of('d')];
    expect(refusal(() => compareObjects(before, after))).toEqual([
      expect.stringMatching(/^KLP140: \.rodata\.\.L__ModuleStringPool/),
    ]);
    expect(refusal(() => compareObjects(before, before))).toEqual([]);
  });
});
