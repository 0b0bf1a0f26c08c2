import { describe, expect, test } from 'vitest';
import { comparePair, found, touched, touchedData } from '../testing/compile.ts';

describe('variables', () => {
  const initial = (value: string) => `
    #ifdef FIX
    #define VALUE ${value}
    #else
    #define VALUE 30
    #endif
    int timeout = VALUE;
    int neighbour = 30;
    int get(void) { return timeout + neighbour; }`;

  test('an initial value that changes', async () => {
    const c = await comparePair(initial('31'));
    expect(touched(c)).toEqual([]);
    expect(touchedData(c)).toEqual(['timeout changed']);
    expect(found(c)).toEqual(['KLP501 timeout']);
    expect(c.findings[0]).toMatchObject({
      severity: 'error',
      what: 'the variable timeout changes its initial value: at byte 0 0x1e before, 0x1f after',
    });
  });

  test('an initial value that stays', async () => {
    const c = await comparePair(initial('30'));
    expect([touched(c), touchedData(c), found(c)]).toEqual([[], [], []]);
  });

  test.each([
    ['from zero', '0', '5'],
    ['to zero', '5', '0'],
  ])('an initial value %s is no other shape, though the section changes', async (_, was, is) => {
    const c = await comparePair(`
      #ifdef FIX
      int level = ${is};
      #else
      int level = ${was};
      #endif`);
    const sections = [c.before, c.after].map((model) => model.named('level')[0].section.name);
    expect(sections.sort()).toEqual(['.bss.level', '.data.level']);
    expect(found(c)).toEqual(['KLP501 level']);
    expect(c.findings[0].what).toContain(`at byte 0 0x${was} before, 0x${is} after`);
  });

  test('a pointer that leads to another function', async () => {
    const source = (fix: string) => `
      struct ops { int (*open)(int); int (*close)(int); };
      static int old_close(int n) { return external(n); }
      static used int new_close(int n) { return external(n + 1); }
      #ifdef FIX
      #define CLOSE ${fix}
      #else
      #define CLOSE old_close
      #endif
      const struct ops file_ops = { external, CLOSE };
      struct ops writable = { external, CLOSE };
      static used int keep(int n) { return old_close(n); }`;
    const c = await comparePair(source('new_close'));
    expect(found(c)).toEqual(['KLP501 writable', 'KLP503 file_ops']);
    expect(c.findings.map(({ what }) => what)).toContain(
      'the constant file_ops changes its content: at byte 8 old_close before, new_close after',
    );
    expect(found(await comparePair(source('old_close')))).toEqual([]);
  });

  test('a constant table', async () => {
    const c = await comparePair(`
      #ifdef FIX
      #define LAST 9
      #else
      #define LAST 8
      #endif
      const short primes[] = { 2, 3, 5, LAST };
      const short others[] = { 2, 3, 5, 7 };`);
    expect(touchedData(c)).toEqual(['primes changed']);
    expect(found(c)).toEqual(['KLP503 primes']);
    expect(c.findings[0].what).toContain('at byte 6 0x8 before, 0x9 after');
  });

  test('a constant table that grows has other content; a variable that does has another shape', async () => {
    const source = (declaration: string) => `
      ${declaration} table[] = { 1, 2,
      #ifdef FIX
      3,
      #endif
      };
      int first(int n) { return external(table[n]); }
      int second(int n) { return external(table[n] + 1); }`;
    const constant = await comparePair(source('static const int'));
    expect(constant.findings).toMatchObject([
      {
        id: 'KLP503',
        what: 'the constant table changes its content: 8 bytes before, 12 after',
        why: expect.stringMatching(/; it is used by first, second$/),
      },
    ]);
    const initial = await comparePair(source('volatile int section(".init.data")'));
    expect(found(initial)).toEqual(['KLP407 table']);
    const variable = await comparePair(source('volatile int'));
    expect(variable.findings).toMatchObject([
      {
        id: 'KLP502',
        why: expect.stringMatching(/; it is used by first, second, and whatever other unit names it$/),
      },
    ]);
  });

  test('a table of strings, by the strings', async () => {
    const source = (fix: string) => `
      #ifdef FIX
      void more(void) { printk("pushes the other strings about"); }
      const char *names[] = { "one", ${fix} };
      #else
      const char *names[] = { "one", "two" };
      #endif`;
    expect(found(await comparePair(source('"two"')))).toEqual([]);
    const c = await comparePair(source('"zwei"'));
    expect(found(c)).toEqual(['KLP501 names']);
    expect(c.findings[0].what).toContain('at byte 8 "two" before, "zwei" after');
  });

  test.each([
    ['size', 'int', 'long', ''],
    ['section', 'int', 'int', 'section(".data..read_mostly")'],
    ['alignment', 'int', 'int', '__attribute__((aligned(64)))'],
    ['constness', 'int', 'const int', ''],
  ])('another %s', async (_, was, is, attribute) => {
    const source = (type: string, with_: string) => `
      #ifdef FIX
      ${type} shape ${with_} = 1;
      #else
      ${was} shape = 1;
      #endif
      int get(void) { return *(volatile int *)&shape; }`;
    const c = await comparePair(source(is, attribute));
    expect(found(c)).toEqual(['KLP502 shape']);
    expect(found(await comparePair(source(was, '')))).toEqual([]);
  });

  test('a new one needs no finding, and one that is gone is listed', async () => {
    const c = await comparePair(`
      #ifdef FIX
      static int fresh = 3;
      int f(void) { return external(fresh++); }
      #else
      static int stale = 3;
      int f(void) { return external(stale++); }
      #endif`);
    expect(touchedData(c)).toEqual(['fresh new', 'stale removed']);
    expect([touched(c), found(c)]).toEqual([['f changed'], []]);
  });

  test('a global one that is gone', async () => {
    const c = await comparePair(`
      #ifndef FIX
      int exported_level = 4;
      #endif
      int stays;`);
    expect(found(c)).toEqual(['KLP143 exported_level']);
  });
});

describe('what happened at boot', () => {
  test('init text is compared like other text, init data is a finding', async () => {
    const source = (data: string, code: string) => `
      #ifdef FIX
      #define DATA ${data}
      #define CODE ${code}
      #else
      #define DATA 1
      #define CODE 1
      #endif
      int section(".init.data") setting = DATA;
      int section(".init.text") setup(void) { return external(CODE); }
      int section(".init.text") first(void) { return external(7) + setting; }`;
    expect(found(await comparePair(source('1', '1')))).toEqual([]);
    const data = await comparePair(source('2', '1'));
    expect(found(data)).toEqual(['KLP407 setting']);
    const code = await comparePair(source('1', '2'));
    expect([touched(code), found(code)]).toEqual([['setup changed'], []]);
  });
});

describe('registrations', () => {
  const macros = `
    #define EXPORT(name, licence) asm(".section \\".export_symbol\\",\\"a\\"\\n__export_symbol_" #name ":\\n.asciz \\"" licence "\\"\\n.asciz \\"\\"\\n.balign 8\\n.quad " #name "\\n.previous");
    #define INITCALL(level, name) asm(".section \\".initcall" #level ".init\\",\\"a\\"\\n__initcall__kmod_unit__" str(__COUNTER__) "_" str(__LINE__) "_" #name #level ":\\n.long " #name " - .\\n.previous");
    #define INFO(id, text) static const char __UNIQUE_ID_info##id[] section(".modinfo") used __attribute__((aligned(1))) = text;
    #define PARAM(name_, mode) static struct param section("__param") used param_##name_ = { #name_, &name_, mode };
    struct param { const char *name; void *var; int mode; };
    int f(int n) { return external(n); }
    int g(int n) { return external(n + 1); }
    int knob; int dial;`;
  const source = (before: string, after: string) => `${macros}
    #ifdef FIX
    ${after}
    #else
    ${before}
    #endif`;

  test('that stay, in another order and with other counters', async () => {
    const all = [
      'EXPORT(f, "GPL")',
      'EXPORT(g, "")',
      'INITCALL(6, f)',
      'INITCALL(6, g)',
      'INFO(1, "alias=x")',
      'INFO(2, "alias=y")',
      'PARAM(knob, 0644)',
      'PARAM(dial, 0600)',
    ];
    const c = await comparePair(
      source(all.join('\n'), ['int counter = __COUNTER__;', ...all.reverse()].join('\n')),
    );
    for (const name of ['.export_symbol', '.initcall6.init', '.modinfo', '__param'])
      expect(c.before.elf.sections.map((section) => section.name)).toContain(name);
    expect([touched(c), found(c)]).toEqual([[], []]);
  });

  test.each([
    [
      'an initcall',
      'INITCALL(6, f)',
      'INITCALL(6, f) INITCALL(6, g)',
      '.initcall6.init',
      'adds g in .initcall6.init (an initcall',
    ],
    [
      'an alias',
      'INFO(1, "alias=x")',
      'INFO(1, "alias=z")',
      '.modinfo',
      'adds alias=z and removes alias=x in',
    ],
    [
      'a parameter',
      'PARAM(knob, 0644)',
      'PARAM(knob, 0644) PARAM(dial, 0644)',
      '__param',
      'adds param_dial in __param (module_param',
    ],
    [
      'a parameter of another mode',
      'PARAM(knob, 0644)',
      'PARAM(knob, 0444)',
      '__param',
      'changes param_knob in __param',
    ],
  ])('%s', async (_, before, after, section, told) => {
    const c = await comparePair(source(before, after));
    expect(found(c)).toEqual([`KLP507 ${section}`]);
    expect(c.findings[0]).toMatchObject({ severity: 'error', what: expect.stringContaining(told) });
    expect(touched(c)).toEqual([]);
  });

  test('an export that comes, goes, or changes its licence: modules outside of the livepatch may miss it', async () => {
    const told = async (before: string, after: string) =>
      (await comparePair(source(before, after))).findings.map(({ severity, what }) => `${severity} ${what}`);
    expect(await told('', 'EXPORT(f, "GPL")')).toEqual([
      'warning the fix adds GPL f in .export_symbol (EXPORT_SYMBOL)',
    ]);
    expect(await told('EXPORT(f, "")', '')).toEqual([
      'note the fix removes f in .export_symbol (EXPORT_SYMBOL)',
    ]);
    expect(await told('EXPORT(f, "")', 'EXPORT(f, "GPL")')).toEqual([
      'warning the fix adds GPL f in .export_symbol (EXPORT_SYMBOL)',
      'note the fix removes f in .export_symbol (EXPORT_SYMBOL)',
    ]);
  });

  test('that only inform people', async () => {
    const c = await comparePair(source('INFO(1, "author=A")', 'INFO(1, "author=A") INFO(2, "author=B")'));
    expect(c.findings.map(({ id, severity }) => [id, severity])).toEqual([['KLP507', 'note']]);
  });
});

describe('what nothing accounts for', () => {
  const asm = (before: string, after: string) => `
    int f(int n) { return external(n); }
    #ifdef FIX
    asm(".pushsection ${after}\\n.popsection");
    #else
    asm(".pushsection ${before}\\n.popsection");
    #endif`;

  test.each([
    [
      'data',
      'my_data,\\"aw\\"\\n.quad 1',
      'my_data,\\"aw\\"\\n.quad 2',
      'my_data',
      '1 bytes without a symbol in my_data change',
    ],
    [
      'constants',
      'my_const,\\"a\\"\\n.quad 1',
      'my_const,\\"a\\"\\n.quad 1, 2',
      'my_const',
      '9 bytes without a symbol in my_const change',
    ],
    [
      'a pointer',
      'my_ptr,\\"a\\"\\n.quad f',
      'my_ptr,\\"a\\"\\n.quad external',
      'my_ptr',
      '8 bytes without a symbol in my_ptr change',
    ],
    [
      'a new section',
      '.data\\n',
      'brand_new,\\"a\\"\\n.byte 7',
      'brand_new',
      '1 bytes without a symbol in brand_new are new',
    ],
    [
      'a lost section',
      'gone,\\"a\\"\\n.byte 7',
      '.data\\n',
      'gone',
      '1 bytes without a symbol in gone are gone',
    ],
    [
      'code without a type',
      '.text\\nhelper: ret\\n',
      '.text\\nhelper: nop; ret\\n',
      '.text',
      '2 bytes at helper in .text change',
    ],
    [
      'a function without a size',
      '.text\\n.type h,@function\\nh: ret\\n',
      '.text\\n.type h,@function\\nh: hlt\\n',
      '.text',
      '1 bytes at h in .text change',
    ],
    [
      'zeroes',
      '.bss..mine,\\"aw\\",@nobits\\n.skip 8',
      '.bss..mine,\\"aw\\",@nobits\\n.skip 16',
      '.bss..mine',
      '16 bytes without a symbol in .bss..mine change',
    ],
  ])('%s', async (_, before, after, section, told) => {
    const c = await comparePair(asm(before, after));
    expect(c.findings.map(({ id, at, what }) => [id, at?.section, what])).toEqual([
      ['unknown-content', section, told],
    ]);
    for (const same of [before, after]) expect(found(await comparePair(asm(same, same)))).toEqual([]);
  });

  test('a variable in a section that someone may collect', async () => {
    const source = (more: string) => `
      static int section("my_list") used first = 1;
      #ifdef FIX
      ${more}
      #endif`;
    expect(found(await comparePair(source('')))).toEqual([]);
    const c = await comparePair(source('static int section("my_list") used second = 2;'));
    expect(c.findings.map(({ id, what }) => [id, what])).toEqual([
      ['unknown-section', 'the fix adds second in my_list, whose purpose klpkit does not know'],
    ]);
  });

  test('a table entry for code without a function', async () => {
    const entry = (type: number) =>
      `.text\\n1: ret\\n.pushsection __ex_table,\\"a\\"\\n.long 1b - ., 1b - ., ${type}\\n.popsection`;
    const c = await comparePair(asm(entry(1), entry(2)));
    expect(c.beforeTables.homeless).toHaveLength(1);
    expect(found(c)).toEqual(['unknown-content __ex_table']);
    expect(found(await comparePair(asm(entry(1), entry(1))))).toEqual([]);
  });

  test('unnamed constants that a function uses are part of the function', async () => {
    const source = (before: string, after: string) => `
      #ifdef FIX
      #define TABLE "${after}"
      #else
      #define TABLE "${before}"
      #endif
      long pick(long n) {
        long at;
        asm(".pushsection .rodata\\n.balign 8\\n1: .quad " TABLE "\\n.popsection\\nmov 1b(,%1,8), %0" : "=r" (at) : "r" (n));
        return at;
      }
      long other(long n) {
        long at;
        asm(".pushsection .rodata\\n.balign 8\\n1: .quad 5, 6, 7\\n.popsection\\nmov 1b(,%1,8), %0" : "=r" (at) : "r" (n));
        return at;
      }`;
    const grown = await comparePair(source('1, 2', '1, 2, 3'));
    const place = grown.after
      .referencesOf(grown.after.named('other')[0])
      .find(({ target }) => target.kind === 'place')?.target;
    // The premise: other()'s constants are unnamed, and moved.
    expect(place).toMatchObject({ kind: 'place', offset: 24 });
    expect([touched(grown), found(grown)]).toEqual([['pick changed'], []]);
    expect(touched(await comparePair(source('1, 2', '1, 3')))).toEqual(['pick changed']);
    expect(touched(await comparePair(source('1, 2', '1, 2')))).toEqual([]);
  });

  test('unnamed variables are the same only when all of their section is', async () => {
    const source = (value: string) => `
      #ifdef FIX
      #define VALUE "${value}"
      #else
      #define VALUE "1"
      #endif
      long bump(void) {
        asm(".pushsection .data..mine,\\"aw\\"\\n1: .quad " VALUE "\\n.popsection\\nincq 1b(%rip)");
        return external(1);
      }`;
    expect(touched(await comparePair(source('2')))).toEqual(['bump changed']);
    expect(touched(await comparePair(source('1')))).toEqual([]);
  });
});

describe('sections of the source that are loaded', () => {
  const section = (name: string, flags = ',\\"a\\"') => `
    #ifdef FIX
    #define VALUE "2"
    #else
    #define VALUE "1"
    #endif
    asm(".pushsection ${name}${flags}\\n.long " VALUE "\\n.popsection");`;

  test.each(['.notebook', '.debugged', '.commentary', '.eh_frames', '.discarded', '.llvmish'])(
    '%s only begins like one that says nothing',
    async (name) => {
      expect(found(await comparePair(section(name)))).toEqual([`unknown-content ${name}`]);
    },
  );

  test.each(['.note.Linux', '.eh_frame', '.discard.thing'])(
    '%s says nothing of the running kernel',
    async (name) => {
      const told = found(await comparePair(section(name)));
      expect(told.filter((each) => each.startsWith('unknown-content'))).toEqual([]);
    },
  );
});

describe('COMDAT groups', () => {
  const thunk = (body: string, group = 'shared_thunk') => `
    #ifdef FIX
    #define BODY "${body}"
    #define GROUP "${group}"
    #else
    #define BODY "ret"
    #define GROUP "shared_thunk"
    #endif
    asm(".section .text." GROUP ",\\"axG\\",@progbits," GROUP ",comdat\\n.weak " GROUP "\\n.type " GROUP ",@function\\n" GROUP ": " BODY "\\n.size " GROUP ", . - " GROUP "\\n.previous");
    int f(int n) { return external(n); }`;

  test('equal ones are the same', async () => {
    const c = await comparePair(thunk('ret'));
    expect(c.before.elf.sections.filter((section) => section.type === 17)).toHaveLength(1);
    expect([touched(c), found(c)]).toEqual([[], []]);
  });

  test('changed and new ones are refused', async () => {
    const changed = await comparePair(thunk('nop; ret'));
    expect(touched(changed)).toEqual(['shared_thunk changed']);
    expect(found(changed)).toEqual(['comdat-group shared_thunk']);
    const renamed = await comparePair(thunk('ret', 'another'));
    expect(found(renamed)).toEqual(['KLP143 shared_thunk', 'comdat-group another']);
  });
});
