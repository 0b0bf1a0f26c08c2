import { EM } from '@klpkit/formats';
import { alternatives } from '../model/sections.ts';
import { type Arch, registerArch } from './arch.ts';
import { fieldTable, whole, wordBits } from './fields.ts';
import { type BranchForm, wordDecoder } from './words.ts';

const imm12 = wordBits(0x003ffc00);
const imm14 = wordBits(0x0007ffe0);
const imm16 = wordBits(0x001fffe0);
const imm19 = wordBits(0x00ffffe0);
const imm21 = wordBits(0x60ffffe0);
const imm26 = wordBits(0x03ffffff);

const call26 = 283;
const jump26 = 282;
const conditional19 = 280;
const test14 = 279;

/** ELF for the Arm 64-bit architecture, "Relocation types" (static ones; those of thread-local storage are none of a kernel's). */
const fields = fieldTable('R_AARCH64_', [
  [0, 'NONE', whole(0)],
  [256, 'NONE', whole(0)],
  [257, 'ABS64', whole(8)],
  [258, 'ABS32', whole(4)],
  [259, 'ABS16', whole(2)],
  [260, 'PREL64', whole(8), 'pc'],
  [261, 'PREL32', whole(4), 'pc'],
  [262, 'PREL16', whole(2), 'pc'],
  [263, 'MOVW_UABS_G0', imm16],
  [264, 'MOVW_UABS_G0_NC', imm16],
  [265, 'MOVW_UABS_G1', imm16],
  [266, 'MOVW_UABS_G1_NC', imm16],
  [267, 'MOVW_UABS_G2', imm16],
  [268, 'MOVW_UABS_G2_NC', imm16],
  [269, 'MOVW_UABS_G3', imm16],
  // A signed move is MOVN or MOVZ as the sign of the value demands: that bit of the opcode is the linker's too.
  [270, 'MOVW_SABS_G0', wordBits(0x401fffe0)],
  [271, 'MOVW_SABS_G1', wordBits(0x401fffe0)],
  [272, 'MOVW_SABS_G2', wordBits(0x401fffe0)],
  [273, 'LD_PREL_LO19', imm19, 'pc'],
  [274, 'ADR_PREL_LO21', imm21, 'pc'],
  [275, 'ADR_PREL_PG_HI21', imm21, 'pc'],
  [276, 'ADR_PREL_PG_HI21_NC', imm21, 'pc'],
  [277, 'ADD_ABS_LO12_NC', imm12],
  [278, 'LDST8_ABS_LO12_NC', imm12],
  [test14, 'TSTBR14', imm14, 'pc'],
  [conditional19, 'CONDBR19', imm19, 'pc'],
  [jump26, 'JUMP26', imm26, 'pc'],
  [call26, 'CALL26', imm26, 'pc'],
  [284, 'LDST16_ABS_LO12_NC', imm12],
  [285, 'LDST32_ABS_LO12_NC', imm12],
  [286, 'LDST64_ABS_LO12_NC', imm12],
  [287, 'MOVW_PREL_G0', imm16, 'pc'],
  [288, 'MOVW_PREL_G0_NC', imm16, 'pc'],
  [289, 'MOVW_PREL_G1', imm16, 'pc'],
  [290, 'MOVW_PREL_G1_NC', imm16, 'pc'],
  [291, 'MOVW_PREL_G2', imm16, 'pc'],
  [292, 'MOVW_PREL_G2_NC', imm16, 'pc'],
  [293, 'MOVW_PREL_G3', imm16, 'pc'],
  [299, 'LDST128_ABS_LO12_NC', imm12],
  [309, 'GOT_LD_PREL19', imm19, 'pc'],
  [311, 'ADR_GOT_PAGE', imm21, 'pc'],
  [312, 'LD64_GOT_LO12_NC', imm12],
  [314, 'PLT32', whole(4), 'pc'],
]);

const branch = (
  mnemonic: string,
  mask: number,
  match: number,
  low: number,
  bits: number,
  field: Uint8Array,
  kind?: BranchForm['kind'],
): BranchForm => ({ mnemonic, mask, match, low, bits, scale: 4, field, ...(kind ? { kind } : {}) });

/** Arm Architecture Reference Manual, "Branches, Exception Generating and System instructions". */
const decoder = wordDecoder({
  branches: [
    branch('b', 0xfc000000, 0x14000000, 0, 26, imm26, 'jmp'),
    branch('bl', 0xfc000000, 0x94000000, 0, 26, imm26, 'call'),
    branch('b.cond', 0xff000000, 0x54000000, 5, 19, imm19),
    branch('cbz', 0x7f000000, 0x34000000, 5, 19, imm19),
    branch('cbnz', 0x7f000000, 0x35000000, 5, 19, imm19),
    branch('tbz', 0x7f000000, 0x36000000, 5, 14, imm14),
    branch('tbnz', 0x7f000000, 0x37000000, 5, 14, imm14),
  ],
  // BR and RET, with the forms that authenticate a pointer.
  isEnd: (word) => (word & 0xfe000000) >>> 0 === 0xd6000000 && [0, 2, 8].includes((word >>> 21) & 15),
  isNop: (word) => word === 0xd503201f,
});

/** Instructions that an indirect call may land on: BTI c, BTI jc, PACIASP, PACIBSP. */
const landingPads = new Set([0xd503245f, 0xd50324df, 0xd503233f, 0xd503237f]);

/** arm64, little-endian. */
export const arm64: Arch = {
  ...fields,
  ...decoder,
  name: 'arm64',
  machine: EM.AARCH64,
  littleEndian: true,
  hasAnchors: true,
  // include/asm/{alternative,extable}.h of arch/arm64.
  tables: {
    '.altinstructions': { ...alternatives, entrySize: 12 },
    // Before 5.16 without type and data.
    __ex_table: { entrySize: 12, others: [8], struct: 'exception_table_entry' },
  },
  isBranchOperand: (_code, _at, type) => [call26, jump26, conditional19, test14].includes(type),
  isIndirectTarget: (code) =>
    code.length >= 4 && landingPads.has((code[0] | (code[1] << 8) | (code[2] << 16) | (code[3] << 24)) >>> 0),
  // ftrace finds the nops by the table (-fpatchable-function-entry).
  isFtraceEntry: ({ isPatchable }) => isPatchable,
  operandBases: (_code, operands) => operands.map(({ offset }) => offset),
  isMappingSymbol: (name) => /^\$[xd](\.|$)/.test(name),
  entryForm: () => 0,
  jumpLabelNops: [],
  jumpLabelNop: () => undefined,
};

registerArch(arm64);
