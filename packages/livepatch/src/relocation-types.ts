import { EM, R_X86_64 } from '@klpkit/formats';

/** Bytes of the field that a relocation of a KLP section writes; types that are absent here the kernel refuses there. */
const x86Sizes = new Map<number, number>([
  [R_X86_64.NONE, 0],
  [R_X86_64[64], 8],
  [R_X86_64.PC64, 8],
  [R_X86_64[32], 4],
  [R_X86_64['32S'], 4],
  [R_X86_64.PC32, 4],
  [R_X86_64.PLT32, 4],
]);

const x86Names = new Map<number, string>(
  Object.entries(R_X86_64).map(([name, type]) => [type, `R_X86_64_${name}`]),
);

/**
 * Bytes that the module loader writes for a relocation type; `undefined` for a type that it does not know.
 *
 * @see the kernel's arch/x86/kernel/module.c, `__write_relocate_add`
 */
export function relocationSize(machine: number, type: number): number | undefined {
  return machine === EM.X86_64 ? x86Sizes.get(type) : undefined;
}

/** `R_X86_64_PLT32`, or the number of a type without a name here. */
export function relocationName(machine: number, type: number): string {
  return (machine === EM.X86_64 && x86Names.get(type)) || `type ${type}`;
}
