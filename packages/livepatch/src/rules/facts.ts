/**
 * What the rules ask about the kernel that a livepatch is for. Every answer may be `undefined`, for "not known"; a rule that
 * lacks one stays silent.
 */
export interface KernelFacts {
  /** `e_machine` of the kernel. */
  readonly machine?: number;
  /** Version magic of the kernel's own modules: `6.12.117+deb12-amd64 SMP preempt mod_unload modversions `. */
  readonly vermagic?: string;
  /** True for a kernel with CONFIG_MODVERSIONS. */
  readonly hasVersions?: boolean;
  /**
   * Whether the kernel takes KLP relocations back when their target is unloaded (6.3 and later on x86); one that does not
   * refuses the target when it comes again.
   */
  readonly clearsRelocations?: boolean;
  /** True for `vmlinux` and for modules that the kernel ships (underscores). */
  hasObject?(object: string): boolean | undefined;
  /** How many symbols of that name an object has, as its kallsyms counts them: 0 for none. */
  symbolCount?(object: string, name: string): number | undefined;
  /** An export of the kernel or a module; `null` when there is none of that name. */
  exported?(name: string): ExportFact | null | undefined;
  /** Whether ftrace can divert that function: it has a site at its entry and is not freed after boot. `sympos` 0 is the only one. */
  isTraceable?(object: string, name: string, sympos: number): boolean | undefined;
}

/** Where an exported symbol comes from. */
export interface ExportFact {
  /** `vmlinux`, or a module's name or path. */
  readonly owner: string;
  /** CRC of its type; 0 or absent without MODVERSIONS. */
  readonly crc?: number;
  readonly namespace?: string | undefined;
}
