import type { Finding } from '@klpkit/findings';

/** How an entry of a registration section differs between the two sides. */
export type EntryVerb = 'adds' | 'removes' | 'changes';

/** What a registration section is: who writes it, and what a running kernel misses without the change. */
export interface Registry {
  readonly sections: RegExp;
  /** What the source calls it. */
  readonly macro: string;
  /** What does not happen, as a clause. */
  readonly lost: string;
  /** What the author can do. */
  readonly next?: string;
  /** How grave one entry is; an error where it is not said. */
  readonly gravity?: (verb: EntryVerb, entry: string) => Finding['severity'];
}

const removalIsHarmless = (verb: EntryVerb) => (verb === 'removes' ? 'note' : 'error');
const note = () => 'note' as const;

/** Entries of .modinfo that only tell people or programs something, or that another section's finding tells of. */
const informative =
  /^(author|description|version|license|file|import_ns|parm|parmtype|firmware|softdep|intree|name|retpoline|vermagic|depends)=/;

/**
 * Registration sections by what generates them.
 * Sources: include/asm-generic/vmlinux.lds.h, include/linux/{export,init,module,moduleparam,tracepoint,syscalls,static_call,btf_ids,
 * kprobes,pci,acpi,of,lsm_hooks,srcutree,printk,serial_core,thermal}.h, include/trace/, include/asm-generic/error-injection.h,
 * arch/x86/kernel/cpu/cpu.h, kernel/sched/sched.h.
 */
const registries: readonly Registry[] = [
  {
    sections: /^\.export_symbol$|ksymtab|kcrctab/,
    macro: 'EXPORT_SYMBOL',
    lost: 'modules that are built for the new export cannot be loaded; units of this livepatch reach each other without it',
    next: 'nothing, unless a module outside of this fix needs the export',
    gravity: (verb) => (verb === 'removes' ? 'note' : 'warning'),
  },
  {
    sections: /^\.initcall|^\.con_initcall/,
    macro: 'an initcall (module_init, core_initcall …)',
    lost: 'it is called while the kernel boots or the module loads, which has happened',
    next: 'do in a callback what the initcall would do, or leave this part out of the livepatch',
  },
  {
    sections: /^\.exitcall/,
    macro: 'module_exit',
    lost: 'built-in code is never left, and a loaded module keeps the function that it was loaded with',
  },
  {
    sections: /^__param$/,
    macro: 'module_param',
    lost: 'the parameter is in neither /sys/module nor on the command line; code that reads its variable sees the initial value',
    next: 'set the variable in a callback, or leave this part out of the livepatch',
    gravity: removalIsHarmless,
  },
  {
    sections: /^\.init\.setup$/,
    macro: '__setup or early_param',
    lost: 'the command line was read at boot',
    next: 'set in a callback what the option would set, or leave this part out of the livepatch',
  },
  {
    sections: /^_ftrace_eval_map$/,
    macro: 'TRACE_DEFINE_ENUM or TRACE_DEFINE_SIZEOF',
    lost: 'the formats of trace events show a number where a name was meant',
    gravity: note,
  },
  {
    sections: /^__tracepoints|^_ftrace_events|^__bpf_raw_tp|^\.tracepoint_/,
    macro: 'a trace event (TRACE_EVENT, DEFINE_TRACE)',
    lost: 'trace events are registered when the kernel boots or the module loads, so a new one does not exist and a changed one keeps its form',
  },
  {
    sections: /^__tracepoint_str$|^\.printk_index$/,
    macro: 'tracepoint_string or the index of printk formats',
    lost: 'tools that decode traces or logs do not know the text',
    gravity: note,
  },
  {
    sections: /^__syscalls_metadata/,
    macro: 'SYSCALL_DEFINE',
    lost: 'the table of system calls and the trace events of system calls stay as they are',
    gravity: (verb) => (verb === 'changes' ? 'note' : 'error'),
  },
  {
    sections: /^\.static_call/,
    macro: 'DEFINE_STATIC_CALL',
    lost: 'the trampoline of a static call must be known when the kernel or the module is linked',
    next: 'use a function pointer instead',
    gravity: removalIsHarmless,
  },
  {
    sections: /^\.modinfo$/,
    macro: 'MODULE_INFO, MODULE_ALIAS, MODULE_FIRMWARE …',
    lost: 'the information is read from the file of the module, which stays',
    gravity: (_, entry) => (informative.test(entry) ? 'note' : 'error'),
  },
  {
    sections: /^\.BTF_ids$/,
    macro: 'BTF_ID (kfuncs, BPF helpers)',
    lost: 'the ids are filled in when the kernel is linked, and sets of kfuncs are registered at boot',
  },
  {
    sections: /kprobe_blacklist|^\.kprobes\.text_list$/,
    macro: 'NOKPROBE_SYMBOL',
    lost: 'the list of functions that must not be probed is read when the kernel boots or the module loads',
    next: 'nothing, where nobody sets kprobes there; else leave this part out of the livepatch',
    gravity: removalIsHarmless,
  },
  {
    sections: /^_error_injection_whitelist$/,
    macro: 'ALLOW_ERROR_INJECTION',
    lost: 'the list of functions that tests may let fail stays as it is',
    gravity: note,
  },
  {
    sections: /^\.pci_fixup/,
    macro: 'DECLARE_PCI_FIXUP_…',
    lost: 'quirks are taken from a table of the kernel image, most of them while devices are found at boot',
    next: 'do in a callback what the quirk would do to the devices that are there',
  },
  {
    sections: /^___?srcu_struct_ptrs$/,
    macro: 'DEFINE_SRCU in a module',
    lost: 'such a structure is set up when its module is loaded',
    next: 'use init_srcu_struct() in a callback',
    gravity: removalIsHarmless,
  },
  {
    sections: /_of_table(_end)?$|^\.dtb\.|_acpi_probe_table$|^__earlycon_table$|^\.acpi_probe_table$/,
    macro: 'OF_DECLARE, IRQCHIP_DECLARE, ACPI_DECLARE_PROBE_ENTRY or EARLYCON_DECLARE',
    lost: 'such tables are walked once, while the kernel boots',
  },
  {
    sections: /^\.(early_)?lsm_info\.init$/,
    macro: 'DEFINE_LSM',
    lost: 'security modules are set up at boot',
  },
  {
    sections: /^\.x86_(cpu_dev|intel_mid_dev)\.init$|^\.apicdrivers$|^\.iommu_table/,
    macro: 'cpu_dev_register, apic_driver or IOMMU_INIT',
    lost: 'it is chosen once, while the kernel boots',
  },
  {
    sections: /^__\w+_sched_class$/,
    macro: 'DEFINE_SCHED_CLASS',
    lost: 'the running kernel keeps the table of functions that it has, and tasks point to it',
    next: 'patch the functions that the table leads to instead',
  },
  {
    sections: /thermal/,
    macro: 'THERMAL_GOVERNOR_DECLARE',
    lost: 'governors are registered at boot',
  },
  {
    sections: /kunit/,
    macro: 'kunit_test_suites',
    lost: 'tests run when the kernel boots or the module loads',
    gravity: note,
  },
  {
    sections: /^__dyndbg_classes$/,
    macro: 'DECLARE_DYNDBG_CLASSMAP',
    lost: 'classes of debug messages are registered when the kernel boots or the module loads',
    gravity: note,
  },
  {
    sections: /^device table$/,
    macro: 'MODULE_DEVICE_TABLE',
    lost: 'for which devices a module is loaded is read from its file, which stays',
    next: 'nothing, if the module is loaded anyway',
    gravity: removalIsHarmless,
  },
  {
    sections: /^__trace_printk_fmt$/,
    macro: 'trace_printk',
    lost: 'the format is registered when the module is loaded',
    gravity: note,
  },
];

const unknownRegistry: Registry = {
  sections: /^/,
  macro: 'a registration macro',
  lost: 'such registrations are read when the kernel is linked, booted or the module loaded; a livepatch comes later',
};

/** What generates a registration section. */
export function registryOf(section: string): Registry {
  return registries.find(({ sections }) => sections.test(section)) ?? unknownRegistry;
}

/** True for a registration section that {@link registryOf} knows. */
export function isKnownRegistry(section: string): boolean {
  return registryOf(section) !== unknownRegistry;
}
