import { R_X86_64, SHF, STB, STT, writeObject } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { readObjectModel } from '../model/model.ts';
import { comparePair, found, namesOf, touched, touchedData, why } from '../testing/compile.ts';
import { compareObjects } from './compare.ts';

describe('what makes a function changed', () => {
  test('an immediate, and only the function that holds it', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define LIMIT 64
      #else
      #define LIMIT 32
      #endif
      int limit(int n) { return external(n) > LIMIT; }
      int other(int n) { return external(n) > 7; }`);
    expect(touched(c)).toEqual(['limit changed']);
    expect(why(c, 'limit')).toMatch(/^code: cmp \$0x20, ?%eax -> cmp \$0x40, ?%eax$/);
    expect(c.findings).toEqual([]);
    expect(c.data).toEqual([]);
  });

  test('not the place that the compiler gives it among all others; one that means something', async () => {
    const moved = async (was: string, is: string, flags: readonly string[] = []) => {
      const c = await comparePair(
        `
      #ifdef FIX
      #define PLACE "${is}"
      #else
      #define PLACE "${was}"
      #endif
      static int hidden;
      section(PLACE) noinline int placed(int n) { printk("placed %d", n); return external(n) + hidden++; }
      int caller(int n) { return placed(n) * 3; }`,
        flags,
      );
      const [b] = c.before.named('placed');
      const [a] = c.after.named('placed');
      expect([b?.section.name, a?.section.name]).toEqual([was, is]);
      return [touched(c), why(c, 'placed')];
    };
    const sorted = ['.text', '.text.placed', '.text.unlikely.placed', '.text.hot.placed', '.text.unlikely'];
    for (const is of sorted.slice(1)) expect(await moved(sorted[0] as string, is)).toEqual([[], undefined]);
    expect(await moved('.text.hot', '.text.unlikely')).toEqual([[], undefined]);
    for (const is of ['.sched.text', '.noinstr.text', '.text.startup', '.text.exit.placed'])
      expect(await moved('.text.placed', is)).toEqual([['placed changed'], `section: .text.placed -> ${is}`]);
    // Where functions share a section, a call within it needs no relocation, and one out of it does.
    expect(await moved('.text', '.text.unlikely', ['-fno-function-sections'])).toEqual([[], undefined]);
  });

  test('a string', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define TEXT "new text\\n"
      #else
      #define TEXT "old text\\n"
      #endif
      void say(void) { printk(TEXT); }
      void quiet(void) { printk("same\\n"); }`);
    expect(touched(c)).toEqual(['say changed']);
    expect(why(c, 'say')).toBe('reference: "old text\\n" -> "new text\\n"');
  });

  test('not a string that only moved, as others were added before it', async () => {
    const source = `
      #ifdef FIX
      void first(void) { printk("something quite different\\n"); printk("and more\\n"); }
      #else
      void first(void) { printk("a\\n"); }
      #endif
      void second(void) { printk("the same\\n"); }`;
    // Without function sections the strings share one section, so that their offsets move.
    const c = await comparePair(source, ['-fno-data-sections', '-fno-function-sections']);
    const at = (model: typeof c.before) => {
      const [second] = model.named('second');
      const target = model
        .referencesOf(second)
        .find((reference) => reference.target.kind === 'string')?.target;
      return target?.kind === 'string' ? target.offset : undefined;
    };
    expect(at(c.before)).not.toBe(at(c.after));
    expect(touched(c)).toEqual(['first changed']);
  });

  test('another callee', async () => {
    const c = await comparePair(`
      extern void lock(void), lock_irq(void);
      #ifdef FIX
      void enter(void) { lock_irq(); external(1); }
      #else
      void enter(void) { lock(); external(1); }
      #endif`);
    expect(why(c, 'enter')).toBe('reference: lock -> lock_irq');
  });

  test('one more call at its end, told as size', async () => {
    const c = await comparePair(
      `
      extern void a(void), b(void);
      #ifdef FIX
      void f(void) { a(); asm volatile("nop; nop"); }
      #else
      void f(void) { a(); }
      #endif`,
      ['-fno-optimize-sibling-calls'],
    );
    expect(touched(c)).toEqual(['f changed']);
  });

  test('not its line, when only the bug table tells it', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #line 100 "unit.c"
      #endif
      int checked(int n) { if (unlikely(n < 0)) WARN(); return external(n); }`);
    const line = (model: typeof c.before) => {
      const table = model.elf.sections.find((section) => section.name === '__bug_table');
      return (
        table && new DataView(model.bytes(table).buffer, model.bytes(table).byteOffset).getUint16(8, true)
      );
    };
    expect(line(c.before)).toBeLessThan(50);
    expect(line(c.after)).toBeGreaterThan(99);
    expect(touched(c)).toEqual([]);
  });

  test('the flags of a warning, which are in the bug table alone', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define FLAGS 2307
      #else
      #define FLAGS 2305
      #endif
      int checked(int n) {
        asm volatile("1: ud2\\n.pushsection __bug_table,\\"aw\\"\\n2: .long 1b - .\\n.long 0\\n.word 1\\n.word %c0\\n.org 2b + 12\\n.popsection" : : "i" (FLAGS));
        return external(n);
      }`);
    expect(touched(c)).toEqual(['checked changed']);
    expect(why(c, 'checked')).toMatch(
      /^table: __bug_table entry at 0x\w+: .* 01 09 -> __bug_table entry at 0x\w+: .* 03 09$/,
    );
  });

  test('a new function, and the one that calls it', async () => {
    const c = await comparePair(
      `
      #ifdef FIX
      static noinline int helper(int n) { return external(n) + 1; }
      int caller(int n) { return helper(n) * 3; }
      #else
      int caller(int n) { return external(n) * 3; }
      #endif`,
      ['-fno-ipa-sra'],
    );
    expect(touched(c)).toEqual(['caller changed', 'helper new']);
    expect(c.findings).toEqual([]);
  });

  test('another form of the same reference', () => {
    const object = (type: number) =>
      writeObject({
        sections: [
          {
            name: '.text.f',
            flags: SHF.ALLOC | SHF.EXECINSTR,
            data: Uint8Array.of(0x48, 0xc7, 0xc0, 0, 0, 0, 0, 0xc3),
            relocations: [{ offset: 3, type, symbol: 1, addend: 0 }],
          },
        ],
        symbols: [
          { name: 'f', section: 0, size: 8, type: STT.FUNC, binding: STB.GLOBAL },
          { name: 'x', binding: STB.GLOBAL },
        ],
      });
    const models = [R_X86_64['32S'], R_X86_64[32]].map((type) => readObjectModel(object(type)));
    expect(touched(compareObjects(models[0], models[0]))).toEqual([]);
    const c = compareObjects(models[0], models[1]);
    expect(why(c, 'f')).toBe('reference: x (R_X86_64_32S) -> x (R_X86_64_32)');
  });

  test('moving between text sections', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define AT cold
      #else
      #define AT
      #endif
      AT int rare(int n) { return external(n); }`);
    expect(c.after.named('rare')[0].section.name).toBe('.text.unlikely.rare');
    expect(touched(c)).toEqual(['rare changed']);
  });
});

describe('inlining and clones', () => {
  const inlined = (fix: string) => `
      #ifdef FIX
      static int check(int n) { return n ${fix} 3; }
      #else
      static int check(int n) { return n > 3; }
      #endif
      int user(int n) { return external(check(n)); }
      int bystander(int n) { return external(n); }`;

  test('a change in an inlined function shows in its user', async () => {
    const c = await comparePair(inlined('<'));
    expect(namesOf(c.after)).not.toContain('check');
    expect(touched(c)).toEqual(['user changed']);
    expect(touched(await comparePair(inlined('>')))).toEqual([]);
  });

  const clones = `
      #ifdef FIX
      extern int fresh(int);
      static noinline int added(int a, int b) { return fresh(a * b) + fresh(a) * 2; }
      int calls_added(int a) { return added(a, 3) + added(a + 1, 3); }
      #endif
      static noinline int scale(int a, int b) { return external(a * b) + external(a) * 2; }
      int one(int a) { return scale(a, 5) + scale(a + 1, 5); }
      int two(int a) { return external(a); }`;

  test('.constprop renumbered or added elsewhere changes nobody', async () => {
    const c = await comparePair(clones);
    expect(namesOf(c.before).filter((name) => name.startsWith('scale.constprop.'))).toHaveLength(1);
    expect(namesOf(c.after).filter((name) => name.startsWith('added.constprop.'))).toHaveLength(1);
    expect(touched(c)).toEqual(['added.constprop.0 new', 'calls_added new']);
  });

  test('clones of one stem are told apart by what they do, not by their number', async () => {
    const c = await comparePair(
      `
      static noinline int scale(int a, int b) { return external(a * b) + external(a) * b; }
      int one(int a) { return scale(a, 5) + scale(a + 1, 5); }
      int two(int a) { return scale(a, 7) + scale(a + 1, 7); }
      #ifdef FIX
      int zero(int a) { return scale(a, 11) + scale(a + 1, 11); }
      #endif`,
      ['-fipa-cp-clone', '--param=ipa-cp-eval-threshold=1'],
    );
    const numbers = (model: typeof c.before) =>
      namesOf(model).filter((name) => name.startsWith('scale.constprop.'));
    expect(numbers(c.before)).toHaveLength(2);
    expect(numbers(c.after)).toHaveLength(3);
    expect(touched(c)).toEqual([expect.stringMatching(/^scale\.constprop\.\d new$/), 'zero new']);
    // The premise: at least one of the clones that both sides have got another number.
    const clonesOf = (model: typeof c.before) =>
      ['one', 'two'].map((user) =>
        model
          .referencesOf(model.named(user)[0])
          .flatMap(({ target }) =>
            target.kind === 'piece' && target.piece.name.startsWith('scale') ? [target.piece.name] : [],
          ),
      );
    expect(clonesOf(c.after)).not.toEqual(clonesOf(c.before));
  });

  const sra = (fix: string) => `
      struct pair { int a, b; long more[9]; };
      static noinline int first(struct pair *p) { int a = p->a; return external(a) * external(a + 1)${fix}; }
      int user(struct pair *p) { return first(p) + 1; }
      int other(struct pair *p) { return first(p) + 2; }`;

  test('.isra that disappears: the plain function is new, its callers changed', async () => {
    const c = await comparePair(sra('\n#ifdef FIX\n + p->b + ({ use(p); 0; })\n#endif\n'));
    expect(namesOf(c.before)).toContain('first.isra.0');
    expect(namesOf(c.after)).toContain('first');
    expect(touched(c)).toEqual(['first new', 'first.isra.0 removed', 'other changed', 'user changed']);
    // A clone was never global: its loss is nobody else's.
    expect(found(c)).toEqual([]);
  });

  test('.isra that changes within: its callers stay', async () => {
    const c = await comparePair(sra('\n#ifdef FIX\n + 4\n#endif\n'));
    expect(namesOf(c.after)).toContain('first.isra.0');
    expect(touched(c)).toEqual(['first.isra.0 changed']);
  });

  const part = (fix: string) => `
      struct node { struct node *next; int n; };
      extern void slow(struct node *, int), slower(struct node *);
      static void drop(struct node *n) {
        if (!n->n) return;
        slow(n, 1); slower(n); slow(n->next, 2); slower(n->next); slow(n, 3); slower(n); slow(n, ${fix});
      }
      void a(struct node *n) { drop(n); }
      void b(struct node *n) { drop(n); drop(n->next); }`;

  test('.part holds the change, its parents stay', async () => {
    const c = await comparePair(part('\n#ifdef FIX\n 9\n#else\n 4\n#endif\n'));
    expect(namesOf(c.after)).toContain('drop.part.0');
    expect(touched(c)).toEqual(['drop.part.0 changed']);
    expect(touched(await comparePair(part('4')))).toEqual([]);
  });
});

describe('cold parts', () => {
  const split = (hot: string, rare: string) => `
      #ifdef FIX
      #define HOT ${hot}
      #define RARE ${rare}
      #else
      #define HOT 1
      #define RARE "rare"
      #endif
      int worker(int n) {
        if (unlikely(n == 12345)) { cold_external(RARE); cold_external("twice"); }
        return external(n) + HOT;
      }
      int bystander(int n) { if (unlikely(n == 5)) cold_external("x"); return external(n); }`;

  test('a change in the cold part changes its parent with it', async () => {
    const c = await comparePair(split('1', '"rarer"'));
    expect(namesOf(c.before)).toEqual(expect.arrayContaining(['worker', 'worker.cold', 'bystander.cold']));
    expect(touched(c)).toEqual(['worker changed', 'worker.cold changed']);
    expect(why(c, 'worker.cold')).toBe('reference: "rare" -> "rarer"');
    expect(why(c, 'worker')).toMatch(/^with: /);
    const cold = c.functions.find((change) => change.name === 'worker.cold');
    expect(cold?.parent?.name).toBe('worker');
  });

  test('a change in the parent changes its cold part with it', async () => {
    const c = await comparePair(split('2', '"rare"'));
    expect(touched(c)).toEqual(['worker changed', 'worker.cold changed']);
    expect(why(c, 'worker')).toMatch(/^code: /);
    expect(why(c, 'worker.cold')).toMatch(/^with: /);
  });

  test('nothing changed', async () => {
    const c = await comparePair(split('1', '"rare"'));
    expect(touched(c)).toEqual([]);
  });
});

describe('linkage', () => {
  test('a global function that is gone', async () => {
    const c = await comparePair(`
      #ifndef FIX
      int gone(int n) { return external(n); }
      #endif
      int stays(int n) { return external(n) + 1; }`);
    expect(touched(c)).toEqual(['gone removed']);
    expect(found(c)).toEqual(['KLP143 gone']);
  });

  test('a static function that is gone needs no word', async () => {
    const c = await comparePair(
      `
      #ifndef FIX
      static noinline int gone(int n) { return external(n) + external(n + 1); }
      int stays(int n) { return gone(n) + 1; }
      #else
      int stays(int n) { return external(n) + 1; }
      #endif`,
      ['-fno-ipa-sra'],
    );
    expect(touched(c)).toEqual(['gone removed', 'stays changed']);
    expect(found(c)).toEqual([]);
  });

  test('static to global', async () => {
    const c = await comparePair(
      `
      #ifdef FIX
      #define SCOPE
      #else
      #define SCOPE static
      #endif
      SCOPE noinline used int helper(int n) { return external(n) + 1; }
      int user(int n) { return helper(n) + 1; }`,
      ['-fno-ipa-cp', '-fno-ipa-sra', '-fno-ipa-ra'],
    );
    expect([c.before, c.after].map((model) => model.named('helper')[0].binding)).toEqual([
      STB.LOCAL,
      STB.GLOBAL,
    ]);
    expect(found(c)).toEqual(['KLP144 helper']);
  });

  test('weak to global, and a variable', async () => {
    const c = await comparePair(`
      #ifdef FIX
      int plain(int n) { return external(n); }
      int level = 3;
      #else
      __attribute__((weak)) int plain(int n) { return external(n); }
      static used int level = 3;
      #endif`);
    expect(found(c)).toEqual(['KLP144 level', 'KLP144 plain']);
  });

  const aliases = (names: string) => `
      int impl(int n) { return external(n); }
      int other(int n) { return external(n + 1); }
      ${names}`;

  test('an alias is the function itself', async () => {
    const c = await comparePair(
      aliases(
        'extern __typeof__(impl) nick __attribute__((alias("impl")));\nint user(int n) { return nick(n) + 2; }',
      ),
    );
    expect([c.before.named('nick')[0].name, c.before.named('impl')[0].aliases]).toEqual(['impl', ['nick']]);
    expect([touched(c), found(c)]).toEqual([[], []]);
  });

  test('an alias that is new is told, as nothing of the kernel has it', async () => {
    const c = await comparePair(
      aliases('#ifdef FIX\nextern __typeof__(impl) nick __attribute__((alias("impl")));\n#endif'),
    );
    expect([touched(c), found(c)]).toEqual([[], ['KLP144 nick']]);
    expect(c.findings[0]?.severity).toBe('note');
  });

  test('an alias that leads elsewhere, or nowhere', async () => {
    const c = await comparePair(
      aliases(`
      #ifdef FIX
      extern __typeof__(impl) nick __attribute__((alias("other")));
      #else
      extern __typeof__(impl) nick __attribute__((alias("impl")));
      extern __typeof__(impl) lost __attribute__((alias("impl")));
      #endif`),
    );
    expect(touched(c)).toEqual([]);
    expect(found(c)).toEqual(['KLP143 lost', 'KLP144 nick']);
  });
});

describe('data that functions use', () => {
  test('an index below an array is the array, not its neighbour', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define BASE 2
      #else
      #define BASE 1
      #endif
      static int table[8];
      int get(long n) { int at; asm("mov %P1(,%2,4), %0" : "=r" (at) : "i" ((long)table - 4 * BASE), "r" (n)); return at; }
      int set(unsigned n) { return table[n - 1]++; }`);
    const below = c.before
      .referencesOf(c.before.named('get')[0])
      .find(({ target }) => target.kind === 'piece' && target.piece.name === 'table')?.target;
    expect(below).toMatchObject({ offset: -4 });
    expect(touched(c)).toEqual(['get changed']);
    expect(why(c, 'get')).toBe('reference: table-0x4 -> table-0x8');
  });

  test('another element of an array of another unit', async () => {
    const source = (index: string) => `extern int list[]; int pick(void) { return list[${index}]; }`;
    const c = await comparePair(source('\n#ifdef FIX\n4\n#else\n5\n#endif\n'));
    expect(why(c, 'pick')).toBe('reference: list (addend 16) -> list (addend 12)');
    expect(touched(await comparePair(source('5')))).toEqual([]);
  });

  test('a switch table by its content', async () => {
    const source = (fix: string) => `
      #ifdef FIX
      extern int fresh(int);
      int before_it(unsigned n) { switch (n) { case 0: return 9; case 1: return 77; case 2: return 5; case 3: return 123; case 4: return 8; } return fresh(0); }
      #endif
      int chosen(unsigned n) { switch (n) { case 0: return 3; case 1: return 17; case 2: return 4; case 3: return ${fix}; case 4: return 2; } return external(0); }`;
    const moved = await comparePair(source('99'));
    const tables = (model: typeof moved.before) =>
      namesOf(model).filter((name) => name.startsWith('CSWTCH.')).length;
    expect([tables(moved.before), tables(moved.after)]).toEqual([1, 2]);
    expect([touched(moved), touchedData(moved), found(moved)]).toEqual([['before_it new'], [], []]);
    const changed = await comparePair(source('\n#ifdef FIX\n 98\n#else\n 99\n#endif\n'));
    expect(touched(changed)).toEqual(['before_it new', 'chosen changed']);
    expect(found(changed)).toEqual([]);
    expect(why(changed, 'chosen')).toMatch(/^reference: .*CSWTCH.* -> .*CSWTCH/);
  });

  test('__func__, once-flags and ratelimits get a fresh copy and are compared by content', async () => {
    const source = (name: string) => `
      struct rate { int interval, burst; long state[3]; };
      extern int limit(struct rate *, const char *);
      #ifdef FIX
      void earlier(void) { static struct rate _rs = { 9, 9 }; if (limit(&_rs, __func__) && ONCE()) printk("e"); }
      #endif
      void ${name}(void) { static struct rate _rs = { 5, 10 }; if (limit(&_rs, __func__) && ONCE()) printk("x"); }`;
    const c = await comparePair(source('plain'));
    expect(namesOf(c.after).filter((known) => known.startsWith('__already_done.'))).toHaveLength(2);
    const flag = c.after.pieces.find((piece) => piece.name.startsWith('__already_done.'));
    expect(flag?.section.name).toBe('.data..once');
    expect(flag && c.isFresh(flag)).toBe(true);
    expect([touched(c), touchedData(c), found(c)]).toEqual([['earlier new'], [], []]);
    const rate = await comparePair(
      source('plain').replace('{ 5, 10 }', '\n#ifdef FIX\n{ 5, 20 }\n#else\n{ 5, 10 }\n#endif\n'),
    );
    expect(touched(rate)).toEqual(['earlier new', 'plain changed']);
    expect(found(rate)).toEqual([]);
  });

  test('a store of an immediate leads to its variable, not to the neighbour', async () => {
    const source = `
      static _Bool section(".data.shared") flag_a = 1, flag_b = 1, flag_c = 1, flag_d = 1, flag_e = 1, flag_f = 1, flag_g = 1, flag_h = 1;
      static int section(".data.shared") word_a = 1, word_b = 1, word_c = 1;
      void set(void) { flag_a = 0; flag_d = 0; word_a = 0x12345678; word_b = 7; }
      int get(void) { return flag_a + flag_b + flag_c + flag_d + flag_e + flag_f + flag_g + flag_h + word_a + word_b + word_c; }
      #ifdef FIX
      void clear(void) { flag_b = flag_c = flag_e = flag_f = flag_g = flag_h = 0; word_c = 0; }
      #else
      void clear(void) { flag_b = flag_c = flag_e = flag_f = flag_g = flag_h = 0; word_c = 2; }
      #endif`;
    const c = await comparePair(source);
    const [set] = c.before.named('set');
    const stores = c.before
      .referencesOf(set)
      .filter(({ target }) => target.kind === 'piece' && target.piece.kind === 'object');
    const relative = stores.filter(({ type }) => c.before.arch.isPcRelative(type));
    // The premise: PC-relative, to one shared section, with an immediate behind the field.
    expect(relative.length).toBeGreaterThanOrEqual(4);
    expect(new Set(relative.map(({ symbol }) => symbol)).size).toBe(1);
    expect(
      stores.map(({ target }) => target.kind === 'piece' && [target.piece.name, target.offset]).sort(),
    ).toEqual([
      ['flag_a', 0],
      ['flag_d', 0],
      ['word_a', 0],
      ['word_b', 0],
    ]);
    expect(touched(c)).toEqual(['clear changed']);
  });
});
