import { describe, expect, test } from 'vitest';
import { comparePair, found, touched, why } from '../testing/compile.ts';

const fixed = (before: string, after: string) => `
#ifdef FIX
#define TEXT ${after}
#else
#define TEXT ${before}
#endif
`;

describe('a literal that code indexes', () => {
  // The assembler has the literal and what is added to it, so the byte that is read may be any.
  const cases: [what: string, code: string][] = [
    ['from behind its start', 'char pick(unsigned long n) { return TEXT[n + 1]; }'],
    ['from its end', 'char pick(unsigned long n) { return TEXT[n + 4]; }'],
    ['from behind its end', 'char pick(unsigned long n) { return TEXT[n + 6]; }'],
  ];

  test.each(cases)('%s is compared as a whole', async (_, code) => {
    const c = await comparePair(fixed('"xbc"', '"abc"') + code);
    const [pick] = c.before.named('pick');
    // The premise: the sum is in the code, not in a register.
    expect(c.before.referencesOf(pick).filter(({ target }) => target.kind === 'string')).toEqual([
      expect.objectContaining({
        target: expect.objectContaining({ bytes: 'xbc', shift: expect.any(Number) }),
      }),
    ]);
    expect(touched(c)).toEqual(['pick changed']);
    expect(why(c, 'pick')).toMatch(/^reference: "xbc"\+0x\d -> "abc"\+0x\d$/);
  });

  test.each(cases)('%s is the same, wherever the literal is', async (_, code) => {
    const more = '\n#ifdef FIX\nvoid added(void) { printk("more of it"); }\n#endif\n';
    const c = await comparePair(more + fixed('"xbc"', '"xbc"') + code, [
      '-fno-function-sections',
      '-fno-data-sections',
    ]);
    expect([touched(c), found(c)]).toEqual([['added new'], []]);
  });

  test('at another index is another use', async () => {
    const c = await comparePair(
      `${fixed('2', '3')} char pick(unsigned long n) { return "abcdef"[n + TEXT]; }`,
    );
    expect(why(c, 'pick')).toBe('reference: "abcdef"+0x2 -> "abcdef"+0x3');
  });
});

describe('part of a constant', () => {
  const source = (first: string, second: string) => `
    ${fixed('"1"', first)}
    #ifdef FIX
    #define NEXT ${second}
    #else
    #define NEXT "3"
    #endif
    asm(".section .rodata.cst16,\\"aM\\",@progbits,16\\n.balign 16\\n.quad 1, " TEXT "\\n.quad " NEXT ", 4\\n.text");
    int pick(void) { int n; asm volatile(".reloc . + 2, R_X86_64_PC32, .rodata.cst16 + 4\\n movl 0(%%rip), %0" : "=r"(n)); return n; }`;

  test('ends where the constant does', async () => {
    const c = await comparePair(source('"1"', '"5"'));
    const [pick] = c.before.named('pick');
    // The premise: from the middle of the first one on.
    expect(c.before.referencesOf(pick).map(({ target }) => target)).toContainEqual(
      expect.objectContaining({ kind: 'constant', offset: 8, bytes: '\x01\0\0\0\0\0\0\0' }),
    );
    expect(touched(c)).toEqual([]);
    expect(touched(await comparePair(source('"2"', '"3"')))).toEqual(['pick changed']);
  });

  test('that holds addresses is compared by what they lead to', async () => {
    const source = `
      #ifdef FIX
      #define OTHER &third
      #else
      #define OTHER &second
      #endif
      struct pair { int *a, *b; } at; extern int first, second, third;
      void set(void) { at = (struct pair){ &first, OTHER }; }
      void keep(void) { at = (struct pair){ &third, &first }; }`;
    const c = await comparePair(source, ['-msse2', '-fno-function-sections']);
    const pools = c.before.elf.sections.filter((section) => c.before.kindOf(section) === 'constants');
    // The premise: the addresses are in a mergeable section.
    expect(pools.some((section) => c.before.references(section).length > 0)).toBe(true);
    expect(touched(c)).toEqual(['set changed']);
  });
});
