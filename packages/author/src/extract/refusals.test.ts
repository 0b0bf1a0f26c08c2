import { describe, expect, test } from 'vitest';
import { extractPair, namesIn, pieceOf, told, uses } from './testing/pair.ts';

const fix = '\n#ifdef FIX\n n += 3;\n#endif\n';
const body = `(int n) { ${fix} return external(n); }`;

describe('a changed function that cannot be replaced', () => {
  test('has no ftrace entry (KLP130), where others point to it', async () => {
    expect(told(await extractPair(`notrace int f${body}`))).toEqual(['KLP130 error f']);
    expect(told(await extractPair(`int f${body}`))).toEqual([]);
  });

  test('runs while the kernel boots (KLP407)', async () => {
    for (const name of ['.init.text', '.exit.text'])
      expect(told(await extractPair(`section("${name}") int f${body} int g${body}`))).toEqual([
        'KLP407 error f',
      ]);
  });

  test('is where the source put it together with others (KLP408)', async () => {
    const shared = (more: string) => `section(".sched.text") int f${body} ${more} int twin${body}`;
    expect(told(await extractPair(shared('')))).toEqual(['KLP408 error f']);
    const two = `section(".text.own") int f${body} section(".text.own") int g(int n) { return n; }`;
    expect(told(await extractPair(two))).toEqual(['KLP408 error f']);
    expect(told(await extractPair(`section(".text.own") int f${body}`))).toEqual([]);
  });

  test('leaves the rest of the livepatch whole, which an override relies on', async () => {
    const { object, extraction } = await extractPair(
      `section(".init.text") int setup${body} notrace int quiet${body} section(".sched.text") int sched${body} int f${body}`,
    );
    expect(told({ extraction })).toEqual(['KLP130 error quiet', 'KLP407 error setup', 'KLP408 error sched']);
    expect(extraction.functions.map(({ oldName }) => oldName)).toEqual(['f']);
    expect(namesIn(object)).toEqual(['f']);
  });

  test('is not found in the shipped kernel (KLP203)', async () => {
    const source = `int f${body} int g${body}`;
    const lost = await extractPair(source, { lost: ['f'] });
    expect(told(lost)).toEqual(['KLP203 error f']);
    expect(lost.extraction.functions.map(({ oldName }) => oldName)).toEqual(['g']);
    expect(told(await extractPair(source))).toEqual([]);
  });
});

describe('what a livepatch cannot bring or reach', () => {
  const uses_ = (declaration: string, use: string, more = '') => `
    ${more}
    #ifdef FIX
    ${declaration}
    #endif
    int f(int n) {
    #ifdef FIX
      ${use};
    #endif
      return external(n); }`;

  test('a new per-CPU variable (KLP313); an existing one is reached', async () => {
    const percpu = 'int section(".data..percpu") counter;';
    const source = uses_(`static ${percpu}`, 'n += counter++');
    expect(told(await extractPair(source))).toEqual(['KLP313 error counter', 'not-extracted error counter']);
    const old = await extractPair(uses_('', 'n += counter++', percpu));
    expect(told(old)).toEqual([]);
    expect(old.extraction.placeholders.map(({ name }) => name)).toEqual(['counter']);
  });

  test('initial code or data (KLP314), new or not; other data is fine', async () => {
    const data = 'int section(".init.data") names[4];';
    const code = 'int section(".init.text") noinline setup(int n) { return external(n * 3); }';
    expect(told(await extractPair(uses_('', 'use(names)', data)))).toEqual(['KLP314 error names']);
    expect(told(await extractPair(uses_('', 'n = setup(n)', code)))).toEqual(['KLP314 error setup']);
    expect(told(await extractPair(uses_(`static ${data}`, 'use(names)')))).toContain('KLP314 error names');
    const fresh = await extractPair(uses_(`static ${code}`, 'n = setup(n)'));
    expect(told(fresh)).toContain('KLP314 error setup');
    expect(fresh.extraction.added.map(({ name }) => name)).toEqual([]);
    const ordinary = await extractPair(
      uses_('static noinline int setup(int n) { return external(n * 3); }', 'n = setup(n)'),
    );
    expect(told(ordinary)).toEqual([]);
    expect(ordinary.extraction.added.map(({ name }) => name)).toEqual(['setup']);
    expect(told(await extractPair(uses_('static int names[4] = { 1 };', 'use(names)')))).toEqual([
      'KLP506 note names',
    ]);
    expect(told(await extractPair(uses_('static const int names[4] = { 1 };', 'use(names)')))).toEqual([]);
  });

  test('a new tracepoint (KLP507); an existing one is reached', async () => {
    const point = 'long section("__tracepoints") __tracepoint_mine[10] = { 1 };';
    const found = told(await extractPair(uses_(point, 'use(__tracepoint_mine)')));
    expect(found).toContain('KLP507 error __tracepoint_mine');
    expect(told(await extractPair(uses_('', 'use(__tracepoint_mine)', point)))).toEqual([]);
  });

  test('the address of a function that the kernel does not expect to be called by it is asked for', async () => {
    // See entries.ts for where the answer comes from.
    const source = `static noinline int quiet(int n) { return external(n) + 2; }
      int g(int n) { return quiet(n) * 2; }
      ${uses_('', 'use(quiet)')}`;
    const { extraction } = await extractPair(source, { entryProblem: 'it has no ENDBR' });
    expect(told({ extraction })).toEqual(['KLP118 error quiet']);
    expect(told(await extractPair(source))).toEqual([]);
    // The shipped code takes it already.
    const taken = `${source} void h(void) { use(quiet); }`;
    expect(told(await extractPair(taken, { entryProblem: 'it has no ENDBR' }))).toEqual([]);
  });
});

describe('main functions of threads (KLP402)', () => {
  const source = (start: string) => `
    extern void *kthread_create_on_node(int (*)(void *), void *, int, const char *, ...);
    extern void *register_it(int (*)(void *), void *, int, const char *, ...);
    static int loop(void *p) { int n = 0; ${fix} while (external(n)) ; return n; }
    int start(int n) { ${start}; return external(n); }`;

  test('are refused where the unit starts the thread', async () => {
    const { extraction } = await extractPair(source('kthread_create_on_node(loop, 0, -1, "loop/%d", n)'));
    expect(told({ extraction })).toEqual(['KLP402 error loop']);
    // An author who knows better gets it.
    expect(extraction.functions.map(({ oldName }) => oldName)).toEqual(['loop']);
    expect(extraction.findings[0]?.what).toContain('start');
  });

  test('others that are passed on are not', async () => {
    expect(told(await extractPair(source('register_it(loop, 0, -1, "loop/%d", n)')))).toEqual([]);
    const other = source(
      'kthread_create_on_node(start_it, 0, -1, "x"); register_it(loop, 0, -1, "loop")',
    ).replace('static int loop', 'extern int start_it(void *); static int loop');
    expect(
      told(await extractPair(other, { exports: { register_it: { owner: 'vmlinux' }, ...threads } })),
    ).toEqual([]);
  });
});
const threads = { kthread_create_on_node: { owner: 'vmlinux' }, start_it: { owner: 'vmlinux' } };

describe('inline functions that the compiler made functions of', () => {
  const source = (more: string) => `
    static notrace noinline int inlined(int n) { ${fix} return external(n) + 7; }
    int first(int n) { return inlined(n) * 2; }
    int second(int n) { return inlined(n) * 3; }
    int apart(int n) { return external(n) * 4; }
    ${more}`;

  test('travel with their callers, which change with them', async () => {
    const { object, extraction, comparison } = await extractPair(source(''));
    // The premise: the callers' own code is the same.
    expect(comparison.functions.find(({ name }) => name === 'first')?.difference?.kind).toBe('with');
    expect(told({ extraction })).toEqual(['KLP130 note inlined']);
    expect(extraction.functions.map(({ oldName }) => oldName).sort()).toEqual(['first', 'second']);
    expect(namesIn(object)).toEqual(['first', 'inlined', 'second']);
    expect(uses(object, 'first')).toEqual(['call inlined']);
    expect(extraction.findings[0]?.what).toContain('first, second');
  });

  test('one within another pulls the callers of both', async () => {
    const nested = `
      static notrace noinline int inner(int n) { ${fix} return external(n) + 7; }
      static notrace noinline int outer(int n) { return inner(n) + 1; }
      int f(int n) { return outer(n) * 2; }`;
    const { extraction, object } = await extractPair(nested);
    expect(extraction.functions.map(({ oldName }) => oldName)).toEqual(['f']);
    expect(namesIn(object)).toEqual(['f', 'inner', 'outer']);
    expect(uses(object, 'outer')).toEqual(['call inner']);
  });

  test.each([
    ['a pointer in code', 'void keep(void) { use(inlined); }'],
    ['a table', 'int (*const table[])(int) = { inlined };'],
  ])('are refused when %s leads to them', async (_, more) => {
    expect(told(await extractPair(source(more)))).toEqual(['KLP130 error inlined']);
  });

  test('are refused when a function that is not traceable calls them', async () => {
    expect(told(await extractPair(source('notrace int silent(int n) { return inlined(n) * 5; }')))).toContain(
      'KLP130 error silent',
    );
  });
});

describe('cold parts', () => {
  const source = `
    extern void rare(const char *) __attribute__((cold));
    int other(int n) { if (__builtin_expect(n == 5, 0)) { rare("other"); rare("more"); } return external(n) + 1; }
    int f(int n) {
      if (__builtin_expect(n == 12345, 0)) {
        rare("rare");
      #ifdef FIX
        rare("fixed");
      #else
        rare("broken");
      #endif
      }
      return external(n) + 1;
    }`;

  test('come with their parent, and call back into the copy', async () => {
    const { object, extraction, comparison } = await extractPair(source, {
      exports: { rare: { owner: 'vmlinux' } },
    });
    // The premise: gcc split the function, and only the cold part differs.
    expect(comparison.functions.map(({ name, status }) => `${name} ${status}`)).toContain('f.cold changed');
    expect(told({ extraction })).toEqual([]);
    expect(extraction.functions.map(({ oldName }) => oldName)).toEqual(['f']);
    expect(namesIn(object)).toEqual(['f', 'f.cold']);
    expect(uses(object, 'f').some((use) => use.startsWith('call f.cold'))).toBe(true);
    expect(uses(object, 'f.cold').filter((use) => /^call f\+\d+$/.test(use))).toHaveLength(1);
    expect(pieceOf(object, 'f.cold').section.name).toMatch(/^\.text\.unlikely/);
    expect(extraction.placeholders).toEqual([]);
  });
});
