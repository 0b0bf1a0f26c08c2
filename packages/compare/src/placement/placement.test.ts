import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FormatError } from '@klpkit/formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readObjectModel } from '../model/model.ts';
import { readIpaClones } from './clones.ts';
import { cloneKind, sourceName } from './draft.ts';
import { type FunctionPlacement, type MoreWitnesses, type Placement, readPlacement } from './index.ts';
import { readRemarks } from './remarks.ts';

const run = promisify(execFile);
const kernelLike =
  '-std=gnu11 -O2 -w -ffreestanding -fno-pie -fno-strict-aliasing -fno-jump-tables -ffunction-sections -fdata-sections';
const prelude =
  'extern int ext(int); extern void e(void); extern int post(int, int);\n#define noinline __attribute__((noinline))\n';

interface Compiled {
  readonly object: Uint8Array;
  readonly more: MoreWitnesses;
}

/** Compiles C with everything that the compiler tells of its decisions. */
async function compile(source: string, compiler = 'gcc-12', flags = ['-g']): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-placement-'));
  try {
    await writeFile(join(folder, 'unit.c'), prelude + source);
    const tells = compiler.startsWith('clang') ? '-fsave-optimization-record' : '-fdump-ipa-clones';
    const argv = [...kernelLike.split(' '), ...flags, tells, '-c', 'unit.c', '-o', 'unit.o'];
    await run(compiler, argv, { cwd: folder });
    const names = await readdir(folder);
    const read = async (end: string) => {
      const name = names.find((candidate) => candidate.endsWith(end));
      return name === undefined ? undefined : readFile(join(folder, name), 'utf8');
    };
    const object = new Uint8Array(await readFile(join(folder, 'unit.o')));
    return { object, more: { ipaClones: await read('.ipa-clones'), remarks: await read('.opt.yaml') } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function place({ object, more }: Compiled, only: MoreWitnesses = more): Placement {
  return readPlacement(readObjectModel(object), only);
}

function of(placement: Placement, name: string): FunctionPlacement {
  const found = placement.functions.get(name);
  if (!found) throw new Error(`no function ${name}; there are ${[...placement.functions.keys()]}`);
  return found;
}

/** Copies as `callee → step → … → holder [witnesses]`. */
function copies(placement: Placement, name: string): string[] {
  return of(placement, name).inlined.map(
    ({ into, chain, by }) => `${[name, ...chain, into].join(' → ')} [${by.join(' ')}]`,
  );
}

const chains = `
static int leaf(int x) { if (x > 3) { e(); e(); return ext(x) + ext(x + 1); } return ext(x + 9); }
static int mid(int x) { int s = 0; for (int i = 0; i < x; i++) { s += ext(i); if (s > 9) s += leaf(s); } return s; }
int top(int x) { return mid(x) + 1; }
static inline int tiny(int x) { return ext(x) + 1; }
int user(int x) { return tiny(x) * 3; }
int other(int x) { return user(x) + user(x + 1); }
noinline int apart(int x) { return ext(x) ^ 5; }
int caller(int x) { return apart(x) + 1; }
`;

const compilers = [
  { compiler: 'gcc-12', dump: 'ipa-clones' },
  { compiler: 'gcc-11', dump: 'ipa-clones' },
  { compiler: 'clang-14', dump: 'clang-remarks' },
  { compiler: 'clang-19', dump: 'clang-remarks' },
];

describe.each(compilers)('$compiler', ({ compiler, dump }) => {
  test.each(['-gdwarf-4', '-gdwarf-5'])('chains of inlined calls, with %s', async (flag) => {
    const compiled = await compile(chains, compiler, [flag]);
    const both = place(compiled);
    expect(both.witnesses).toEqual(['dwarf', 'elf', dump].sort());
    const seen = ['dwarf', dump].sort().join(' ');
    expect(copies(both, 'leaf')).toEqual([`leaf → mid → top [${seen}]`]);
    expect(copies(both, 'mid')).toEqual([`mid → top [${seen}]`]);
    expect(copies(both, 'tiny')).toContain(`tiny → user [${seen}]`);
    expect(of(both, 'leaf').symbols).toEqual([]);
    // clang writes DW_INL_inlined of everything.
    expect(of(both, 'tiny').declared).toMatchObject({ isInline: compiler.startsWith('gcc') });
    expect(of(both, 'leaf').declared).toMatchObject({ line: 4, isInline: false });
    expect(of(both, 'leaf').declared?.file).toMatch(/unit\.c$/);
    // Its innocent twin has code, callers, and no copy.
    expect(of(both, 'apart')).toMatchObject({
      symbols: ['apart'],
      inlined: [],
      callers: [{ name: 'caller', symbol: 'apart' }],
    });
    // Each alone says the same of the holders.
    expect(place(compiled, {}).witnesses).toEqual(['dwarf', 'elf']);
    expect(copies(place(compiled, {}), 'leaf')).toEqual(['leaf → mid → top [dwarf]']);
  });

  test('an inlined body that was folded away is known to the compiler’s own record alone', async () => {
    const compiled = await compile(
      `static int most(void) { return 17; }
       int queue(int n) { if (n > most()) return -22; return ext(n); }`,
      compiler,
    );
    expect(copies(place(compiled), 'most')).toEqual([`most → queue [${dump}]`]);
    const silent = place(compiled, {}).functions.get('most');
    expect(silent?.inlined ?? []).toEqual([]);
  });
});

describe('what gcc makes of one function', () => {
  test('without debug information the dump alone gives the chain', async () => {
    // clang writes some debug information whenever it records its remarks.
    const compiled = await compile(chains, 'gcc-12', []);
    const placement = place(compiled);
    expect(placement.witnesses).toEqual(['elf', 'ipa-clones']);
    expect(copies(placement, 'leaf')).toEqual(['leaf → mid → top [ipa-clones]']);
    expect(of(placement, 'leaf').declared).toEqual({ file: 'unit.c', line: 4 });
    expect(place(compiled, {}).functions.has('leaf')).toBe(false);
  });

  test('specialised copies and split-off parts', async () => {
    const compiled = await compile(`
      struct req { int len, flags; long cookie; };
      static noinline int check(struct req *r, int lim) { if (r->len > lim) return ext(lim); return ext(lim + 1) + 1; }
      int submit(struct req *r, int n) { return check(r, n) + 1; }
      int resubmit(struct req *r, int n) { return check(r, n * 2) + 2; }
      static noinline int io(int x, int mode) { if (mode == 3) return ext(x + 9) + x; e(); return ext(x) - x; }
      int flush(int x) { return io(x, 3) + 1; }
      int sync(int x) { return io(x + 1, 3) + 2; }
      extern void slow(void) __attribute__((cold));
      int work(int *p) { if (*p < 0) { slow(); e(); return ext(*p); } return *p + ext(1); }
      int plain(int x) { return ext(x) + 3; }`);
    const placement = place(compiled);
    expect(of(placement, 'check')).toMatchObject({
      symbols: ['check.isra.0'],
      clones: [{ symbol: 'check.isra.0', kind: 'isra', hasCode: true, by: ['dwarf', 'elf', 'ipa-clones'] }],
      callers: [
        { name: 'resubmit', symbol: 'check.isra.0' },
        { name: 'submit', symbol: 'check.isra.0' },
      ],
    });
    expect(of(placement, 'io').clones).toMatchObject([{ symbol: 'io.constprop.0', kind: 'constprop' }]);
    expect(of(placement, 'work')).toMatchObject({
      symbols: ['work', 'work.cold'],
      // The dump does not know cold parts: they are cut much later.
      clones: [{ symbol: 'work.cold', kind: 'cold', by: ['dwarf', 'elf'] }],
    });
    expect(of(placement, 'plain')).toMatchObject({ symbols: ['plain'], clones: [], inlined: [], folded: [] });
  });

  test('a guard that is inlined while the body stays in a part', async () => {
    const compiled = await compile(`
      struct dev { int state, id, log[8]; };
      int dev_flush(struct dev *d)
      {
        if (d->state == 0) return 0;
        for (int i = 0; i < 8; i++) { e(); d->log[i] = ext(d->log[i] + d->id); post(i, d->log[i]); }
        e(); ext(d->id); e(); post(1, 2); return ext(d->state);
      }
      int dev_open(struct dev *d) { if (dev_flush(d)) return -5; d->state = 1; return 0; }
      int dev_close(struct dev *d) { int r = dev_flush(d); d->state = 0; return r; }`);
    const flush = of(place(compiled), 'dev_flush');
    expect(flush.symbols).toEqual(['dev_flush', 'dev_flush.part.0']);
    expect(flush.inlined.map(({ into }) => into)).toEqual(['dev_close', 'dev_open']);
    expect(flush.callers).toEqual([
      { name: 'dev_close', symbol: 'dev_flush.part.0' },
      { name: 'dev_open', symbol: 'dev_flush.part.0' },
    ]);
  });

  test('what is inlined into a part is not in the guard that others hold', async () => {
    const compiled = await compile(`
      struct dev { int state, id, log[8]; };
      static int late(struct dev *d, int i) { e(); e(); e(); e(); d->log[i] = ext(d->log[i] + d->id); e(); e(); e();
        return post(i, d->log[i]) + ext(1) + ext(2) + ext(3) + ext(4) + ext(5); }
      int flush(struct dev *d)
      {
        if (d->state == 0) return 0;
        for (int i = 0; i < 8; i++) { e(); late(d, i); }
        e(); ext(d->id); e(); post(1, 2); return ext(d->state);
      }
      int dev_open(struct dev *d) { if (flush(d)) return -5; d->state = 1; return 0; }
      int dev_close(struct dev *d) { int r = flush(d); d->state = 0; return r; }`);
    const placement = place(compiled);
    expect(of(placement, 'flush').symbols).toEqual(['flush', 'flush.part.0']);
    expect(of(placement, 'flush').inlined.map(({ into }) => into)).toEqual(['dev_close', 'dev_open']);
    expect(copies(placement, 'late')).toEqual(['late → flush [dwarf ipa-clones]']);
  });

  const twins = `
    static noinline int add(int x) { if (x > 18) return post(x, 5); return post(x * 11, 4); }
    static noinline int del(int x) { if (x > 18) return post(x, 5); return post(x * 11, 4); }
    int c1(int x) { return add(x) + 1; }
    int c2(int x) { return del(x) + 2; }
    int one(int x) { if (x > 8) return post(x, 17); return post(x * 9, 2); }
    int two(int x) { if (x > 8) return post(x, 17); return post(x * 9, 2); }
    static int body(int x) { return post(x, 3) + 2; }
    int alias(int x) __attribute__((alias("body")));
    static inline int helper(int x) { return post(x, 7) * 3; }
    int wrapper(int x) { return helper(x); }
    int helped(int x) { return helper(x) + 1; }`;

  test('equal functions that were folded, and aliases and wrappers of the source that were not', async () => {
    const placement = place(await compile(twins));
    expect(of(placement, 'add').folded).toEqual([{ name: 'del', by: ['dwarf', 'elf'] }]);
    expect(of(placement, 'del').folded).toEqual([{ name: 'add', by: ['dwarf', 'elf'] }]);
    // The dump says that one is inlined into two, which no line of the source does.
    expect(of(placement, 'one')).toMatchObject({
      inlined: [],
      folded: [{ name: 'two', by: ['dwarf', 'ipa-clones'] }],
    });
    expect(of(placement, 'body').folded).toEqual([]);
    expect(of(placement, 'alias').folded).toEqual([]);
    expect(of(placement, 'helper').folded).toEqual([]);
    expect(of(placement, 'helper').inlined.map(({ into }) => into)).toEqual(['helped', 'wrapper']);
  });

  test('without debug information, both are said of the odd step', async () => {
    const { object, more } = await compile(twins, 'gcc-12', []);
    const one = of(readPlacement(readObjectModel(object), more), 'one');
    expect(one.folded).toEqual([{ name: 'two', by: ['elf', 'ipa-clones'] }]);
    expect(one.inlined).toEqual([{ into: 'two', chain: [], by: ['ipa-clones'] }]);
  });
});

test.each(['aarch64', 'powerpc64le', 's390x'])('the same of an object for %s', async (machine) => {
  const placement = place(await compile(chains, `${machine}-linux-gnu-gcc-12`, ['-g']));
  expect(placement.witnesses).toEqual(['dwarf', 'elf', 'ipa-clones']);
  expect(copies(placement, 'leaf')).toEqual(['leaf → mid → top [dwarf ipa-clones]']);
  expect(of(placement, 'apart').callers).toEqual([{ name: 'caller', symbol: 'apart' }]);
});

test('dead arguments that clang took away', async () => {
  const source = `
    static noinline int check(int unused, int a, int b) { return ext(a) + ext(b); }
    static noinline int honest(int a, int b) { return ext(a) - ext(b); }
    int user(int x) { return check(x, x + 1, 2 * x) + honest(x, 3 * x); }`;
  const placement = place(await compile(source, 'clang-19'));
  expect(of(placement, 'check').isSpeciallyCalled).toBe(true);
  expect(of(placement, 'honest').isSpeciallyCalled).toBeUndefined();
});

test('names of symbols', () => {
  expect(['f', 'f.isra.0', 'f.part.0.cold', '.L1'].map(sourceName)).toEqual(['f', 'f', 'f', '.L1']);
  expect(['f', 'f.isra.0', 'f.constprop.0.isra.1', 'f.part.0.cold', 'f.llvm.123'].map(cloneKind)).toEqual([
    undefined,
    'isra',
    'isra',
    'cold',
    'llvm',
  ]);
});

describe('hostile input', () => {
  test('lines that are no facts are passed over', () => {
    const { nodes, removed, places } = readIpaClones(
      [
        'Callgraph clone;a;1;f.c;3;1;b;2;f.c;4;1;inlining to',
        'Callgraph clone;a;1;f.c;3;1;b;2',
        'Callgraph removal;c;1;f.c;9;1',
        'Callgraph clone;;1;f.c;x;1;b;2;f.c;4;1;part',
        'nonsense',
        'Callgraph removal',
        `Callgraph clone;${'z'.repeat(1 << 15)}`,
      ].join('\n'),
    );
    expect(nodes).toEqual([{ original: 'a', clone: 'b', kind: 'inlining to' }]);
    expect([...removed]).toEqual(['c']);
    expect([...places.keys()]).toEqual(['a', 'b', 'c']);
  });

  test('remarks: quoted names, other remarks, and documents cut short', () => {
    const remark = (kind: string, name: string, callee: string, caller: string) =>
      `--- !${kind}\nPass:            inline\nName:            ${name}\nFunction:        ${caller}\nArgs:\n  - Callee:          ${callee}\n    DebugLoc:        { File: x.c, Line: 1, Column: 0 }\n  - String:          ' inlined into '\n  - Caller:          ${caller}\n...\n`;
    const text =
      remark('Passed', 'Inlined', "'a'", '"b"') +
      remark('Missed', 'TooCostly', 'c', 'd') +
      remark('Passed', 'AlwaysInline', 'e', 'f') +
      remark('Passed', 'LoopUnrolled', 'g', 'h') +
      remark('Passed', 'Inlined', 'i', 'j').slice(0, 90);
    expect(readRemarks(text)).toEqual([
      { callee: 'a', caller: 'b' },
      { callee: 'e', caller: 'f' },
    ]);
  });

  test('a long chain and a wide fan stay within bounds', async () => {
    const { object } = await compile('int f0(int x) { return ext(x); }', 'gcc-12', []);
    const model = readObjectModel(object);
    const line = (callee: string, caller: string) =>
      `Callgraph clone;${callee};0;x.c;1;1;${caller};0;x.c;1;1;inlining to`;
    const chain = Array.from({ length: 400 }, (_, i) => line(`f${i + 1}`, `f${i}`));
    const ring = Array.from({ length: 1000 }, (_, i) => line(`r${i}`, `r${(i + 1) % 1000}`));
    const fine = readPlacement(model, { ipaClones: chain.join('\n') });
    expect(fine.functions.get('f7')?.inlined[0]?.chain).toEqual(['f6', 'f5', 'f4', 'f3', 'f2', 'f1']);
    expect(readPlacement(model, { ipaClones: ring.join('\n') }).functions.get('r1')?.inlined).toEqual([]);
    const crowd = Array.from({ length: 180 * 180 }, (_, i) => line(`a${Math.floor(i / 180)}`, `a${i % 180}`));
    expect(() => readPlacement(model, { ipaClones: crowd.join('\n') })).toThrow(FormatError);
  });

  test('any text is an answer or a FormatError', async () => {
    const { object, more } = await compile(chains);
    const model = readObjectModel(object);
    const text = more.ipaClones ?? '';
    expect(text.length).toBeGreaterThan(100);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(40), fc.string(), fc.string(), (at, length, put, remarks) => {
        const ipaClones = text.slice(0, at) + put + text.slice(at + length);
        expect(readPlacement(model, { ipaClones, remarks }).functions.size).toBeGreaterThan(3);
      }),
      { numRuns: 60 },
    );
  });
});
