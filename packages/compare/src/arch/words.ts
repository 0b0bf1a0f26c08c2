import type { DecodedInstruction, Step } from './arch.ts';

/** A direct branch of a machine whose instructions are 32-bit words. */
export interface BranchForm {
  /** `word & mask` is `match`. */
  readonly mask: number;
  readonly match: number;
  readonly mnemonic: string;
  /** Bits of the displacement within the word, adjacent; the displacement counts from the instruction. */
  readonly low: number;
  readonly bits: number;
  /** Bytes that one step of the displacement is worth. */
  readonly scale: number;
  /** What the branch does: `jmp`, `call`, or `undefined` for a condition, where all other bits of the word tell it. */
  readonly kind?: 'jmp' | 'call';
  /** The displacement's bits as bytes of the file. */
  readonly field: Uint8Array;
}

/** What {@link wordDecoder} needs to know of a machine; words are little-endian. */
export interface WordMachine {
  readonly branches: readonly BranchForm[];
  isEnd(word: number): boolean;
  isNop(word: number): boolean;
}

/** The decoding part of an `Arch` for a machine whose instructions are little-endian 32-bit words. */
export function wordDecoder(machine: WordMachine): {
  steps(code: Uint8Array): Step[];
  instructions(code: Uint8Array): DecodedInstruction[];
  instructionAt(code: Uint8Array, offset: number): DecodedInstruction | undefined;
} {
  const wordAt = (code: Uint8Array, at: number) =>
    (code[at] | (code[at + 1] << 8) | (code[at + 2] << 16) | (code[at + 3] << 24)) >>> 0;

  const branchAt = (word: number, at: number) => {
    const form = machine.branches.find(({ mask, match }) => (word & mask) >>> 0 === match);
    if (!form) return undefined;
    const spare = 32 - form.bits;
    const steps = ((word >>> form.low) << spare) >> spare;
    return { form, target: at + steps * form.scale };
  };

  const decode = (code: Uint8Array, at: number): DecodedInstruction => {
    if (at + 4 > code.length)
      return { offset: at, length: code.length - at, text: '(bad)', mnemonic: '(bad)' };
    const word = wordAt(code, at);
    const digits = `0x${word.toString(16).padStart(8, '0')}`;
    const branch = branchAt(word, at);
    const mnemonic = branch?.form.mnemonic ?? (machine.isNop(word) ? 'nop' : digits);
    const text = branch
      ? `${mnemonic} ${branch.target < 0 ? '-' : ''}0x${Math.abs(branch.target).toString(16)} (${digits})`
      : mnemonic;
    return { offset: at, length: 4, text, mnemonic };
  };

  return {
    steps(code) {
      const all: Step[] = [];
      for (let at = 0; at < code.length; at += 4) {
        const step = { offset: at, length: Math.min(4, code.length - at) };
        if (step.length < 4) {
          all.push(step);
          break;
        }
        const word = wordAt(code, at);
        const branch = branchAt(word, at);
        if (branch) {
          const { form, target } = branch;
          const rest = ((1 << form.bits) - 1) << form.low;
          const kind = form.kind ?? `${form.mnemonic} ${((word & ~rest) >>> 0).toString(16)}`;
          all.push({ ...step, branch: { kind, target, at: 0, width: 4, mask: form.field } });
        } else if (machine.isEnd(word)) all.push({ ...step, isEnd: true });
        else all.push(machine.isNop(word) ? { ...step, isNop: true } : step);
      }
      return all;
    },
    instructions(code) {
      const all: DecodedInstruction[] = [];
      for (let at = 0; at < code.length; at += 4) all.push(decode(code, at));
      return all;
    },
    instructionAt(code, offset) {
      return offset < code.length ? decode(code, offset - (offset % 4)) : undefined;
    },
  };
}
