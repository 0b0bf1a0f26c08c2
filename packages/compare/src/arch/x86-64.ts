import { EM, R_X86_64 } from '@klpkit/formats';
import iced from 'iced-x86';
import { type Arch, type DecodedInstruction, registerArch, type Step } from './arch.ts';

const { Decoder, DecoderOptions, FlowControl, Formatter, FormatterSyntax, Instruction, Mnemonic } = iced;

/** Field widths of the x86-64 psABI, table "Relocation Types". */
const widths = new Map<number, number>([
  [R_X86_64.NONE, 0],
  [R_X86_64[64], 8],
  [R_X86_64.PC64, 8],
  [R_X86_64.PC32, 4],
  [R_X86_64.PLT32, 4],
  [R_X86_64[32], 4],
  [R_X86_64['32S'], 4],
  [R_X86_64.GOTPCREL, 4],
  [R_X86_64.GOTPCRELX, 4],
  [R_X86_64.REX_GOTPCRELX, 4],
  [R_X86_64[16], 2],
  [R_X86_64.PC16, 2],
  [R_X86_64[8], 1],
  [R_X86_64.PC8, 1],
]);

const pcRelative = new Set<number>([
  R_X86_64.PC32,
  R_X86_64.PLT32,
  R_X86_64.PC64,
  R_X86_64.PC16,
  R_X86_64.PC8,
  R_X86_64.GOTPCREL,
  R_X86_64.GOTPCRELX,
  R_X86_64.REX_GOTPCRELX,
]);

const names = new Map<number, string>(
  Object.entries(R_X86_64).map(([name, type]) => [type, `R_X86_64_${name}`]),
);

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
    width: short ? 1 : 4,
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
  return formatter.format(instruction);
}

function decoded(start: number, length: number, instruction: iced.Instruction): DecodedInstruction {
  const text = format(instruction);
  return { offset: start, length, text, mnemonic: text.split(/[\s,]/, 1)[0] };
}

const shortNop = Uint8Array.of(0x66, 0x90);
const nearNop = Uint8Array.of(0x0f, 0x1f, 0x44, 0x00, 0x00);

/** x86-64, decoded by iced-x86. */
export const x86_64: Arch = {
  machine: EM.X86_64,
  fieldWidth: (type) => widths.get(type),
  relocationName: (type) => names.get(type) ?? `type ${type}`,
  isPcRelative: (type) => pcRelative.has(type),
  isBranchOperand(code, at, type) {
    // e8 and e9, or 0f 80 to 0f 8f: no other instruction has these bytes before a PC-relative operand of 4 bytes. An immediate may
    // have them: in `movq $f, -0x18(%rbx)` e8 is the displacement.
    if (type !== R_X86_64.PLT32 && type !== R_X86_64.PC32) return false;
    const last = code[at - 1];
    return last === 0xe8 || last === 0xe9 || (code[at - 2] === 0x0f && (last & 0xf0) === 0x80);
  },
  isIndirectTarget: (code) => code[0] === 0xf3 && code[1] === 0x0f && code[2] === 0x1e && code[3] === 0xfa,
  // The call comes first, or behind ENDBR64 (arch/x86/kernel/ftrace.c).
  isFtraceEntry: (name, offset) => name === '__fentry__' && (offset === 1 || offset === 5),
  instructionEnds(code, fields) {
    const ends: number[] = [];
    let next = 0;
    walk(code, (start, length) => {
      while (next < fields.length && fields[next] < start + length) {
        ends.push(start + length);
        next++;
      }
      return next < fields.length;
    });
    while (ends.length < fields.length) ends.push(code.length);
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
