import { describe, expect, test } from 'vitest';
import { comparePair, found, namesOf, touched, touchedData, why } from '../testing/compile.ts';

/*
 * What a comparison of two objects must see through, and what it must not: one group for each kind, both directions in each. What
 * gcc does by itself is tested beside the code that deals with it; here names are given in the assembler's way where gcc would
 * choose them in units too large for a test.
 */

/** A static function under the name that the compiler gives it on each side. */
const named = (before: string, after: string, body: string, more = '') => `
  #ifdef FIX
  #define NAME "${after}"
  #define MORE ${more}
  #else
  #define NAME "${before}"
  #define MORE
  #endif
  static noinline int f(int n) asm(NAME);
  static noinline int f(int n) { ${body} }
  int one(int n) { return f(n) + 1; }
  int two(int n) { return f(n) + 2; }`;

describe('clones', () => {
  const kinds = ['isra', 'constprop', 'part', 'isra.0.part', 'constprop.0.isra'];

  test.each(kinds)('.%s renumbered changes nobody', async (kind) => {
    const c = await comparePair(named(`f.${kind}.0`, `f.${kind}.7`, 'return external(n) * 3;'));
    expect(namesOf(c.before)).toContain(`f.${kind}.0`);
    expect(namesOf(c.after)).toContain(`f.${kind}.7`);
    expect([touched(c), found(c)]).toEqual([[], []]);
  });

  test.each(kinds)('.%s renumbered and changed is changed, and its callers are not', async (kind) => {
    const c = await comparePair(named(`f.${kind}.0`, `f.${kind}.7`, 'return external(n) * 3 MORE;', '+ 9'));
    expect(touched(c)).toEqual([`f.${kind}.7 changed`]);
  });

  test.each(kinds)('.%s that appears or disappears takes its callers along', async (kind) => {
    const body = 'return external(n) * 3;';
    const appears = await comparePair(named('f', `f.${kind}.0`, body));
    const plain = [...new Set([`f.${kind}.0 new`, 'f removed', 'one changed', 'two changed'])].sort();
    expect(touched(appears)).toEqual(plain);
    const disappears = await comparePair(named(`f.${kind}.0`, 'f', body));
    expect(touched(disappears)).toEqual(
      ['f new', `f.${kind}.0 removed`, 'one changed', 'two changed'].sort(),
    );
    expect([found(appears), found(disappears)]).toEqual([[], []]);
  });

  test('.constprop that gcc gives up as a caller passes something else', async () => {
    const c = await comparePair(`
      static noinline int scale(int a, int b) { return external(a * b) + external(a) * 2; }
      int one(int a) { return scale(a, 5) + scale(a + 1, 5); }
      #ifdef FIX
      int two(int a, int b) { return scale(a, b); }
      #endif`);
    expect(namesOf(c.before)).toContain('scale.constprop.0');
    expect(namesOf(c.after)).toContain('scale');
    expect(touched(c)).toEqual(['one changed', 'scale new', 'scale.constprop.0 removed', 'two new']);
  });

  test('.part that gcc makes as the body grows, and does without as it shrinks', async () => {
    const source = (before: string, after: string) => `
      struct node { struct node *next; int n; };
      extern void slow(struct node *, int), slower(struct node *);
      #ifdef FIX
      #define REST ${after}
      #else
      #define REST ${before}
      #endif
      static void drop(struct node *n) { if (!n->n) return; REST }
      void a(struct node *n) { drop(n); }
      void b(struct node *n) { drop(n); drop(n->next); }
      void bystander(struct node *n) { slower(n); }`;
    const small = 'slower(n);';
    const large =
      'slow(n, 1); slower(n); slow(n->next, 2); slower(n->next); slow(n, 3); slower(n); slow(n, 4);';
    const grown = await comparePair(source(small, large));
    expect(namesOf(grown.before)).not.toContain('drop.part.0');
    expect(namesOf(grown.after)).toContain('drop.part.0');
    expect(touched(grown)).toEqual(['a changed', 'b changed', 'drop.part.0 new']);
    const shrunk = await comparePair(source(large, small));
    expect(touched(shrunk)).toEqual(['a changed', 'b changed', 'drop.part.0 removed']);
    expect(touched(await comparePair(source(large, large)))).toEqual([]);
  });

  test('.cold that appears or disappears changes its parent alone', async () => {
    const source = (before: string, after: string) => `
      #ifdef FIX
      #define RARE ${after}
      #else
      #define RARE ${before}
      #endif
      int worker(int n) { RARE return external(n) + 1; }
      int bystander(int n) { if (unlikely(n == 5)) cold_external("x"); return external(n); }`;
    const rare = 'if (unlikely(n == 12345)) { cold_external("rare"); cold_external("twice"); }';
    const appears = await comparePair(source('', rare));
    expect(namesOf(appears.before)).not.toContain('worker.cold');
    expect(touched(appears)).toEqual(['worker changed', 'worker.cold new']);
    expect(appears.functions.find(({ name }) => name === 'worker.cold')?.parent?.name).toBe('worker');
    const disappears = await comparePair(source(rare, ''));
    expect(touched(disappears)).toEqual(['worker changed', 'worker.cold removed']);
    expect([found(appears), found(disappears)]).toEqual([[], []]);
  });

  test('.cold with a number, as older compilers write it, goes with its parent', async () => {
    const source = (number: string, word: string) => `
      #ifdef FIX
      #define COLD "worker.cold.${number}"
      #define WORD "${word}"
      #else
      #define COLD "worker.cold.0"
      #define WORD "rare"
      #endif
      void worker_cold(void) asm(COLD);
      section(".text.unlikely.worker") void worker_cold(void) { cold_external(WORD); }
      int worker(int n) { if (unlikely(n == 5)) worker_cold(); return external(n); }`;
    expect(touched(await comparePair(source('4', 'rare')))).toEqual([]);
    expect(touched(await comparePair(source('4', 'rarer')))).toEqual([
      'worker changed',
      'worker.cold.4 changed',
    ]);
  });
});

describe('static variables of functions', () => {
  test('that move between a function and its cold part are the same', async () => {
    const source = (hot: string, rare: string) => `
      #ifdef FIX
      #define HOT ${hot}
      #define RARE ${rare}
      #else
      #define HOT last++
      #define RARE 0
      #endif
      int worker(int n) {
        static int last;
        if (unlikely(n == 12345)) { cold_external("rare"); external(RARE); cold_external("twice"); }
        return external(n) + HOT;
      }
      int other(int n) { static int last; return external(last++); }`;
    const c = await comparePair(source('0', 'last++'));
    const user = (model: typeof c.before, name: string) =>
      model
        .referencesOf(model.named(name)[0])
        .flatMap(({ target }) =>
          target.kind === 'piece' && target.piece.name.startsWith('last') ? [target.piece] : [],
        );
    // The premise: the hot part had it, the cold part has it.
    const [was] = user(c.before, 'worker');
    const [is] = user(c.after, 'worker.cold');
    expect([user(c.before, 'worker.cold'), user(c.after, 'worker')]).toEqual([[], []]);
    expect(was && c.correlation.afterOf(was)).toBe(is);
    expect([touched(c), found(c)]).toEqual([['worker changed', 'worker.cold changed'], []]);
    expect(touched(await comparePair(source('last++', '0')))).toEqual([]);
  });

  test('that make room for a new one of their name are not taken for that', async () => {
    const c = await comparePair(`
      int worker(int n) {
      #ifdef FIX
        if (unlikely(n == 12345)) {
          static int last;
          cold_external("rare"); external(last++); cold_external("twice");
        }
        { static int last; external(last--); }
      #else
        { static int last; external(last++); }
      #endif
        return external(n);
      }`);
    expect(namesOf(c.after)).toContain('worker.cold');
    expect(namesOf(c.after).filter((name) => name.startsWith('last.'))).toHaveLength(2);
    expect(found(c)).toEqual([expect.stringMatching(/^KLP122 last\.\d$/)]);
  });

  test('that an inlined helper brings into several functions stay one', async () => {
    const source = (more: string) => `
      static inline __attribute__((always_inline)) int count(void) { static int seen; return seen++; }
      int one(int n) { return external(count()); }
      int two(int n) { return external(count() + 2); }
      #ifdef FIX
      ${more}
      #endif`;
    const c = await comparePair(source('int three(int n) { return external(count() + 3); }'));
    expect(namesOf(c.after).filter((name) => name.startsWith('seen.'))).toHaveLength(1);
    expect([touched(c), found(c), touchedData(c)]).toEqual([['three new'], [], []]);
    // One of the same name that the fix brings is another.
    const another = await comparePair(
      source('int three(int n) { static int seen; return external(seen--); }'),
    );
    expect(namesOf(another.after).filter((name) => name.startsWith('seen.'))).toHaveLength(2);
    expect(touched(another)).toEqual(['three new']);
    expect(found(another)).toEqual([expect.stringMatching(/^KLP123 seen\.\d$/)]);
  });
});

describe('__UNIQUE_ID names', () => {
  const source = (before: number, after: number, value = '5') => `
    #ifdef FIX
    #define ID(n) __UNIQUE_ID_thing${after}
    #else
    #define ID(n) __UNIQUE_ID_thing${before}
    #endif
    static long used ID(n)[2] = { ${value}, 6 };
    int f(int n) { use(ID(n)); return external(n); }`;

  test('differ by their number alone', async () => {
    const c = await comparePair(source(416, 419));
    expect(namesOf(c.after)).toContain('__UNIQUE_ID_thing419');
    expect([touched(c), found(c), touchedData(c)]).toEqual([[], [], []]);
  });

  test('are compared by what they hold', async () => {
    const c = await comparePair(source(416, 419, '\n#ifdef FIX\n 7\n#else\n 5\n#endif\n'));
    expect(found(c)).toEqual(['KLP501 __UNIQUE_ID_thing419']);
  });
});

describe('strings', () => {
  const source = (text: string, more = '') => `
    #ifdef FIX
    ${more}
    #define TEXT ${text}
    #else
    #define TEXT "a string of the function"
    #endif
    int f(int n) { return printk(TEXT) + external(n); }
    int tail(int n) { return printk("a string of the function" + 9); }
    const char *table[] = { "one", "two" };`;

  test('are their bytes, wherever the assembler puts them', async () => {
    const more =
      'int before(void) { return printk("zero") + printk("a much longer string that is put to the others"); }';
    const c = await comparePair(source('"a string of the function"', more));
    expect([touched(c), found(c)]).toEqual([['before new'], []]);
  });

  test('that differ in one byte, or in length, change their user alone', async () => {
    const changed = await comparePair(source('"a string of the Function"'));
    expect(touched(changed)).toEqual(['f changed']);
    expect(why(changed, 'f')).toBe('reference: "a string of the function" -> "a string of the Function"');
    expect(touched(await comparePair(source('"a string of the function "')))).toEqual(['f changed']);
  });

  test('that are long go to another section of the assembler, and are the same', async () => {
    const long = 'x'.repeat(200);
    const text = (align: string) => `
      #ifdef FIX
      ${align}
      #endif
      int f(int n) { return printk("${long}") + external(n); }`;
    expect(touched(await comparePair(text('')))).toEqual([]);
    expect(touched(await comparePair(text(`int g(void) { return printk("${long}y"); }`)))).toEqual(['g new']);
  });

  test('in data are looked through as well', async () => {
    const c = await comparePair(`
      const char *table[] = { "one",
      #ifdef FIX
      "zwei" };
      #else
      "two" };
      #endif
      const char *same[] = { "one", "two" };
      int f(int n) { return external(*table[n] + *same[n]); }`);
    expect([touched(c), found(c)]).toEqual([[], ['KLP501 table']]);
  });
});

describe('section symbols and named symbols', () => {
  /** Forms in which the assembler may refer to one variable. */
  const source = (before: string, after: string) => `
    #ifdef FIX
    #define PLACE "${after}"
    #else
    #define PLACE "${before}"
    #endif
    asm(".section .data.pair, \\"aw\\"\\n.type first, @object\\nfirst: .quad 1\\n.size first, 8\\n.type second, @object\\nsecond: .quad 2\\n.size second, 8\\n.previous");
    int f(int n) { int v; asm volatile("movl " PLACE "(%%rip), %0" : "=r" (v)); return external(n + v); }`;

  test('lead to the same thing', async () => {
    const c = await comparePair(source('second', '.data.pair + 8'));
    expect([touched(c), found(c)]).toEqual([[], []]);
    expect(touched(await comparePair(source('second', 'first + 8')))).toEqual([]);
  });

  test('or to another', async () => {
    const c = await comparePair(source('second', '.data.pair'));
    expect(touched(c)).toEqual(['f changed']);
    expect(why(c, 'f')).toBe('reference: second -> first');
    expect(touched(await comparePair(source('second', 'second + 4')))).toEqual(['f changed']);
  });
});

describe('weak symbols', () => {
  const source = (before: string, after: string) => `
    #ifdef FIX
    #define BODY ${after}
    #else
    #define BODY ${before}
    #endif
    __attribute__((weak)) int hook(int n) { return external(n BODY); }
    int user(int n) { return hook(n) + 1; }`;

  test('that stay are functions like others', async () => {
    const same = await comparePair(source('', ''));
    expect([touched(same), found(same)]).toEqual([[], []]);
    const c = await comparePair(source('', '+ 1'));
    expect([touched(c), found(c)]).toEqual([['hook changed'], []]);
  });
});

describe('order and numbers', () => {
  const parts = [
    'int a(int n) { return external(n) + printk("a"); }',
    'static int counter; int b(int n) { return external(counter += n); }',
    'int c(int n) { WARN(); return external(n * 3); }',
    'const int limits[] = { 1, 2, 3 }; int d(int n) { return external(limits[n]); }',
    'int e(int n) { if (unlikely(n == 7)) cold_external("e"); return external(n); }',
  ];
  const source = (list: readonly string[], extra = '') =>
    `\n#ifdef FIX\n${list.map((part) => part.trim()).join('\n')}\n${extra}\n#else\n${parts.join('\n')}\n#endif`;

  test('of functions and variables mean nothing', async () => {
    const turned = await comparePair(source([...parts].reverse()));
    expect([touched(turned), found(turned), touchedData(turned)]).toEqual([[], [], []]);
    // The premise: the symbols come in another order.
    expect(namesOf(turned.after)).not.toEqual(namesOf(turned.before));
  });

  test('whatever is put between them', async () => {
    const more = parts.flatMap((part, index) => [
      part,
      `int more${index}(int n) { return external(${index}) + printk("more ${index}"); }`,
    ]);
    const c = await comparePair(source(more));
    expect(touched(c)).toEqual(parts.map((_, index) => `more${index} new`));
    expect(found(c)).toEqual([]);
  });

  test('of statements do', async () => {
    const [first, ...others] = parts;
    const c = await comparePair(
      source([first.replace('external(n) + printk("a")', 'printk("a") + external(n)'), ...others]),
    );
    expect(touched(c)).toEqual(['a changed']);
  });
});
