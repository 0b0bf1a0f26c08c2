import { beforeAll, describe, expect, test } from 'vitest';
import { found, namesOf, touched, touchedData, why } from '../testing/compile.ts';
import { comparePairFor, compileFor, machines, type TestMachine } from '../testing/machines.ts';
import { hasFtraceEntry } from './carried.ts';
import { compareObjects } from './compare.ts';
import type { Comparison } from './types.ts';

/** Parts of one unit, each with a change and a twin without; all are compiled together. */
interface Scenario {
  readonly name: string;
  readonly source: string;
  /** Functions that are not the same, as `name status`. */
  readonly functions: readonly string[];
  readonly data?: readonly string[];
  readonly findings?: readonly string[];
}

const scenarios: readonly Scenario[] = [
  {
    name: 'an immediate',
    source: `int limit(int n) { return external(n) > PICK(32, 64); }
      int limit_twin(int n) { return external(n) > 32; }`,
    functions: ['limit changed'],
  },
  {
    name: 'the register that a relocated instruction stores',
    source: `long kept;
      void keep(long v, long w) { kept = PICK(v, w); }
      void keep_twin(long v, long w) { kept = v; }`,
    functions: ['keep changed'],
  },
  {
    name: 'a string, where others of the section moved',
    source: `void say(void) { printk(PICK("short\\n", "much longer than before\\n")); printk("tail\\n"); }
      void say_twin(void) { printk("tail\\n"); printk("short\\n"); }`,
    functions: ['say changed'],
  },
  {
    name: 'a callee',
    source: `extern void lock(void), lock_irq(void);
      void enter(int n) { PICK(lock, lock_irq)(); external(n); }
      void enter_twin(int n) { lock(); external(n); }`,
    functions: ['enter changed'],
  },
  {
    name: 'another variable in its place',
    source: `extern int first_of_two, second_of_two; static int own_one, own_two;
      int foreign(void) { return external(PICK(first_of_two, second_of_two)); }
      int own(void) { use(PICK(&own_one, &own_two)); return external(1); }
      int own_twin(void) { use(&own_one); use(&own_two); return external(1); }`,
    functions: ['foreign changed', 'own changed'],
  },
  {
    name: 'static locals renumbered by a new one',
    source: `
      #ifdef FIX
      int counter_new(void) { static int count; return external(count++); }
      #endif
      int counter_a(void) { static int count; return external(++count); }
      int counter_b(void) { static int count = 4; printk("b"); return external(count *= 2); }
      int counter_c(void) { static int count; return external(count += PICK(2, 5)); }`,
    functions: ['counter_c changed', 'counter_new new'],
    data: ['count new'],
    findings: ['KLP123 count'],
  },
  {
    name: 'a string in a cold part',
    source: `int worker(int n) {
        if (unlikely(n == 12345)) { cold_external(PICK("rare", "rarer")); cold_external("twice"); }
        return external(n) + 1;
      }
      int worker_twin(int n) { if (unlikely(n == 5)) { cold_external("rare"); } return external(n); }`,
    functions: ['worker changed', 'worker.cold changed'],
  },
  {
    name: 'a clone that changes within',
    source: `struct pair { int a, b; long more[9]; };
      static noinline int first(struct pair *p) { int a = p->a; return external(a) * external(a + 1) + PICK(3, 4); }
      int sra_user(struct pair *p) { return first(p) + 1; }
      int sra_other(struct pair *p) { return first(p) + 2; }`,
    functions: ['first.isra changed'],
  },
  {
    name: 'an entry of a switch table',
    source: `int chosen(unsigned n) { switch (n) { case 0: return 3; case 1: return 17; case 2: return PICK(4, 5); case 3: return 99; case 4: return 2; } return external(0); }
      int chosen_twin(unsigned n) { switch (n) { case 0: return 7; case 1: return 18; case 2: return 5; case 3: return 98; case 4: return 1; } return external(0); }`,
    functions: ['chosen changed'],
  },
  {
    name: 'flags, but not a line, in a table',
    source: `
      #define BUG(line, flags) asm volatile("1: " NOP "\\n.pushsection __bug_table,\\"aw\\"\\n2: .long 1b - .\\n.long 0\\n.short %c0\\n.short %c1\\n.org 2b + 12\\n.popsection" : : "i" (line), "i" (flags))
      int checked(int n) { BUG(1, PICK(2305, 2307)); return external(n); }
      int checked_twin(int n) { BUG(PICK(10, 200), 2305); return external(n); }`,
    functions: ['checked changed'],
  },
  {
    name: 'replacement code',
    source: `
      #define ALTERNATIVE(word) asm volatile(ALTERNATIVE_TEXT : : "i" (word))
      int patched(int n) { ALTERNATIVE(PICK(0x11111111, 0x22222222)); return external(n); }
      int patched_twin(int n) { ALTERNATIVE(0x33333333); return external(n); }`,
    functions: ['patched changed'],
  },
  {
    name: 'data',
    source: `struct ops { int (*open)(int); const char *name; };
      extern int handler(int);
      const struct ops table[] = { { PICK(handler, external), "one" }, { external, "two" } };
      const struct ops table_twin[] = { { handler, "one" }, { external, "two" } };
      int level = PICK(3, 4), level_twin = 3, grown[PICK(4, 8)];`,
    functions: [],
    data: ['grown changed', 'level changed', 'table changed'],
    findings: ['KLP501 level', 'KLP502 grown', 'KLP503 table'],
  },
  {
    name: 'a new function and who calls it',
    source: `
      #ifdef FIX
      static noinline int helper(int n) { return external(n) * external(n + 1); }
      #endif
      int caller(int n) { return PICK(external, helper)(n) + 1; }
      int caller_twin(int n) { return external(n) + 1; }`,
    functions: ['caller changed', 'helper new'],
  },
];

const prelude = (machine: TestMachine) => `
  #ifdef FIX
  #define PICK(a, b) (b)
  #else
  #define PICK(a, b) (a)
  #endif
  #define NOP "${machine.nop}"
  #define ALTERNATIVE_TEXT "${machine.alternative.replace('WORD', '%c0')}"
`;

/** Names without the compiler's numbers. */
const stems = (names: readonly string[]) => names.map((name) => name.replace(/\.\d+/g, '')).sort();

describe.each(machines)('on $name', (machine) => {
  let all: Comparison;
  beforeAll(async () => {
    all = await comparePairFor(machine, prelude(machine) + scenarios.map(({ source }) => source).join('\n'));
  });

  test('the object is that of the machine', () => {
    expect(all.before.arch.name).toBe(machine.name);
    expect(namesOf(all.before)).toEqual(expect.arrayContaining(['worker.cold', 'first.isra.0']));
  });

  test.each(scenarios)('$name', ({ source, functions, data = [], findings = [] }) => {
    const names = new Set(source.match(/\b\w+\b/g));
    const of = (name: string) => names.has(name.split(/[. ]/)[0]);
    expect(stems(touched(all)).filter(of)).toEqual(functions);
    expect(stems(touchedData(all)).filter(of)).toEqual(data);
    expect(stems(found(all)).filter((text) => of(text.split(' ')[1] ?? ''))).toEqual(findings);
  });

  test('nothing else', () => {
    expect(stems(touched(all))).toEqual(scenarios.flatMap(({ functions }) => functions).sort());
    expect(stems(touchedData(all))).toEqual(scenarios.flatMap(({ data = [] }) => data).sort());
    expect(stems(found(all))).toEqual(scenarios.flatMap(({ findings = [] }) => findings).sort());
  });

  test('each difference says what it is', () => {
    expect(why(all, 'enter')).toBe('reference: lock -> lock_irq');
    expect(why(all, 'foreign')).toBe('reference: first_of_two -> second_of_two');
    expect(why(all, 'own')).toBe('reference: own_one -> own_two');
    expect(why(all, 'say')).toBe('reference: "short\\n" -> "much longer than before\\n"');
    expect(why(all, 'worker.cold')).toBe('reference: "rare" -> "rarer"');
    expect(why(all, 'limit')).toMatch(/^code: .+ -> .+$/);
    expect(why(all, 'patched')).toMatch(/^table: /);
  });

  test('an object is equal to itself', () => {
    const same = compareObjects(all.after, all.after);
    expect([touched(same), touchedData(same), found(same)]).toEqual([[], [], []]);
  });

  test('ftrace entries', async () => {
    const model = await compileFor(
      machine,
      `int traced(int n) { return external(n) + 1; }
       __attribute__((no_instrument_function, patchable_function_entry(0, 0))) int hidden(int n) { return external(n) + 2; }`,
    );
    expect(['traced', 'hidden'].map((name) => hasFtraceEntry(model, model.named(name)[0]))).toEqual([
      true,
      false,
    ]);
  });

  test('functions of one section, where a neighbour grows', async () => {
    const source = `
      int first(int n) { return external(n) PICK(, + external(n + 7) * external(n + 9)); }
      static noinline used int inner(int n) { return external(n) + 1; }
      int calls_first(int n) { return first(n) + 1; }
      int jumps_first(int n) { return first(n); }
      int calls_inner(int n) { return PICK(inner, first)(n) + 1; }
      int jumps_inner(int n) { return PICK(inner, first)(n); }`;
    const flags = ['-fno-function-sections', '-fno-ipa-ra', '-fno-ipa-icf', '-fno-inline'];
    const c = await comparePairFor(
      machine,
      prelude(machine).replaceAll(/\((a|b)\)$/gm, '$1') + source,
      flags,
    );
    expect(c.before.named('first')[0].section).toBe(c.before.named('calls_inner')[0].section);
    expect(touched(c)).toEqual(['calls_inner changed', 'first changed', 'jumps_inner changed']);
    expect(why(c, 'calls_inner')).toBe('reference: inner -> first');
  });

  test('variables of one section that change places', async () => {
    const source = (order: string) => `
      #ifdef FIX
      ${order}
      #else
      static int a, b, c;
      #endif
      void user(int n) { a = n; b += n; c *= n; use(&a); use(&b); use(&c); }`;
    const flags = ['-fno-data-sections', '-fno-toplevel-reorder'];
    const moved = await comparePairFor(machine, source('static int c, b, a;'), flags);
    const stayed = await comparePairFor(machine, source('static int a, b, c;'), flags);
    expect(moved.before.named('a')[0].section).toBe(moved.before.named('b')[0].section);
    expect(found(moved)).toEqual(machine.name === 'x86-64' ? [] : ['KLP140 .bss']);
    expect([touched(stayed), found(stayed)]).toEqual([[], []]);
  });
});

describe('ppc64le', () => {
  const machine = machines.find(({ name }) => name === 'ppc64le') as TestMachine;

  test('looks through the table of addresses (-mcmodel=large)', async () => {
    const c = await comparePairFor(
      machine,
      `${prelude(machine)}
      static int hidden_one = 1, hidden_two = 2;
      #ifdef FIX
      int earlier(int n) { static int count = 3; printk("moves the table"); return external(count += n); }
      #endif
      int reads(void) { use(PICK(&hidden_one, &hidden_two)); return external(1); }
      void keeps(void) { use(&hidden_one); use(&hidden_two); }
      void says(void) { printk(PICK("a", "b")); }
      int counts(int n) { static int count = 4; printk("a"); return external(count += n); }`,
      ['-mcmodel=large'],
    );
    const table = c.before.elf.sections.find((section) => section.name === '.toc');
    expect(table?.size).toBeGreaterThan(24);
    expect(touched(c)).toEqual(['earlier new', 'reads changed', 'says changed']);
    expect([why(c, 'reads'), why(c, 'says')]).toEqual([
      'reference: hidden_one -> hidden_two',
      'reference: "a" -> "b"',
    ]);
  });
});

describe('s390x', () => {
  const machine = machines.find(({ name }) => name === 's390x') as TestMachine;

  test('looks through constants that hold addresses of odd places', async () => {
    const c = await comparePairFor(
      machine,
      `${prelude(machine)}
      #ifdef FIX
      const char *earlier(void) { return "another one" + 3; }
      #endif
      const char *says(void) { return PICK("xbcdefgh", "abcdefgh") + 5; }
      const char *keeps(void) { return "xbcdefgh" + 5; }`,
      ['-fno-function-sections'],
    );
    const pool = c.before.elf.sections.find(({ name }) => name === '.rodata.cst8');
    expect(pool && c.before.references(pool).length).toBeGreaterThan(0);
    expect(touched(c)).toEqual(['earlier new', 'says changed']);
    expect(why(c, 'says')).toBe('reference: "xbcdefgh"+0x5 -> "abcdefgh"+0x5');
  });
});
