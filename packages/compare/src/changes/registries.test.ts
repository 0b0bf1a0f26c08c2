import { describe, expect, test } from 'vitest';
import { comparePair, found, touched } from '../testing/compile.ts';
import { isKnownRegistry } from './registries.ts';

/** What the kernel's macros leave for the compiler and the assembler, by section. */
const macros = `
  #define PUT(name, value) static unsigned long section(name) used unique(put, __COUNTER__) = (unsigned long)(value);
  #define unique_(a, b) a##b
  #define unique(a, b) unique_(a, b)
  #define NOKPROBE(f) static unsigned long section("_kprobe_blacklist") used _kbl_addr_##f = (unsigned long)f;
  #define INJECT(f) static section("_error_injection_whitelist") used struct { void *addr; int etype; } _eil_addr_##f = { f, 2 };
  #define SETUP(name, f) static section(".init.setup") used struct { const char *str; void *setup; int early; } __setup_##f = { name, f, 0 };
  #define QUIRK(f) asm(".section .pci_fixup_final, \\"a\\"\\n.balign 4\\n.short 0x8086, 0x1234\\n.long 0xffffffff, 0, " #f " - .\\n.previous");
  #define BTF_SET(name, ids) asm(".pushsection .BTF_ids,\\"a\\"\\n.local " #name "\\n" #name ":\\n.zero 4\\n" ids ".popsection");
  #define BTF_ID(name) ".local __BTF_ID__func__" #name "__7\\n.type __BTF_ID__func__" #name "__7, STT_OBJECT\\n.size __BTF_ID__func__" #name "__7, 4\\n__BTF_ID__func__" #name "__7:\\n.zero 4\\n"
  #define TRACEPOINT(name) static const char section("__tracepoints_strings") __tpstrtab_##name[] = #name; \\
    section("__tracepoints") struct { const char *name; long key[9]; } __tracepoint_##name = { __tpstrtab_##name }; \\
    static void *section("__tracepoints_ptrs") used __tracepoint_ptr_##name = &__tracepoint_##name;
  #define EVENT(name) static struct { const char *name; } event_##name = { #name }; \\
    static void *section("_ftrace_events") used __event_##name = &event_##name;
  #define EVAL(name, value) static struct { const char *name; long v; } map_##name = { #name, value }; \\
    static void *section("_ftrace_eval_map") used __p_map_##name = &map_##name;
  #define SYSCALL_META(name, args) static struct { const char *n; int nb; } used __syscall_meta_##name = { #name, args }; \\
    static void *section("__syscalls_metadata") used __p_syscall_meta_##name = &__syscall_meta_##name;
  #define STATIC_CALL(name) asm(".pushsection .static_call.text,\\"ax\\"\\n.globl __SCT__" #name "\\n.type __SCT__" #name ",@function\\n__SCT__" #name ": jmp f\\n.size __SCT__" #name ", .-__SCT__" #name "\\n.popsection");
  #define SRCU(name) struct { int x; } name; static void *section("___srcu_struct_ptrs") used __srcu_struct_##name = &name;
  #define OF_TABLE(f) static section("__timer_of_table") used struct { char compatible[8]; void *data; } __of_table_##f = { "x,y", f };
  #define ACPI_TABLE(f) static section("__timer_acpi_probe_table") used struct { char id[5]; void *probe; } __acpi_probe_##f = { "GTDT", f };
  #define LSM(name_, f) static section(".lsm_info.init") used struct { const char *name; void *init; } __lsm_##name_ = { #name_, f };
  #define CPU(name) static const void *const section(".x86_cpu_dev.init") used __x86_cpu_dev_##name = &name;
  #define DEVICES(bus, name) extern typeof(name) __mod_##bus##__##name##_device_table __attribute__((unused, alias(#name)));
  #define CONSOLE(f) static void *section(".con_initcall.init") used __initcall_##f = f;
  #define INFO(id, text) static const char __UNIQUE_ID_info##id[] section(".modinfo") used __attribute__((aligned(1))) = text;
  #define SCHED(name, f) section("__fair_sched_class") const struct { void *enqueue; } name = { f };
  #define GOVERNOR(name) static void *section("__governor_thermal_table") used __thermal_table_entry_##name = &name;
  #define PRINTK_INDEX(text) { static const struct { const char *fmt; } _entry = { text }; static const void *section(".printk_index") used _entry_ptr = &_entry; }
  int f(int n) { return external(n); }
  int g(int n) { return external(n + 1); }
  int knob; int dial;
  const int ids[] = { 1, 2, 0 };`;
const source = (before: string, after: string) => `${macros}\n#ifdef FIX\n${after}\n#else\n${before}\n#endif`;

const cases: readonly (readonly [
  name: string,
  common: string,
  added: string,
  section: string,
  severity: string,
])[] = [
  ['a function that must not be probed', 'NOKPROBE(f)', 'NOKPROBE(g)', '_kprobe_blacklist', 'error'],
  ['a function that tests may let fail', 'INJECT(f)', 'INJECT(g)', '_error_injection_whitelist', 'note'],
  ['an option of the command line', 'SETUP("a=", f)', 'SETUP("b=", g)', '.init.setup', 'error'],
  ['a quirk', 'QUIRK(f)', 'QUIRK(g)', '.pci_fixup_final', 'error'],
  ['a kfunc', 'BTF_SET(set, BTF_ID(f))', 'BTF_SET(more, BTF_ID(g))', '.BTF_ids', 'error'],
  ['a trace event', 'EVENT(one)', 'EVENT(two)', '_ftrace_events', 'error'],
  ['a name in trace formats', 'EVAL(ONE, 1)', 'EVAL(TWO, 2)', '_ftrace_eval_map', 'note'],
  ['a system call', 'SYSCALL_META(one, 1)', 'SYSCALL_META(two, 2)', '__syscalls_metadata', 'error'],
  ['a static call', 'STATIC_CALL(one)', 'STATIC_CALL(two)', '.static_call.text', 'error'],
  ['a static SRCU structure of a module', 'SRCU(one)', 'SRCU(two)', '___srcu_struct_ptrs', 'error'],
  ['a device-tree table', 'OF_TABLE(f)', 'OF_TABLE(g)', '__timer_of_table', 'error'],
  ['an ACPI table', 'ACPI_TABLE(f)', 'ACPI_TABLE(g)', '__timer_acpi_probe_table', 'error'],
  ['a security module', 'LSM(one, f)', 'LSM(two, g)', '.lsm_info.init', 'error'],
  ['a kind of CPU', 'CPU(knob)', 'CPU(dial)', '.x86_cpu_dev.init', 'error'],
  ['a table of devices', '', 'DEVICES(pci, ids)', 'device table', 'error'],
  ['a console', 'CONSOLE(f)', 'CONSOLE(g)', '.con_initcall.init', 'error'],
  ['an alias', 'INFO(1, "alias=x")', 'INFO(2, "alias=y")', '.modinfo', 'error'],
  ['the text of a parameter', 'INFO(1, "parm=a:x")', 'INFO(2, "parm=b:y")', '.modinfo', 'note'],
  ['a scheduling class', 'SCHED(one, f)', 'SCHED(two, g)', '__fair_sched_class', 'error'],
  ['a thermal governor', 'GOVERNOR(knob)', 'GOVERNOR(dial)', '__governor_thermal_table', 'error'],
];

describe('registrations of every kind', () => {
  test.each(cases)('%s that is added is told', async (_, common, added, section, severity) => {
    expect(isKnownRegistry(section)).toBe(true);
    const c = await comparePair(source(common, `${common}\n${added}`));
    if (section !== 'device table') expect(c.after.elf.sections.map(({ name }) => name)).toContain(section);
    const told = c.findings.filter(({ at }) => at?.section === section);
    expect(told.map(({ id, severity: is }) => [id, is])).toEqual([['KLP507', severity]]);
    expect(told[0]?.what).toMatch(/^the fix adds /);
    expect(touched(c)).toEqual(section === '.static_call.text' ? touched(c) : []);
  });

  test.each(cases)('%s that stays is not', async (_, common, added) => {
    const both = `${common}\n${added}`;
    expect(found(await comparePair(source(both, both)))).toEqual([]);
  });

  test('a tracepoint, in each of its sections', async () => {
    const c = await comparePair(source('TRACEPOINT(one)', 'TRACEPOINT(one) TRACEPOINT(two)'));
    expect(found(c)).toEqual([
      'KLP507 __tracepoints',
      'KLP507 __tracepoints_ptrs',
      'KLP507 __tracepoints_strings',
    ]);
  });

  test('one that is gone stays in the running kernel', async () => {
    const c = await comparePair(source('NOKPROBE(f) NOKPROBE(g)', 'NOKPROBE(f)'));
    expect(c.findings).toMatchObject([
      { severity: 'note', why: 'the running kernel has registered it, and keeps it' },
    ]);
  });

  test('one in a section that nobody knows is not skipped', async () => {
    const c = await comparePair(
      source('PUT("__brand_new_table", f)', 'PUT("__brand_new_table", f) PUT("__brand_new_table", g)'),
    );
    expect(found(c)).toEqual(['unknown-section __brand_new_table']);
  });

  test('formats of messages concern tools alone', async () => {
    const print = (text: string) => `int p(void) { PRINTK_INDEX(${text}) return 1; }`;
    const c = await comparePair(source(print('"a"'), print('"b"')));
    expect(c.findings.every(({ severity }) => severity === 'note')).toBe(true);
  });
});

describe('what is registered of a function that is replaced', () => {
  const changed = (registration: string) => `
    #define NOKPROBE(f) static unsigned long section("_kprobe_blacklist") used _kbl_addr_##f = (unsigned long)f;
    #define INJECT(f) static section("_error_injection_whitelist") used struct { void *addr; int etype; } _eil_addr_##f = { f, 2 };
    #ifdef FIX
    int f(int n) { return external(n + 2); }
    #else
    int f(int n) { return external(n); }
    #endif
    int g(int n) { return external(n + 1); }
    ${registration}`;

  test('does not hold for its replacement', async () => {
    const c = await comparePair(changed('NOKPROBE(f) INJECT(f)'));
    expect(touched(c)).toEqual(['f changed']);
    expect(c.findings.map(({ severity, what }) => `${severity} ${what}`).sort()).toEqual([
      'note f, which is replaced, may be made to fail by tests (ALLOW_ERROR_INJECTION), and the replacement is not on that list',
      'note f, which is replaced, must not be probed (NOKPROBE_SYMBOL), and the replacement is not on that list',
    ]);
  });

  test('and notes for objtool that nobody knows do not travel', async () => {
    const note = 'asm(".pushsection .discard.brand_new, \\"\\"\\n.long 0\\n.popsection");';
    expect(found(await comparePair(changed(note)))).toEqual(['unknown-section .discard.brand_new']);
    const known = note.replace('brand_new', 'addressable');
    expect(found(await comparePair(changed(known)))).toEqual([]);
  });

  test('concerns nobody else', async () => {
    expect(found(await comparePair(changed('NOKPROBE(g) INJECT(g)')))).toEqual([]);
  });
});
