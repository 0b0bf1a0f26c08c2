import { type Section, SHF, SHT } from '@klpkit/formats';
import type { Arch } from '../arch/arch.ts';

/**
 * What a section of a kernel object is to a livepatch.
 *
 * - `text`, `data`, `rodata`, `bss`: code and variables, compared piece by piece.
 * - `strings`, `constants`: mergeable; their content is their identity.
 * - `init`: code and data that the kernel frees after boot or module load.
 * - `table`: entries that describe places in functions; they travel with the function.
 * - `objtool`: written by objtool, which runs again on the livepatch.
 * - `registration`: registers something at link, boot or load time; cannot travel with a livepatch.
 * - `fragments`: pieces of code or data that functions and tables point into, without symbols.
 * - `ignored`: nothing that the running kernel sees.
 */
export type SectionKind =
  | 'text'
  | 'data'
  | 'rodata'
  | 'bss'
  | 'strings'
  | 'constants'
  | 'init'
  | 'table'
  | 'objtool'
  | 'registration'
  | 'fragments'
  | 'ignored';

/** How the entries of a `table` section are cut. */
export interface TableShape {
  /** Bytes per entry. */
  readonly entrySize: number;
  /** Bytes per entry in older and newer kernels; the object itself tells which it has. */
  readonly others?: readonly number[];
  /** Name of the structure whose size the kernel's BTF gives, where it has one. */
  readonly struct?: string;
  /** Byte ranges of an entry that say where the source was, not what the code does: left out when entries are compared. */
  readonly ignore?: readonly (readonly [start: number, end: number])[];
  /** The same for entries of another size. */
  readonly ignoreIn?: Readonly<Record<number, readonly (readonly [start: number, end: number])[]>>;
  /**
   * Fields of an entry that lead to replacement code, bytes from its start: where that begins, and where it ends; without an end the
   * entry's last byte is the length.
   */
  readonly replacement?: { readonly start: number; readonly end?: number };
  /** Where in an entry its first reference is; 0 when absent. */
  readonly first?: number;
  /** True when distances count from the start of the entry, not from their own field. */
  readonly isFromEntry?: boolean;
}

/** `struct alt_instr` of x86, arm64 and s390: site, replacement, feature, lengths. */
export const alternatives: Pick<TableShape, 'struct' | 'replacement'> = {
  struct: 'alt_instr',
  replacement: { start: 4 },
};

/** The address of a place: a pointer in some kernels (6.1), four bytes in others. */
const place4: TableShape = { entrySize: 4, others: [8] };
const place8: TableShape = { entrySize: 8, others: [4] };

/**
 * Tables that the compiler and the assembler write (x86-64 sizes; those with a `struct` are taken from the kernel's BTF).
 * Older sizes: alternatives had 12 bytes (4.19 with padding 13) before 6.3, jump labels 24 before 4.19, exceptions 8 before 4.6.
 * Sources: include/asm-generic/bug.h and arch/x86/include/asm/{bug,jump_label,alternative,asm,extable}.h,
 * include/linux/{compiler,objtool}.h, scripts/sorttable.h; `parainstructions` is gone since 6.8.
 */
const tables: Readonly<Record<string, TableShape>> = {
  // 16 with a format (6.19), 8 without file and line.
  __bug_table: {
    entrySize: 12,
    others: [16, 8],
    struct: 'bug_entry',
    ignore: [[8, 10]],
    ignoreIn: { 16: [[12, 14]], 8: [] },
  },
  __ex_table: { entrySize: 12, others: [8], struct: 'exception_table_entry' },
  __jump_table: { entrySize: 16, others: [24], struct: 'jump_entry' },
  '.altinstructions': { ...alternatives, entrySize: 14, others: [12, 13] },
  '.smp_locks': { entrySize: 4 },
  '.kcfi_traps': { entrySize: 4 },
  '.parainstructions': { entrySize: 16, struct: 'paravirt_patch_site' },
  __mcount_loc: { entrySize: 8 },
  __patchable_function_entries: { entrySize: 8 },
  '.discard.reachable': place4,
  '.discard.unreachable': place4,
  '.discard.retpoline_safe': place4,
  '.discard.noendbr': place4,
  '.discard.instr_begin': place4,
  '.discard.instr_end': place4,
  '.discard.intra_function_calls': place4,
  '.discard.ignore_alts': place4,
  '.discard.validate_unret': place4,
  '.discard.func_stack_frame_non_standard': place8,
  '.discard.ibt_endbr_noseal': place8,
  '.discard.unwind_hints': { entrySize: 12, struct: 'unwind_hint' },
  '.discard.annotate_insn': { entrySize: 8 },
};

/** Boot-time constants (include/asm-generic/runtime-const.h): `runtime_ptr_SYM`, `runtime_shift_SYM`, 4 bytes each. */
const runtimeConstant = /^runtime_(ptr|shift)_/;

const objtool = new Set([
  '.orc_unwind',
  '.orc_unwind_ip',
  '.orc_header',
  '.return_sites',
  '.retpoline_sites',
  '.call_sites',
  '.static_call_sites',
  '.ibt_endbr_seal',
  '.cfi_sites',
]);

const registration =
  /^(\.initcall.*\.init|\.exitcall\.exit|\.init\.setup|__param|\.export_symbol|___ksymtab.*|___kcrctab.*|__ksymtab.*|__kcrctab.*|__tracepoints(_ptrs|_strings)?|_ftrace_events|_ftrace_eval_map|__syscalls_metadata|__bpf_raw_tp_map|\.BTF_ids|_kprobe_blacklist|_error_injection_whitelist|\.lsm_info\.init|\.early_lsm_info\.init|\.con_initcall\.init|\.static_call\.text|\.static_call_tramp_key|\.modinfo|\.gnu\.linkonce\.this_module|__versions|__modver|\.init\.(ramfs|pi).*|\.x86_cpu_dev\.init|\.apicdrivers|\.x86_intel_mid_dev\.init|__kprobe_blacklist|__kunit_.*|\.kunit_.*|\.printk_index|_{2,3}srcu_struct_ptrs|__trace_printk_fmt|__tracepoint_str|__dyndbg_classes|\.vvar.*|\.data\.\.vvar.*|__of_table.*|__.*_of_table|__governor_thermal_table|__thermal_table_entry.*|(__\w+_|\.)acpi_probe_table|\.dtb\.init.*|__dl_sched_class|__rt_sched_class|__fair_sched_class|__idle_sched_class|__stop_sched_class|__ext_sched_class|\.tracepoint_.*|\.pci_fixup.*|\.builtin_fw|__earlycon_table|\.iommu_table.*|\.altinstr_init|\.kprobes\.text_list)$/;

/**
 * The shape of a table section, or `undefined` when the section is none. `sizes` are structure sizes from the kernel's BTF; without
 * `arch` the shapes are those of x86-64.
 */
export function tableShape(
  name: string,
  sizes?: ReadonlyMap<string, number>,
  arch?: Pick<Arch, 'tables'>,
): TableShape | undefined {
  if (runtimeConstant.test(name)) return { entrySize: 4 };
  const shape = own(arch?.tables, name) ?? own(tables, name);
  if (!shape) return undefined;
  const size = shape.struct === undefined ? undefined : sizes?.get(shape.struct);
  return size === undefined ? shape : { ...shape, entrySize: size, others: [] };
}

/** Bytes of an entry of `size` bytes that do not count in a comparison. */
export function ignoredBytes(
  shape: TableShape | undefined,
  size: number,
): readonly (readonly [start: number, end: number])[] {
  return shape?.ignoreIn?.[size] ?? shape?.ignore ?? [];
}

/** A section may be called `constructor`. */
function own(table: Readonly<Record<string, TableShape>> | undefined, name: string): TableShape | undefined {
  return table && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Structures whose sizes {@link tableShape} takes from the kernel's BTF. */
export const tableStructs: readonly string[] = Object.values(tables).flatMap((shape) =>
  shape.struct === undefined ? [] : [shape.struct],
);

/** True for the table that lists boot-time constants; a function that has one cannot be copied out of the kernel. */
export function isRuntimeConstantTable(name: string): boolean {
  return runtimeConstant.test(name);
}

/** What a section is to a livepatch, by its name, type and flags. */
export function sectionKind(section: Section, arch?: Pick<Arch, 'tables' | 'addressTable'>): SectionKind {
  const { name, type, flags } = section;
  if (tableShape(name, undefined, arch)) return 'table';
  // Its entries are compared where code uses them.
  if (name === arch?.addressTable) return 'ignored';
  if (objtool.has(name)) return 'objtool';
  if (name === '.discard.addressable') return 'ignored';
  if (registration.test(name)) return 'registration';
  if (name === '.altinstr_replacement' || name === '.altinstr_aux' || name === '.fixup') return 'fragments';
  if (type === SHT.GROUP || (flags & SHF.ALLOC) === 0) return 'ignored';
  // What is loaded under a name that only begins like one of these is the source's choice.
  if (/^\.(eh_frame(_hdr)?$|note(\.|$)|llvm[._]|discard(\.|$))/.test(name)) return 'ignored';
  if (/^\.(init|exit|meminit|memexit|devinit|devexit|cpuinit|head)\.|^\.(init|exit|meminit)$/.test(name))
    return 'init';
  if (flags & SHF.MERGE) return flags & SHF.STRINGS ? 'strings' : 'constants';
  if (flags & SHF.EXECINSTR) return 'text';
  if (type === SHT.NOBITS) return 'bss';
  return flags & SHF.WRITE && !/^\.data\.rel\.ro|^\.data\.\.ro_after_init/.test(name) ? 'data' : 'rodata';
}
