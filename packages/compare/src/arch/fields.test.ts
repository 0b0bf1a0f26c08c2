import { EM, layoutElf, SHF, SHT, STB, STT, writeObject } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compareObjects } from '../changes/compare.ts';
import { readObjectModel } from '../model/model.ts';
import { touched } from '../testing/compile.ts';

/** An object with one function of these bytes, in which one relocation leads to `x`. */
function objectOf(machine: number, hex: string, offset: number, type: number): Uint8Array {
  return writeObject({
    machine,
    sections: [
      {
        name: '.text.f',
        flags: SHF.ALLOC | SHF.EXECINSTR,
        data: Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
        align: 8,
        relocations: [{ offset, type, symbol: 1, addend: 0 }],
      },
    ],
    symbols: [
      { name: 'f', section: 0, size: hex.length / 2, type: STT.FUNC, binding: STB.GLOBAL },
      { name: 'x', binding: STB.GLOBAL },
    ],
  });
}

describe('a relocation fills some bits of an instruction', () => {
  // Little-endian words as bytes in the file: the same instruction, one with other registers or opcode, one with other linked bits.
  test.each([
    ['arm64 LDST32_ABS_LO12_NC, str w0 or w1', EM.AARCH64, 285, '200000b9', '210000b9', '20fc3fb9'],
    ['arm64 ADR_PREL_PG_HI21, adrp x0 or x1', EM.AARCH64, 275, '00000090', '01000090', 'e0fffff0'],
    ['arm64 ADD_ABS_LO12_NC, add or sub', EM.AARCH64, 277, '00000091', '000000d1', '00fc3f91'],
    ['arm64 CALL26, bl or b', EM.AARCH64, 283, '00000094', '00000014', 'ffffff97'],
    ['arm64 CONDBR19, b.eq or b.ne', EM.AARCH64, 280, '00000054', '01000054', 'e0ffff54'],
    ['arm64 TSTBR14, bit 0 or 1', EM.AARCH64, 279, '00000036', '00000836', 'e0ff0736'],
    ['arm64 MOVW_UABS_G3, movz x0 or x1', EM.AARCH64, 269, '0000e0d2', '0100e0d2', 'e0ffffd2'],
    ['ppc64le TOC16_HA, addis r3 or r4', EM.PPC64, 50, '0000623c', '0000823c', 'ffff623c'],
    ['ppc64le TOC16_LO_DS, ld or lwa', EM.PPC64, 64, '000063e8', '020063e8', 'fcff63e8'],
    ['ppc64le REL24, bl or b', EM.PPC64, 10, '01000048', '00000048', 'fdffff4b'],
    ['ppc64le REL14, beq or bne', EM.PPC64, 11, '00008241', '00008240', 'fcff8241'],
  ])('%s', (_, machine, type, one, other, linked) => {
    const model = (hex: string) => readObjectModel(objectOf(machine, hex, 0, type));
    const [same, changed, filled] = [one, other, linked].map(model);
    expect(touched(compareObjects(same, changed))).toEqual(['f changed']);
    expect(touched(compareObjects(same, filled))).toEqual([]);
  });
});

describe('objects of an ABI that is not read', () => {
  test.each([
    [
      'big-endian arm64',
      { machine: EM.AARCH64, littleEndian: false },
      /data encoding 2 at offset 5, arm64 has 1/,
    ],
    [
      'little-endian s390',
      { machine: EM.S390, littleEndian: true },
      /data encoding 1 at offset 5, s390x has 2/,
    ],
    [
      'big-endian ppc64',
      { machine: EM.PPC64, littleEndian: false },
      /data encoding 2 at offset 5, ppc64le has 1/,
    ],
    ['ELFv1', { machine: EM.PPC64, flags: 1 }, /ABI version 1 in the flags 0x1 at offset 48, expected 2/],
  ])('%s', (_, header, message) => {
    expect(() => readObjectModel(layoutElf({ type: 1, ...header }, []))).toThrow(message);
  });

  test('function descriptors', () => {
    const opd = { name: '.opd', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.WRITE, data: new Uint8Array(24) };
    expect(() => readObjectModel(layoutElf({ type: 1, machine: EM.PPC64 }, [opd]))).toThrow(/\(\.opd\)/);
    expect(
      readObjectModel(layoutElf({ type: 1, machine: EM.PPC64 }, [{ ...opd, name: '.data' }])).pieces,
    ).toEqual([]);
  });
});

test('ppc64le: another local entry point is a change', () => {
  const object = (other: number) =>
    readObjectModel(
      writeObject({
        machine: EM.PPC64,
        sections: [
          {
            name: '.text.f',
            flags: SHF.ALLOC | SHF.EXECINSTR,
            data: Uint8Array.of(0, 0, 0, 0x60, 0x20, 0, 0x80, 0x4e),
            align: 4,
          },
        ],
        symbols: [{ name: 'f', section: 0, size: 8, type: STT.FUNC, binding: STB.GLOBAL, other }],
      }),
    );
  expect(touched(compareObjects(object(0x60), object(0x60)))).toEqual([]);
  expect(touched(compareObjects(object(0x60), object(0)))).toEqual(['f changed']);
});
