import { EM } from '@klpkit/formats';
import { alternatives } from '../model/sections.ts';
import { type Arch, type DecodedInstruction, registerArch, type Step } from './arch.ts';
import { fieldTable, whole } from './fields.ts';

/** Types of one form: a branch to a symbol (PLT) is like one to a place of this object. */
const form = { pc16: 17, pc32: 19, pc12: 62, pc24: 64 } as const;
const bits12 = Uint8Array.of(0x0f, 0xff);
const bits20 = Uint8Array.of(0x0f, 0xff, 0xff, 0x00);
const bytes2 = whole(2);
const bytes4 = whole(4);

/** s390x ELF ABI supplement, "Relocation Types". */
const fields = fieldTable('R_390_', [
  [0, 'NONE', whole(0)],
  [1, '8', whole(1)],
  [2, '12', bits12],
  [3, '16', bytes2],
  [4, '32', bytes4],
  [5, 'PC32', bytes4, 'pc'],
  [6, 'GOT12', bits12],
  [7, 'GOT32', bytes4],
  [8, 'PLT32', bytes4, 'pc'],
  [13, 'GOTOFF32', bytes4],
  [14, 'GOTPC', bytes4, 'pc'],
  [15, 'GOT16', bytes2],
  [16, 'PC16', bytes2, 'pc'],
  [17, 'PC16DBL', bytes2, 'pc', form.pc16],
  [18, 'PLT16DBL', bytes2, 'pc', form.pc16],
  [19, 'PC32DBL', bytes4, 'pc', form.pc32],
  [20, 'PLT32DBL', bytes4, 'pc', form.pc32],
  [21, 'GOTPCDBL', bytes4, 'pc'],
  [22, '64', whole(8)],
  [23, 'PC64', whole(8), 'pc'],
  [24, 'GOT64', whole(8)],
  [25, 'PLT64', whole(8), 'pc'],
  [26, 'GOTENT', bytes4, 'pc'],
  [57, '20', bits20],
  [58, 'GOT20', bits20],
  [62, 'PC12DBL', bits12, 'pc', form.pc12],
  [63, 'PLT12DBL', bits12, 'pc', form.pc12],
  [64, 'PC24DBL', whole(3), 'pc', form.pc24],
  [65, 'PLT24DBL', whole(3), 'pc', form.pc24],
]);

/** How far before its field an instruction starts, by relocation type: relative operands count from the instruction. */
const inInstruction = new Map<number, number>([
  [17, 2],
  [18, 2],
  [19, 2],
  [20, 2],
  [21, 2],
  [26, 2],
  [62, 1],
  [63, 1],
  [64, 3],
  [65, 3],
]);

/** z/Architecture, "Instruction Formats": the two leading bits tell the length. */
function lengthAt(code: Uint8Array, at: number): number {
  const lead = code[at] >> 6;
  return Math.min(lead === 0 ? 2 : lead === 3 ? 6 : 4, code.length - at);
}

/** Compare-and-branch (RIE) and branch-on-index instructions with opcode 0xec: the second half of the opcode is the last byte. */
const compareAndBranch = new Set([0x44, 0x45, 0x64, 0x65, 0x76, 0x77, 0x7c, 0x7d, 0x7e, 0x7f]);

/** The direct branch at `at`: displacements are counted in half-words from the instruction. */
function branchAt(code: Uint8Array, at: number, length: number): Step['branch'] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const opcode = code[at];
  const low = code[at + 1] & 15;
  const condition = code[at + 1] >> 4;
  const short = (kind: string) => ({
    kind,
    target: at + view.getInt16(at + 2) * 2,
    at: 2,
    width: 2,
    mask: bytes2,
  });
  const long = (kind: string) => ({
    kind,
    target: at + view.getInt32(at + 2) * 2,
    at: 2,
    width: 4,
    mask: bytes4,
  });
  const jump = condition === 15 ? 'jmp' : `j${condition}`;
  if (length === 4 && opcode === 0xa7) {
    if (low === 4 && condition !== 0) return short(jump);
    if (low === 5) return short('call');
    if (low === 6 || low === 7) return short(`brct ${code[at + 1].toString(16)}`);
  }
  if (length === 4 && (opcode === 0x84 || opcode === 0x85))
    return short(`brx ${opcode.toString(16)}${code[at + 1].toString(16)}`);
  if (length !== 6) return undefined;
  if (opcode === 0xc0 && low === 4 && condition !== 0) return long(jump);
  if (opcode === 0xc0 && low === 5) return long('call');
  if (opcode === 0xec && compareAndBranch.has(code[at + 5])) return short(`crj ${code[at + 5].toString(16)}`);
  return undefined;
}

function isNop(code: Uint8Array, at: number, length: number): boolean {
  const condition = code[at + 1] >> 4;
  const low = code[at + 1] & 15;
  if (length === 2) return code[at] === 0x07 && condition === 0;
  if (length === 4)
    return (code[at] === 0x47 && condition === 0) || (code[at] === 0xa7 && code[at + 1] === 4);
  return length === 6 && code[at] === 0xc0 && low === 4 && condition === 0;
}

function decode(code: Uint8Array, at: number): DecodedInstruction {
  const length = lengthAt(code, at);
  const digits = [...code.subarray(at, at + length)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  const branch = branchAt(code, at, length);
  if (!branch) {
    const text = isNop(code, at, length) ? `nop (${digits})` : digits;
    return { offset: at, length, text, mnemonic: text.split(' ', 1)[0] };
  }
  const [mnemonic] = branch.kind.split(' ', 1);
  const place = `${branch.target < 0 ? '-' : ''}0x${Math.abs(branch.target).toString(16)}`;
  return { offset: at, length, text: `${mnemonic} ${place} (${digits})`, mnemonic };
}

/** s390x, big-endian. */
export const s390x: Arch = {
  ...fields,
  name: 's390x',
  machine: EM.S390,
  littleEndian: false,
  hasAnchors: true,
  poolsAddresses: true,
  // arch/s390/include/asm/{alternative,nospec-branch}.h
  tables: {
    '.altinstructions': { ...alternatives, entrySize: 13, others: [11, 12] },
    '.s390_return_mem': { entrySize: 4 },
    '.s390_return_reg': { entrySize: 4 },
    '.s390_indirect_call': { entrySize: 4 },
    '.s390_indirect_branches': { entrySize: 4 },
    '.s390_indirect_jump': { entrySize: 4 },
    '.nospec_call_table': { entrySize: 4 },
    '.nospec_return_table': { entrySize: 4 },
  },
  isBranchOperand(code, at, type) {
    // PLT32DBL is the operand of LARL as well, which takes an address.
    if (type === 19 || type === 20) return code[at - 2] === 0xc0 && [4, 5].includes(code[at - 1] & 15);
    if (type === 17 || type === 18) return code[at - 2] === 0xa7 && [4, 5].includes(code[at - 1] & 15);
    return type >= 62 && type <= 65;
  },
  isIndirectTarget: () => true,
  // -mfentry: six bytes at the very start, a call or (-mnop-mcount, -mhotpatch=0,3) a jump that is never taken.
  isFtraceEntry: ({ code, calls }) =>
    (code[0] === 0xc0 && code[1] === 0x04 && code.length >= 6 && calls.every(({ offset }) => offset >= 6)) ||
    calls.some(({ name, offset }) => name === '__fentry__' && offset === 2),
  operandBases: (_code, operands) =>
    operands.map(({ offset, type }) => offset - (inInstruction.get(type) ?? 0)),
  isMappingSymbol: () => false,
  entryForm: () => 0,
  jumpLabelNops: [],
  jumpLabelNop: () => undefined,
  steps(code) {
    const all: Step[] = [];
    for (let at = 0; at < code.length; ) {
      const length = lengthAt(code, at);
      const step = { offset: at, length };
      const branch = branchAt(code, at, length);
      const always = code[at + 1] >> 4 === 15;
      if (branch) all.push({ ...step, branch });
      else if (always && ((length === 2 && code[at] === 0x07) || (length === 4 && code[at] === 0x47)))
        all.push({ ...step, isEnd: true });
      else all.push(isNop(code, at, length) ? { ...step, isNop: true } : step);
      at += length;
    }
    return all;
  },
  instructions(code) {
    const all: DecodedInstruction[] = [];
    for (let at = 0; at < code.length; at += lengthAt(code, at)) all.push(decode(code, at));
    return all;
  },
  instructionAt(code, offset) {
    for (let at = 0; at < code.length; ) {
      const length = lengthAt(code, at);
      if (offset < at + length) return decode(code, at);
      at += length;
    }
    return undefined;
  },
};

registerArch(s390x);
