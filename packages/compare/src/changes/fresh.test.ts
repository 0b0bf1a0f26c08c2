import { describe, expect, test } from 'vitest';
import { comparePair, found, namesOf, touched, touchedData, why } from '../testing/compile.ts';

describe('static variables that every use may have of its own', () => {
  // As the kernel's macros declare them.
  const stems: [stem: string, how: string][] = [
    ['__key', ''],
    ['__warned', ''],
    ['__already_done', ''],
    ['_rs', ''],
    ['__print_once', ''],
    ['__msg', 'const'],
    ['_entry', 'const'],
    ['descriptor', 'section("__verbose")'],
  ];

  test.each(stems)('%s is fresh and compared by content', async (stem, how) => {
    const source = (value: string) => `
      int worker(int n) { static ${how} struct { long a; int b; } ${stem} = { 5, ${value} }; use(&${stem}); return external(n); }
      #ifdef FIX
      int added(int n) { static ${how} struct { long a; int b; } ${stem} = { 5, 6 }; use(&${stem}); return external(n); }
      #endif
      int other(int n) { static ${how} struct { long a; int b; } ${stem} = { 5, 7 }; use(&${stem}); return external(n); }`;
    const c = await comparePair(source('6'));
    expect(namesOf(c.before).filter((name) => name.startsWith(`${stem}.`))).toHaveLength(2);
    expect([touched(c), found(c), touchedData(c)]).toEqual([['added new'], [], []]);
    expect(c.after.named(`${stem}.0`).every((piece) => c.isFresh(piece))).toBe(true);
    const changed = await comparePair(source('\n#ifdef FIX\n 8\n#else\n 6\n#endif\n'));
    expect(touched(changed)).toEqual(['added new', 'worker changed']);
  });

  test.each(['__msg', '_entry', 'descriptor'])(
    '%s that can be written to is state of the source',
    async (stem) => {
      const c = await comparePair(`
      int worker(int n) { static struct { long a; int b; } ${stem}; ${stem}.b += n; use(&${stem});
      #ifdef FIX
        n++;
      #endif
        return external(n); }`);
      expect(touched(c)).toEqual(['worker changed']);
      const [state] = c.after.named(`${stem}.0`);
      expect(state && [c.isFresh(state), c.correlation.beforeOf(state)?.name]).toEqual([false, `${stem}.0`]);
    },
  );

  test('one that two uses share is not two of the same content', async () => {
    const source = (own: string) => `
      struct rate { int interval, burst; };
      extern int limit(struct rate *);
      static inline __attribute__((always_inline)) struct rate *shared(void) { static struct rate _rs = { 5, 10 }; return &_rs; }
      static inline __attribute__((always_inline)) struct rate *other(void) { static struct rate _rs = { 5, 10 }; return &_rs; }
      void report(int n) { if (n && limit(shared())) printk("a"); if (limit(${own})) printk("b"); }`;
    const split = await comparePair(source('\n#ifdef FIX\nother()\n#else\nshared()\n#endif\n'));
    expect(touched(split)).toEqual(['report changed']);
    expect(why(split, 'report')).toMatch(/^reference: _rs\.\d -> (another )?_rs\.\d$/);
    for (const own of ['shared()', 'other()']) expect(touched(await comparePair(source(own)))).toEqual([]);
    const swapped = await comparePair(`
      #ifdef FIX
      struct rate; extern int limit(struct rate *);
      void earlier(void) { static long _rs[2]; limit((struct rate *)_rs); }
      #endif
      ${source('other()')}`);
    expect(touched(swapped)).toEqual(['earlier new']);
  });

  test('of the once-section, whatever they are called', async () => {
    const source = (once: string) => `
      int worker(int n) { static _Bool section("${once}") told; if (!told) { told = 1; return external(n); } return 0; }`;
    for (const once of ['.data..once', '.data.once']) {
      const c = await comparePair(`
        #ifdef FIX
        int added(int n) { static _Bool section("${once}") told; return told++; }
        #endif
        ${source(once)}`);
      expect(touched(c)).toEqual(['added new']);
      expect(found(c)).toEqual([]);
    }
    // In an ordinary section its value is state, so that the new one of the same name is told.
    const state = await comparePair(`
      #ifdef FIX
      int added(int n) { static _Bool told; return told++; }
      #endif
      ${source('.data.told')}`);
    expect(found(state)).toEqual([expect.stringMatching(/^KLP123 told/)]);
  });

  test('DO_ONCE is state: it must not happen again', async () => {
    const c = await comparePair(`
      int worker(int n) {
        static _Bool section(".data..do_once") ___done;
        if (!___done) { ___done = 1; external(1); }
      #ifdef FIX
        n++;
      #endif
        return external(n);
      }`);
    expect(touched(c)).toEqual(['worker changed']);
    const done = c.after.pieces.find(({ name }) => name.startsWith('___done'));
    expect(done && [c.isFresh(done), c.correlation.beforeOf(done)?.name]).toEqual([false, done?.name]);
  });
});
