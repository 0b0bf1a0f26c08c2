/**
 * Sections of a module that the kernel works on while the module loads, before the KLP relocations of an object that may come
 * later are applied. A reference in one of them to a module's symbol would be looked at while it is still zero: the kernel then
 * builds its tables from nothing, without a word. References to vmlinux are there in time.
 *
 * @see the kernel's arch/x86/kernel/module.c (`module_finalize`), kernel/module/main.c (`find_module_sections`)
 */
export const earlySections: ReadonlyMap<string, string> = new Map([
  ['__jump_table', 'a static key or tracepoint'],
  ['.static_call_sites', 'a static call'],
  ['.altinstructions', 'an alternative'],
  ['.altinstr_replacement', "an alternative's replacement code"],
  ['.parainstructions', 'a paravirt call'],
  ['.smp_locks', 'a lock prefix'],
  ['.retpoline_sites', 'a retpoline site'],
  ['.return_sites', 'a return site'],
  ['.call_sites', 'a call site'],
  ['.ibt_endbr_seal', 'an ENDBR'],
  ['.orc_unwind_ip', 'unwinding data'],
  ['.orc_unwind', 'unwinding data'],
  ['__ex_table', 'an exception table entry'],
  ['__bug_table', 'a warning'],
  ['__mcount_loc', 'an ftrace site'],
  ['__patchable_function_entries', 'an ftrace site'],
  ['__tracepoints', 'a tracepoint'],
  ['__tracepoints_ptrs', 'a tracepoint'],
  ['__bpf_raw_tp_map', 'a tracepoint'],
  ['_ftrace_events', 'a trace event'],
  ['__param', 'a module parameter'],
  ['__ksymtab', 'an export'],
  ['__ksymtab_gpl', 'an export'],
  ['.gnu.linkonce.this_module', "the module's own description"],
  ['.init_array', 'a constructor'],
  ['.ctors', 'a constructor'],
]);

/** What a section that the kernel reads too early holds, in words; `undefined` for one that can wait. */
export function earlyUse(section: string): string | undefined {
  if (/^\.init\.|^\.exit\.|^\.modinfo$/.test(section)) return 'code or data that only init or exit uses';
  return earlySections.get(section);
}
