import { type ElfFile, FormatError } from '@klpkit/formats';
import type { TableShape } from '../model/sections.ts';

/** What one machine's code and relocations mean. One file per architecture; everything else is free of machine knowledge. */
export interface Arch {
  /** The kernel's or Debian's name of the architecture, for readers. */
  readonly name: string;
  /** `e_machine` of the ELF header. */
  readonly machine: number;
  readonly littleEndian: boolean;
  /** Looks at what the machine alone decides: ABI version, sections of another ABI. @throws {FormatError} */
  checkHeader?(elf: ElfFile): void;
  /** Bytes of the field that a relocation of this type fills; `undefined` for a type that kernel objects do not have. */
  fieldWidth(type: number): number | undefined;
  /** The bits of these bytes that it fills; the others are opcode and registers. */
  fieldMask(type: number): Uint8Array | undefined;
  /** The psABI's name: `R_X86_64_PC32`. */
  relocationName(type: number): string;
  /** True when the field holds a distance from its own place rather than a value. */
  isPcRelative(type: number): boolean;
  /** Equal for types that write the same value in the same way: a branch to a symbol (PLT32) and to a place of this object (PC32). */
  form(type: number): number;
  /** True when the field at `at` of `code`, filled by a relocation of `type`, is the operand of a direct call or jump. */
  isBranchOperand(code: Uint8Array, at: number, type: number): boolean;
  /** True when code begins as the processor wants it of the target of an indirect call (x86: ENDBR64, with IBT). */
  isIndirectTarget(code: Uint8Array): boolean;
  /** True when a function begins as ftrace needs it to take the function over. */
  isFtraceEntry(beginning: FunctionBeginning): boolean;
  /**
   * For each PC-relative operand of `code` (by ascending byte offset of its field) the offset that it counts from. On x86 that is the
   * end of the instruction, so a trailing immediate shifts the target.
   */
  operandBases(code: Uint8Array, operands: readonly { offset: number; type: number }[]): number[];
  /** Shapes of tables that are this machine's own, or differ from x86-64. */
  readonly tables: Readonly<Record<string, TableShape>>;
  /** Section of 8-byte addresses that code refers to in place of the things themselves (`.toc`). */
  readonly addressTable?: string;
  /** True when code loads addresses that it cannot form itself from mergeable constants: on s390x those of odd places. */
  readonly poolsAddresses?: boolean;
  /** True when gcc may reach several variables of a section from one of them (-fsection-anchors). */
  readonly hasAnchors: boolean;
  /** True for a symbol that only tells code from data (`$x`, `$d`). */
  isMappingSymbol(name: string): boolean;
  /** What `st_other` of a function says of its entry points; equal on both sides of an unchanged function. */
  entryForm(other: number): number;
  /** The instruction that covers `offset`, as text with its start and length, or `undefined` when bytes there do not decode. */
  instructionAt(code: Uint8Array, offset: number): DecodedInstruction | undefined;
  /** Every instruction of `code` in order; undecodable bytes come as one `(bad)` each. */
  instructions(code: Uint8Array): DecodedInstruction[];
  /** Every instruction of `code` in order as place and length, and where direct jumps and calls go; the cheap form of `instructions`. */
  steps(code: Uint8Array): Step[];
  /**
   * How objtool rewrites a jump-label site of these bytes, or `undefined` when the bytes are no jump.
   * Source: tools/objtool/check.c, `handle_jump_alt()`.
   */
  jumpLabelNop(jump: Uint8Array): Uint8Array | undefined;
  /** Every nop that {@link jumpLabelNop} can give. */
  readonly jumpLabelNops: readonly Uint8Array[];
}

/** What {@link Arch.isFtraceEntry} looks at. */
export interface FunctionBeginning {
  readonly code: Uint8Array;
  /** References to undefined symbols among the first 32 bytes; `offset` counts from the start of the function. */
  readonly calls: readonly { readonly name: string; readonly offset: number }[];
  /** True when `__patchable_function_entries` has an entry for the function. */
  readonly isPatchable: boolean;
}

/** One instruction as text; `offset` counts from the start of the code that was given. */
export interface DecodedInstruction {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
  /** `call`, `jmp`, `ret` and the like, for readers; never decides anything. */
  readonly mnemonic: string;
}

/** One instruction as place and length; `offset` counts from the start of the code that was given. */
export interface Step {
  readonly offset: number;
  readonly length: number;
  /** What a direct jump or call does and where it goes: `kind` is equal for all encodings of one operation; `target` may lie outside the code. */
  readonly branch?: {
    readonly kind: string;
    readonly target: number;
    /** Where the bytes with the displacement are, from the start of the instruction, and how many. */
    readonly at: number;
    readonly width: number;
    /** Bits of these bytes that are displacement. */
    readonly mask: Uint8Array;
  };
  /** True for a return and an indirect jump: the next instruction is not run after it. */
  readonly isEnd?: boolean;
  /** True for a no-operation of any length. */
  readonly isNop?: boolean;
}

const archs: Arch[] = [];

/** Makes an architecture known; called once by each file of this folder. */
export function registerArch(arch: Arch): void {
  archs.push(arch);
}

/**
 * What klpkit knows of the machine that an object is for.
 *
 * @throws {FormatError} when the machine is not supported, naming its number
 */
export function archOf(elf: ElfFile): Arch {
  const arch = archs.find((candidate) => candidate.machine === elf.machine);
  if (!arch) {
    const known = archs.map(({ name, machine }) => `${name} (${machine})`).join(', ');
    throw new FormatError(`elf: machine ${elf.machine} at offset 18 is not supported; ${known} are`);
  }
  if (elf.littleEndian !== arch.littleEndian)
    throw new FormatError(
      `elf: data encoding ${elf.littleEndian ? 1 : 2} at offset 5, ${arch.name} has ${arch.littleEndian ? 1 : 2}`,
    );
  arch.checkHeader?.(elf);
  return arch;
}
