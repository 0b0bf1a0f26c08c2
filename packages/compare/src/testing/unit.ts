/**
 * The functions and variables of a unit that has most of what kernel objects have: clones, cold parts, static locals of one name,
 * strings, tables, once-flags, special sections, aliases, registrations. Each part stands alone, so that their order is free.
 */
export const unitHead = `
  struct pair { int a, b; long more[9]; };
  struct ops { int (*open)(int); const char *name; };
  extern int key, handler(int);
  int scale_user(int), counter_one(void), aliased(int);
  #define LABEL asm volatile("1: .byte 0x0f, 0x1f, 0x44, 0, 0\\n2: .pushsection __jump_table,\\"aw\\"\\n.balign 8\\n.long 1b - ., 2b - .\\n.quad key - .\\n.popsection")
  #define ALTERNATIVE asm volatile("661: nop\\n662:\\n.pushsection .altinstructions,\\"a\\"\\n.long 661b - ., 663f - .\\n.long 7\\n.byte 1, 664f - 663f\\n.popsection\\n.pushsection .altinstr_replacement,\\"ax\\"\\n663: stac\\n664:\\n.popsection")
  #define AUX asm volatile("jmp 6f\\n5: .pushsection .altinstr_aux,\\"ax\\"\\n6: testb $1, key(%rip)\\njmp 5b\\n.popsection")
`;

export const unitParts: readonly string[] = [
  `static noinline int first(struct pair *p) { int a = p->a; return external(a) * external(a + 1); }
   int sra_user(struct pair *p) { return first(p) + 1; }
   int sra_other(struct pair *p) { return first(p) + 2; }`,
  `static noinline int scale(int a, int b) { return external(a * b) + external(a) * 2; }
   int scale_user(int a) { return scale(a, 5) + scale(a + 1, 5); }`,
  'int counter_one(void) { static int count; return external(count++); }',
  'int counter_two(void) { static int count; return external(count += 2); }',
  'int counter_three(void) { static int count = 3; printk("%d\\n", count); return external(count *= 2); }',
  `int worker(int n) { if (unlikely(n == 12345)) { cold_external("rare"); cold_external("twice"); } return external(n) + 1; }`,
  'int checked(int n) { if (unlikely(n < 0)) WARN(); if (ONCE()) printk("once in %s\\n", __func__); return external(n); }',
  'int checked_too(int n) { if (unlikely(n < 1)) WARN(); if (ONCE()) printk("once in %s\\n", __func__); return external(n); }',
  'int chosen(unsigned n) { switch (n) { case 0: return 3; case 1: return 17; case 2: return 4; case 3: return 99; case 4: return 2; } return external(0); }',
  'int chosen_too(unsigned n) { switch (n) { case 0: return 7; case 1: return 18; case 2: return 5; case 3: return 98; case 4: return 1; } return external(0); }',
  'int labelled(int n) { LABEL; ALTERNATIVE; AUX; return external(n); }',
  'int labelled_too(int n) { AUX; LABEL; return external(n + 1); }',
  'const struct ops table[] = { { handler, "one" }, { external, "two" } };',
  'int impl(int n) { return external(n); } extern __typeof__(impl) aliased __attribute__((alias("impl")));',
  'int section(".init.text") setup(void) { static const char names[][4] section(".init.rodata") = { "ab", "cd" }; return external(names[0][0]); }',
  'static const char __UNIQUE_ID_alias7[] section(".modinfo") used __attribute__((aligned(1))) = "alias=unit";',
  'asm(".section .export_symbol,\\"a\\"\\n__export_symbol_x:\\n.asciz \\"GPL\\"\\n.asciz \\"\\"\\n.balign 8\\n.quad scale_user\\n.previous");',
  'static struct pair shared = { 1, 2 }; struct pair *get(void) { shared.b = 0x1234567; return &shared; } void put(int n) { shared.a = n; shared.more[3] = 9; }',
];
