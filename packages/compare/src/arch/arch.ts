import { type ElfFile, FormatError } from '@klpkit/formats';

/** What one machine's code and relocations mean. One file per architecture; everything else is free of machine knowledge. */
export interface Arch {
  /** `e_machine` of the ELF header. */
  readonly machine: number;
  /** Bytes of the field that a relocation of this type fills; `undefined` for a type that kernel objects do not have. */
  fieldWidth(type: number): number | undefined;
  /** The psABI's name: `R_X86_64_PC32`. */
  relocationName(type: number): string;
  /** True when the field holds a distance from its own place rather than a value. */
  isPcRelative(type: number): boolean;
  /** True when the field at `at` of `code`, filled by a relocation of `type`, is the operand of a direct call or jump. */
  isBranchOperand(code: Uint8Array, at: number, type: number): boolean;
  /** True when code begins as the processor wants it of the target of an indirect call (x86: ENDBR64, with IBT). */
  isIndirectTarget(code: Uint8Array): boolean;
  /** True when a function whose first relocation, `offset` bytes from its start, refers to `name` begins with its ftrace entry. */
  isFtraceEntry(name: string, offset: number): boolean;
  /**
   * Ends of instructions in `code`: for each of `fields` (ascending byte offsets) the offset just behind the instruction that holds it.
   * A PC-relative operand counts from there, so a trailing immediate shifts the target.
   */
  instructionEnds(code: Uint8Array, fields: readonly number[]): number[];
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
    readonly target: number /** Bytes of the displacement, the last of the instruction. */;
    readonly width: number;
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

/** @throws {FormatError} when the machine is not supported, naming its number */
export function archOf(elf: Pick<ElfFile, 'machine'>): Arch {
  const arch = archs.find((candidate) => candidate.machine === elf.machine);
  if (!arch)
    throw new FormatError(`elf: machine ${elf.machine} at offset 18 is not supported, x86-64 (62) is`);
  return arch;
}
