import { EM, R_X86_64 } from '@klpkit/formats';
import iced from 'iced-x86';
import { type Arch, type DecodedInstruction, registerArch, type Step } from './arch.ts';
import { fieldTable, whole } from './fields.ts';

const { Decoder, DecoderOptions, FlowControl, Formatter, FormatterSyntax, Instruction, Mnemonic } = iced;

const byte1 = whole(1);
const bytes4 = whole(4);

/** Types of one form: a branch to a symbol (PLT32) is like one to a place of this object (PC32). */
const relative = { 8: 1, 4: 2, 2: 3, 1: 4 } as const;
const form = (width: keyof typeof relative) => 1000 + relative[width];

/** x86-64 psABI, "Relocation Types". */
const fields = fieldTable('R_X86_64_', [
  [R_X86_64.NONE, 'NONE', whole(0)],
  [R_X86_64[64], '64', whole(8)],
  [R_X86_64.PC64, 'PC64', whole(8), 'pc', form(8)],
  [R_X86_64.PC32, 'PC32', bytes4, 'pc', form(4)],
  [R_X86_64.PLT32, 'PLT32', bytes4, 'pc', form(4)],
  [R_X86_64[32], '32', bytes4],
  [R_X86_64['32S'], '32S', bytes4],
  [R_X86_64.GOTPCREL, 'GOTPCREL', bytes4, 'pc', form(4) + 100],
  [R_X86_64.GOTPCRELX, 'GOTPCRELX', bytes4, 'pc', form(4) + 100],
  [R_X86_64.REX_GOTPCRELX, 'REX_GOTPCRELX', bytes4, 'pc', form(4) + 100],
  [R_X86_64[16], '16', whole(2)],
  [R_X86_64.PC16, 'PC16', whole(2), 'pc', form(2)],
  [R_X86_64[8], '8', byte1],
  [R_X86_64.PC8, 'PC8', byte1, 'pc', form(1)],
]);

/** Decodes from the start; `visit` gets start, length and the decoded instruction, and stops the walk with `false`. */
function walk(
  code: Uint8Array,
  visit: (start: number, length: number, instruction: iced.Instruction) => boolean,
): void {
  if (code.length === 0) return;
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const instruction = new Instruction();
  try {
    let at = 0;
    while (decoder.canDecode) {
      decoder.decodeOut(instruction);
      // Invalid bytes: step over one, as a disassembler does.
      const length = Math.max(1, instruction.length);
      if (!visit(at, length, instruction)) return;
      at += length;
      if (decoder.position !== at) decoder.position = Math.min(at, code.length);
    }
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** The displacement of a direct jump or call is its last byte or its last four bytes. */
function branchOf(
  code: Uint8Array,
  start: number,
  length: number,
  instruction: iced.Instruction,
): Step['branch'] {
  let kind: string;
  if (instruction.isJmpShortOrNear) kind = 'jmp';
  else if (instruction.isJccShortOrNear) kind = `j${instruction.conditionCode}`;
  else if (instruction.isCallNear) kind = 'call';
  else return undefined;
  const end = start + length;
  const short = instruction.isJmpShort || instruction.isJccShort;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  return {
    kind,
    target: end + (short ? view.getInt8(end - 1) : view.getInt32(end - 4, true)),
    at: length - (short ? 1 : 4),
    width: short ? 1 : 4,
    mask: short ? byte1 : bytes4,
  };
}

let formatter: iced.Formatter | undefined;

function format(instruction: iced.Instruction): string {
  if (!formatter) {
    formatter = new Formatter(FormatterSyntax.Gas);
    formatter.ripRelativeAddresses = true;
    formatter.hexPrefix = '0x';
    formatter.hexSuffix = '';
    formatter.uppercaseHex = false;
    formatter.spaceAfterOperandSeparator = true;
  }
  const text = formatter.format(instruction);
  // iced-x86 1.21.0 writes the lower half alone of an immediate of 64 bits.
  if (!text.startsWith('movabs $') || instruction.immediate64 < 2n ** 32n) return text;
  return text.replace(/^movabs \$[^,]+/, `movabs $0x${instruction.immediate64.toString(16)}`);
}

function decoded(start: number, length: number, instruction: iced.Instruction): DecodedInstruction {
  const text = format(instruction);
  return { offset: start, length, text, mnemonic: text.split(/[\s,]/, 1)[0] };
}

const shortNop = Uint8Array.of(0x66, 0x90);
const nearNop = Uint8Array.of(0x0f, 0x1f, 0x44, 0x00, 0x00);

/** x86-64, decoded by iced-x86. */
export const x86_64: Arch = {
  ...fields,
  name: 'x86-64',
  machine: EM.X86_64,
  littleEndian: true,
  hasAnchors: false,
  tables: {},
  isMappingSymbol: () => false,
  entryForm: () => 0,
  isBranchOperand(code, at, type) {
    // e8 and e9, or 0f 80 to 0f 8f: no other instruction has these bytes before a PC-relative operand of 4 bytes. An immediate may
    // have them: in `movq $f, -0x18(%rbx)` e8 is the displacement.
    if (type !== R_X86_64.PLT32 && type !== R_X86_64.PC32) return false;
    const last = code[at - 1];
    return last === 0xe8 || last === 0xe9 || (code[at - 2] === 0x0f && (last & 0xf0) === 0x80);
  },
  isIndirectTarget: (code) => code[0] === 0xf3 && code[1] === 0x0f && code[2] === 0x1e && code[3] === 0xfa,
  // The call comes first, or behind ENDBR64 (arch/x86/kernel/ftrace.c).
  isFtraceEntry: ({ calls: [first] }) =>
    first?.name === '__fentry__' && (first.offset === 1 || first.offset === 5),
  operandBases(code, operands) {
    const ends: number[] = [];
    let next = 0;
    walk(code, (start, length) => {
      while (next < operands.length && operands[next].offset < start + length) {
        ends.push(start + length);
        next++;
      }
      return next < operands.length;
    });
    while (ends.length < operands.length) ends.push(code.length);
    return ends;
  },
  instructionAt(code, offset) {
    let found: DecodedInstruction | undefined;
    walk(code, (start, length, instruction) => {
      if (offset < start + length) {
        found = decoded(start, length, instruction);
        return false;
      }
      return true;
    });
    return found;
  },
  instructions(code) {
    const all: DecodedInstruction[] = [];
    walk(code, (start, length, instruction) => {
      all.push(decoded(start, length, instruction));
      return true;
    });
    return all;
  },
  steps(code) {
    const all: Step[] = [];
    walk(code, (start, length, instruction) => {
      const branch = branchOf(code, start, length, instruction);
      const step = { offset: start, length };
      const flow = instruction.flowControl;
      if (branch) all.push({ ...step, branch });
      else if (flow === FlowControl.Return || flow === FlowControl.IndirectBranch)
        all.push({ ...step, isEnd: true });
      else all.push(instruction.mnemonic === Mnemonic.Nop ? { ...step, isNop: true } : step);
      return true;
    });
    return all;
  },
  jumpLabelNops: [shortNop, nearNop],
  jumpLabelNop(jump) {
    if (jump[0] === 0xeb && jump.length >= 2) return shortNop;
    if (jump[0] === 0xe9 && jump.length >= 5) return nearNop;
    return undefined;
  },
};

registerArch(x86_64);
