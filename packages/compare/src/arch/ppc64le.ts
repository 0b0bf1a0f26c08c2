import { EM, FormatError } from '@klpkit/formats';
import { type Arch, registerArch } from './arch.ts';
import { fieldTable, whole, wordBits } from './fields.ts';
import { wordDecoder } from './words.ts';

const half = whole(2);
/** A displacement of a multiple of four: the two bits below are opcode. */
const halfDs = Uint8Array.of(0xfc, 0xff);
const branch24 = wordBits(0x03fffffc);
const branch14 = wordBits(0x0000fffc);
/** A prefixed instruction: 18 bits in the prefix, 16 in the suffix. */
const prefixed34 = Uint8Array.of(0xff, 0xff, 0x03, 0, 0xff, 0xff, 0, 0);

const branchTypes = new Set([10, 11, 12, 13, 116, 124]);

/** 64-bit ELF V2 ABI for Power, "Relocation Types". A field of half a word is at the instruction itself in little-endian order. */
const fields = fieldTable('R_PPC64_', [
  [0, 'NONE', whole(0)],
  [1, 'ADDR32', whole(4)],
  [2, 'ADDR24', branch24],
  [3, 'ADDR16', half],
  [4, 'ADDR16_LO', half],
  [5, 'ADDR16_HI', half],
  [6, 'ADDR16_HA', half],
  [7, 'ADDR14', branch14],
  [10, 'REL24', branch24, 'pc'],
  [11, 'REL14', branch14, 'pc'],
  [12, 'REL14_BRTAKEN', branch14, 'pc'],
  [13, 'REL14_BRNTAKEN', branch14, 'pc'],
  [26, 'REL32', whole(4), 'pc'],
  [38, 'ADDR64', whole(8)],
  [39, 'ADDR16_HIGHER', half],
  [40, 'ADDR16_HIGHERA', half],
  [41, 'ADDR16_HIGHEST', half],
  [42, 'ADDR16_HIGHESTA', half],
  [44, 'REL64', whole(8), 'pc'],
  [47, 'TOC16', half],
  [48, 'TOC16_LO', half],
  [49, 'TOC16_HI', half],
  [50, 'TOC16_HA', half],
  [51, 'TOC', whole(8)],
  [56, 'ADDR16_DS', halfDs],
  [57, 'ADDR16_LO_DS', halfDs],
  [63, 'TOC16_DS', halfDs],
  [64, 'TOC16_LO_DS', halfDs],
  // Marks for the linker and the module loader, which fill nothing.
  [109, 'TOCSAVE', whole(0)],
  [110, 'ADDR16_HIGH', half],
  [111, 'ADDR16_HIGHA', half],
  [116, 'REL24_NOTOC', branch24, 'pc'],
  [117, 'ADDR64_LOCAL', whole(8)],
  [118, 'ENTRY', whole(0)],
  [119, 'PLTSEQ', whole(0)],
  [120, 'PLTCALL', whole(0)],
  [123, 'PCREL_OPT', whole(0)],
  [124, 'REL24_P9NOTOC', branch24, 'pc'],
  [132, 'PCREL34', prefixed34, 'pc'],
  [133, 'GOT_PCREL34', prefixed34, 'pc'],
  [249, 'REL16', half, 'pc'],
  [250, 'REL16_LO', half, 'pc'],
  [251, 'REL16_HI', half, 'pc'],
  [252, 'REL16_HA', half, 'pc'],
]);

/** Power ISA, "Branch Instructions". Absolute branches do not occur. */
const decoder = wordDecoder({
  branches: [
    {
      mnemonic: 'b',
      mask: 0xfc000003,
      match: 0x48000000,
      low: 2,
      bits: 24,
      scale: 4,
      kind: 'jmp',
      field: branch24,
    },
    {
      mnemonic: 'bl',
      mask: 0xfc000003,
      match: 0x48000001,
      low: 2,
      bits: 24,
      scale: 4,
      kind: 'call',
      field: branch24,
    },
    { mnemonic: 'bc', mask: 0xfc000003, match: 0x40000000, low: 2, bits: 14, scale: 4, field: branch14 },
    { mnemonic: 'bcl', mask: 0xfc000003, match: 0x40000001, low: 2, bits: 14, scale: 4, field: branch14 },
  ],
  // bclr and bcctr that are always taken and do not link.
  isEnd: (word) =>
    [0x4c000020, 0x4c000420].includes((word & 0xfc0007ff) >>> 0) && (word & 0x02800000) === 0x02800000,
  isNop: (word) => word === 0x60000000,
});

/** Feature fixups: mask, value, and four distances (arch/powerpc/include/asm/feature-fixups.h). */
const featureFixup = { entrySize: 48, first: 16, replacement: { start: 32, end: 40 }, isFromEntry: true };
const oneDistance = { entrySize: 8 };

/** 64-bit Power, little-endian, ELF ABI version 2. */
export const ppc64le: Arch = {
  ...fields,
  ...decoder,
  name: 'ppc64le',
  machine: EM.PPC64,
  littleEndian: true,
  hasAnchors: true,
  addressTable: '.toc',
  tables: {
    __ex_table: { entrySize: 8, struct: 'exception_table_entry' },
    __ftr_fixup: featureFixup,
    __mmu_ftr_fixup: featureFixup,
    __fw_ftr_fixup: featureFixup,
    __lwsync_fixup: oneDistance,
    __barrier_nospec_fixup: oneDistance,
    __rfi_flush_fixup: oneDistance,
    __entry_flush_fixup: oneDistance,
    __scv_entry_flush_fixup: oneDistance,
    __uaccess_flush_fixup: oneDistance,
    __stf_entry_barrier_fixup: oneDistance,
    __stf_exit_barrier_fixup: oneDistance,
    __btb_flush_fixup: oneDistance,
  },
  checkHeader(elf) {
    // 0 is any version; objects of gcc for ppc64le say 2.
    const abi = elf.flags & 3;
    if (abi === 1)
      throw new FormatError(
        `elf: ABI version 1 in the flags 0x${elf.flags.toString(16)} at offset 48, expected 2 (ELFv2)`,
      );
    const descriptors = elf.sections.find((section) => section.name === '.opd');
    if (descriptors)
      throw new FormatError(
        `elf: section ${descriptors.index} (.opd) holds function descriptors, which ABI version 2 has not`,
      );
  },
  isBranchOperand: (_code, _at, type) => branchTypes.has(type),
  isIndirectTarget: () => true,
  // Nops found by the table, or the call of -mprofile-kernel behind the set-up of the TOC pointer: mflr, (std,) bl _mcount.
  isFtraceEntry: ({ isPatchable, calls }) =>
    isPatchable || calls.some(({ name, offset }) => name === '_mcount' && offset <= 24),
  operandBases: (_code, operands) => operands.map(({ offset }) => offset),
  isMappingSymbol: () => false,
  // Bits 5 to 7 of st_other: how far the local entry point is behind the global one.
  entryForm: (other) => other >> 5,
  jumpLabelNops: [],
  jumpLabelNop: () => undefined,
};

registerArch(ppc64le);
