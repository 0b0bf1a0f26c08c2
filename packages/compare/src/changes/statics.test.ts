import { describe, expect, test } from 'vitest';
import { comparePair, found, namesOf, touched, touchedData } from '../testing/compile.ts';

type Comparison = Awaited<ReturnType<typeof comparePair>>;

/** What variable a function uses, by stem: its name on each side, and whether the comparison takes them for one. */
function usesOf(
  c: Comparison,
  name: string,
  stem: string,
): { before?: string; after?: string; same: boolean } {
  const find = (model: Comparison['before']) => {
    const [user] = model.named(name);
    const target =
      user &&
      model
        .referencesOf(user)
        .find(({ target }) => target.kind === 'piece' && target.piece.name.startsWith(`${stem}.`))?.target;
    return target?.kind === 'piece' ? target.piece : undefined;
  };
  const b = find(c.before);
  const a = find(c.after);
  return {
    ...(b ? { before: b.name } : {}),
    ...(a ? { after: a.name } : {}),
    same: b !== undefined && a !== undefined && c.correlation.afterOf(b) === a,
  };
}

describe('static variables of functions', () => {
  test('renumbered, as another of the same name was added', async () => {
    const c = await comparePair(`
      int old(void) { static int count; return external(++count); }
      #ifdef FIX
      int added(void) { static int count; return external(count++); }
      #endif`);
    const old = usesOf(c, 'old', 'count');
    expect(old.before).not.toBe(old.after);
    expect(old.same).toBe(true);
    expect(touched(c)).toEqual(['added new']);
    expect(touchedData(c)).toEqual([expect.stringMatching(/^count\.\d new$/)]);
    expect(found(c)).toEqual([expect.stringMatching(/^KLP123 count\.\d$/)]);
    expect(c.findings[0].severity).toBe('note');
  });

  const two = (order: string) => `
      #define ONE int one(void) { static int state = 1; return external(state++); }
      #define TWO int two(void) { static int state = 1; return external(state += 2); }
      #ifdef FIX
      ${order}
      #else
      ONE TWO
      #endif`;

  test('two of one name change numbers with each other', async () => {
    const c = await comparePair(two('TWO ONE'));
    const uses = ['one', 'two'].map((name) => usesOf(c, name, 'state'));
    expect(uses.map(({ before }) => before)).toEqual(uses.map(({ after }) => after).reverse());
    expect(uses.every(({ same }) => same)).toBe(true);
    expect([touched(c), touchedData(c), found(c)]).toEqual([[], [], []]);
  });

  test('the same order: nothing happens', async () => {
    const c = await comparePair(two('ONE TWO'));
    expect(usesOf(c, 'one', 'state')).toMatchObject({ same: true });
    expect([touched(c), touchedData(c), found(c)]).toEqual([[], [], []]);
  });

  test('two in one changed function, used in another order, are not guessed', async () => {
    const source = (second: string) => `
      int both(int n) {
        #ifdef FIX
        if (n > 3) { static int hits${second}; hits += n; external(hits); }
        { static int hits; hits++; use(&hits); }
        #else
        { static int hits; hits++; use(&hits); }
        if (n > 2) { static int hits${second}; hits += n; external(hits); }
        #endif
        return n;
      }`;
    const c = await comparePair(source(''));
    expect(namesOf(c.before).filter((name) => name.startsWith('hits.'))).toHaveLength(2);
    expect(found(c)).toEqual([expect.stringMatching(/^KLP122 hits\.\d$/)]);
    expect(c.findings[0].what).toMatch(/hits\.\d of both and hits\.\d of both before/);
    // With initial values of their own they can be told apart.
    const told = await comparePair(source(' = 7'));
    expect(found(told)).toEqual([]);
    expect(touched(told)).toEqual(['both changed']);
  });

  test('one that moved to another function is not guessed', async () => {
    const c = await comparePair(`
      #ifdef FIX
      int from(void) { return external(1); }
      int to(void) { static int last; return external(last++); }
      #else
      int from(void) { static int last; return external(last++); }
      int to(void) { return external(1); }
      #endif`);
    expect(c.findings.map(({ severity, what }) => [severity, what])).toEqual([
      [
        'error',
        expect.stringMatching(
          /static variable last is which cannot be told: last\.0 of from before, last\.0 of to after$/,
        ),
      ],
    ]);
  });

  test('one that went out of line with its helper is the same', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define INLINE noinline
      #else
      #define INLINE inline __attribute__((always_inline))
      #endif
      static INLINE int helper(int n) { static int last; last += n; return external(last); }
      int user(int n) { return helper(n) + 1; }
      int other(int n) { static int last; return external(last++); }`);
    expect(namesOf(c.before)).not.toContain('helper');
    expect(namesOf(c.after)).toContain('helper');
    const inUser = usesOf(c, 'user', 'last').before;
    const inHelper = usesOf(c, 'helper', 'last').after;
    const was = c.before.pieces.find((piece) => piece.name === inUser);
    expect(was && c.correlation.afterOf(was)?.name).toBe(inHelper);
    expect(touched(c)).toEqual(['helper new', 'user changed']);
    expect(found(c)).toEqual([]);
  });

  test('one that was inlined with its helper is the same', async () => {
    const c = await comparePair(`
      #ifndef FIX
      #define INLINE noinline
      #else
      #define INLINE inline __attribute__((always_inline))
      #endif
      static INLINE int helper(int n) { static int last; last += n; return external(last); }
      int user(int n) { return helper(n) + 1; }
      int other(int n) { static int last; return external(last++); }`);
    const was = c.before.pieces.find((piece) => piece.name === usesOf(c, 'helper', 'last').before);
    expect(was && c.correlation.afterOf(was)?.name).toBe(usesOf(c, 'user', 'last').after);
    expect([touched(c), found(c)]).toEqual([['helper removed', 'user changed'], []]);
  });

  test('one of a copied function: the copy has its own, and a note says so', async () => {
    const c = await comparePair(`
      #ifdef FIX
      noinline int copy(int n) { static int sum; sum += n; return external(sum); }
      int caller(int n) { return copy(n) - 2; }
      #else
      int original(int n);
      int caller(int n) { return original(n) - 2; }
      #endif
      noinline int original(int n) { static int sum; sum += n; return external(sum); }`);
    expect(usesOf(c, 'original', 'sum')).toMatchObject({ before: 'sum.0', after: 'sum.0', same: true });
    expect(touched(c)).toEqual(['caller changed', 'copy new']);
    expect(c.findings.map(({ id, severity, what }) => [id, severity, what])).toEqual([
      ['KLP123', 'note', expect.stringMatching(/^sum\.1 of copy is a new static variable/)],
    ]);
  });

  test('removed', async () => {
    const c = await comparePair(`
      #ifdef FIX
      int f(void) { return external(1); }
      #else
      int f(void) { static int calls; return external(calls++); }
      #endif`);
    expect(touchedData(c)).toEqual(['calls.0 removed']);
    expect([touched(c), found(c)]).toEqual([['f changed'], []]);
  });

  test('moved to file scope under its name', async () => {
    const c = await comparePair(`
      #ifdef FIX
      static int level = 4;
      int f(void) { return external(level++); }
      #else
      int f(void) { static int level = 4; return external(level++); }
      #endif`);
    expect(namesOf(c.before)).toContain('level.0');
    expect(c.correlation.afterOf(c.before.named('level.0')[0])?.name).toBe('level');
    expect([touched(c), touchedData(c), found(c)]).toEqual([[], [], []]);
  });

  test('of another size', async () => {
    const c = await comparePair(`
      #ifdef FIX
      int f(void) { static long last[2]; return external(last[1]++); }
      #else
      int f(void) { static int last; return external(last++); }
      #endif`);
    expect(found(c)).toEqual(['KLP502 last.0']);
  });

  test('used by a jump label alone', async () => {
    const source = `
      struct key { int enabled; void *entries; };
      #define LIKELY(k) asm volatile goto("1: jmp %l[yes]\\n.pushsection __jump_table,\\"aw\\"\\n.balign 8\\n.long 1b - ., %l[yes] - .\\n.quad %c0 + %c1 - .\\n.popsection" : : "i" (&k), "i" (0) : : yes)
      #ifdef FIX
      int added(int n) { static struct key gate; LIKELY(gate); return external(n); yes: return 4; }
      #endif
      int old(int n) { static struct key gate; LIKELY(gate); return external(n) + 2; yes: return 1; }
      int other(int n) { static struct key gate; LIKELY(gate); return external(n) + 3; yes: return 2; }`;
    const c = await comparePair(source);
    expect(namesOf(c.before).filter((name) => name.startsWith('gate.'))).toHaveLength(2);
    // The premise: no code refers to the key, the table does.
    expect(usesOf(c, 'old', 'gate').before).toBeUndefined();
    expect(
      c.beforeTables.of(c.before.named('old')[0]).some((entry) => entry.section.name === '__jump_table'),
    ).toBe(true);
    expect(touched(c)).toEqual(['added new']);
    expect(found(c)).toEqual([expect.stringMatching(/^KLP123 gate\.\d$/)]);
  });

  test('constants by content', async () => {
    const c = await comparePair(`
      #ifdef FIX
      int added(unsigned n) { static const int table[] = { 9, 8, 7, 6 }; use(table); return table[n]; }
      #endif
      int old(unsigned n) { static const int table[] = { 1, 2, 3, 4 }; use(table); return table[n]; }
      #ifdef FIX
      int changed(unsigned n) { static const int other[] = { 1, 2, 3, 5 }; use(other); return other[n]; }
      #else
      int changed(unsigned n) { static const int other[] = { 1, 2, 3, 4 }; use(other); return other[n]; }
      #endif`);
    expect(usesOf(c, 'old', 'table').same).toBe(true);
    expect(touched(c)).toEqual(['added new']);
    expect(found(c)).toEqual(['KLP503 other.0']);
  });

  test('a compound literal that can be written is state, a constant one is not', async () => {
    const source = (qualifier: string) => `
      struct box { int n; };
      #ifdef FIX
      static struct box *added = &(${qualifier} struct box) { 8 };
      int extra(void) { use(added); return added->n; }
      #endif
      static struct box *const boxed = &(${qualifier} struct box) { 5 };
      int get(void) { use(boxed); return boxed->n; }`;
    const c = await comparePair(source(''));
    const literal = c.before.pieces.find((piece) => piece.name.startsWith('__compound_literal.'));
    expect(literal && c.isFresh(literal)).toBe(false);
    expect(literal && c.correlation.afterOf(literal)).toBeDefined();
    expect(touched(c)).toEqual(['extra new']);
    const constant = await comparePair(source('const'));
    const copy = constant.before.pieces.find((piece) => piece.name.startsWith('__compound_literal.'));
    expect(copy && constant.isFresh(copy)).toBe(true);
    expect(touched(constant)).toEqual(['extra new']);
  });
});
