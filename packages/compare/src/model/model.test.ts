import { Refusal } from '@klpkit/findings';
import {
  EM,
  ET,
  FormatError,
  layoutElf,
  R_X86_64,
  readElf,
  SHF,
  SHT,
  STB,
  STT,
  sectionBytes,
  writeObject,
} from '@klpkit/formats';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { compareObjects } from '../changes/compare.ts';
import { compile, found, namesOf, touched, touchedData } from '../testing/compile.ts';
import { unitHead, unitParts } from '../testing/unit.ts';
import { type ObjectModel, readObjectModel } from './model.ts';

let unit: Uint8Array;
let model: ObjectModel;
beforeAll(async () => {
  unit = await compile(unitHead + unitParts.join('\n'));
  model = readObjectModel(unit);
});

function nothing(before: ObjectModel, after: ObjectModel): void {
  const c = compareObjects(before, after);
  expect([touched(c), touchedData(c), found(c)]).toEqual([[], [], []]);
  expect(c.functions).toHaveLength(before.pieces.filter((piece) => piece.kind === 'function').length);
}

/** The same object with its sections in another order. */
function reordered(bytes: Uint8Array, order: (count: number) => number[]): Uint8Array {
  const elf = readElf(bytes);
  const old = elf.sections.slice(1).filter((section) => section.name !== '.shstrtab');
  const places = order(old.length);
  const now = new Map([[0, 0]]);
  for (const [to, from] of places.entries()) now.set(old[from].index, to + 1);
  const moved = (index: number) => now.get(index) ?? 0;
  return layoutElf(
    { type: ET.REL, machine: EM.X86_64 },
    places.map((from) => {
      const section = old[from];
      const data = sectionBytes(elf, section).slice();
      const view = new DataView(data.buffer);
      if (section.type === SHT.SYMTAB)
        for (let at = 6; at < data.length; at += 24) {
          const index = view.getUint16(at, true);
          if (index < 0xff00) view.setUint16(at, moved(index), true);
        }
      return {
        ...section,
        data,
        link: moved(section.link),
        info: section.type === SHT.RELA ? moved(section.info) : section.info,
      };
    }),
  );
}

describe('an object', () => {
  test('has what the other tests rely on', () => {
    const names = namesOf(model);
    for (const name of ['first.isra.0', 'scale.constprop.0', 'worker.cold', 'impl', 'table', 'shared'])
      expect(names).toContain(name);
    expect(names.filter((name) => name.startsWith('count.'))).toHaveLength(3);
    const sections = model.elf.sections.map((section) => section.name);
    for (const name of [
      '__bug_table',
      '__jump_table',
      '.altinstructions',
      '.altinstr_aux',
      '.init.text',
      '.export_symbol',
      '.data..once',
      '__mcount_loc',
    ])
      expect(sections).toContain(name);
    expect(model.named('aliased')[0]).toMatchObject({ name: 'impl', aliases: ['aliased'], start: 16 });
  });

  test('is the same as itself', () => {
    nothing(model, model);
    nothing(model, readObjectModel(unit.slice()));
  });

  test('is the same with its sections in any order', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (stream) => {
        const order = (count: number) => {
          const keys = Array.from({ length: count }, () => stream.next().value as number);
          return keys.map((_, index) => index).sort((a, b) => keys[a] - keys[b] || a - b);
        };
        const after = readObjectModel(reordered(unit, order));
        expect(namesOf(after).sort()).toEqual(namesOf(model).sort());
        nothing(model, after);
      }),
      { numRuns: 25 },
    );
  });

  test('is the same with its functions in any order', async () => {
    const numberOf = (m: ObjectModel, user: string) =>
      m
        .referencesOf(m.named(user)[0])
        .flatMap(({ target }) =>
          target.kind === 'piece' && target.piece.name.startsWith('count.') ? [target.piece.name] : [],
        )[0];
    const numbers = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...unitParts], { minLength: unitParts.length }),
        async (parts) => {
          const after = readObjectModel(await compile(unitHead + parts.join('\n')));
          numbers.add(numberOf(after, 'counter_one'));
          nothing(model, after);
        },
      ),
      { numRuns: 8 },
    );
    // The premise: the numbers of static variables did change on the way.
    expect(numbers.size).toBeGreaterThan(1);
  });

  test('is the same without function and data sections of its own', async () => {
    const source = unitHead + unitParts.join('\n');
    const flags = ['-fno-function-sections', '-fno-data-sections'];
    const flat = readObjectModel(await compile(source, flags));
    const shuffled = readObjectModel(await compile(unitHead + [...unitParts].reverse().join('\n'), flags));
    expect(flat.piecesIn(flat.named('worker')[0].section).length).toBeGreaterThan(10);
    nothing(flat, flat);
    nothing(flat, shuffled);
  });

  test('may have more sections than a symbol can number', () => {
    const filler = 65_300;
    const many = (last: number) =>
      writeObject({
        sections: [
          ...Array.from({ length: filler }, () => ({ name: '.filler', flags: 0, data: new Uint8Array(0) })),
          ...Array.from({ length: 20 }, (_, index) => ({
            name: `.text.f${index}`,
            flags: SHF.ALLOC | SHF.EXECINSTR,
            data: Uint8Array.of(0xb8, index, index === 19 ? last : 0, 0, 0, 0xc3),
          })),
        ],
        symbols: Array.from({ length: 20 }, (_, index) => ({
          name: `f${index}`,
          section: filler + index,
          size: 6,
          type: STT.FUNC,
          binding: STB.GLOBAL,
        })),
      });
    const before = readObjectModel(many(1));
    expect(before.named('f19')[0].section.index).toBeGreaterThan(0xff00);
    const c = compareObjects(before, readObjectModel(many(2)));
    expect(touched(c)).toEqual(['f19 changed']);
  });
});

describe('a hostile object', () => {
  const code = { name: '.text.f', flags: SHF.ALLOC | SHF.EXECINSTR, data: Uint8Array.of(0xc3) };
  const f = { name: 'f', section: 0, size: 1, type: STT.FUNC, binding: STB.GLOBAL };
  const headersAt = (view: DataView) => Number(view.getBigUint64(40, true));
  /** An object of one function, changed. */
  const patched = (change: (view: DataView) => void) => {
    const bytes = writeObject({ sections: [code], symbols: [f] });
    change(new DataView(bytes.buffer));
    return bytes;
  };
  const self = (bytes: Uint8Array) => {
    const one = readObjectModel(bytes);
    return compareObjects(one, readObjectModel(bytes.slice()));
  };

  test('gives a value, a FormatError or a refusal for any change of its bytes', () => {
    let read = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.nat(unit.length - 1), fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255))),
          { minLength: 1, maxLength: 6 },
        ),
        fc.boolean(),
        (edits, inHeaders) => {
          const bytes = unit.slice();
          const elf = readElf(unit);
          const from = inHeaders ? unit.length - elf.sections.length * 64 : 0;
          for (const [at, byte] of edits) bytes[from + (at % (unit.length - from))] = byte;
          try {
            const hostile = readObjectModel(bytes);
            compareObjects(model, hostile);
            compareObjects(hostile, model);
            read++;
          } catch (error) {
            if (!(error instanceof FormatError || error instanceof Refusal)) throw error;
          }
        },
      ),
      { numRuns: 150 },
    );
    // The premise: not all of them are refused at the door.
    expect(read).toBeGreaterThan(20);
  });

  test('gives a FormatError when it is cut off', () => {
    fc.assert(
      fc.property(fc.nat(unit.length - 1), (length) => {
        expect(() => self(unit.slice(0, length))).toThrow(FormatError);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    [
      'of another machine',
      writeObject({ machine: EM.RISCV, sections: [code], symbols: [f] }),
      /machine 243 at offset 18 is not supported; x86-64 \(62\), arm64/,
    ],
    [
      'that is no relocatable',
      layoutElf({ type: ET.EXEC, machine: EM.X86_64 }, []),
      /type 2 \(a linked program or kernel\) at offset 16/,
    ],
    [
      'of the other byte order',
      layoutElf({ type: ET.REL, machine: EM.X86_64, littleEndian: false }, []),
      /data encoding 2 at offset 5/,
    ],
    [
      'with REL',
      layoutElf({ type: ET.REL, machine: EM.X86_64 }, [
        { name: '.rel.text', type: SHT.REL, flags: 0, data: new Uint8Array(16) },
      ]),
      /\.rel\.text\) has type 9/,
    ],
    [
      'with a symbol outside its section',
      writeObject({ sections: [code], symbols: [{ ...f, size: 2 }] }),
      /symbol 1 \(f\) ends at 0x2 of section 1/,
    ],
    [
      'with code that has no bytes',
      writeObject({
        sections: [{ ...code, type: SHT.NOBITS, size: 2 ** 30 }],
        symbols: [{ ...f, size: 2 ** 30 }],
      }),
      /is a function in section 1/,
    ],
    [
      'whose sections overlap',
      patched((view) =>
        view.setBigUint64(
          headersAt(view) + 2 * 64 + 24,
          view.getBigUint64(headersAt(view) + 64 + 24, true),
          true,
        ),
      ),
      /section 1 \(\.text\.f\) at 0x40 to 0x41 and section 2 \(\.symtab\) at 0x40 to 0x70 overlap/,
    ],
    [
      'with a section in the ELF header',
      patched((view) => view.setBigUint64(headersAt(view) + 64 + 24, 0x30n, true)),
      /the ELF header at 0x0 to 0x40 and section 1 \(\.text\.f\) at 0x30 to 0x31 overlap/,
    ],
    [
      'with a section in the section headers',
      patched((view) => view.setBigUint64(headersAt(view) + 64 + 24, BigInt(headersAt(view) + 8), true)),
      /the section headers at 0x\w+ to 0x\w+ and section 1 \(\.text\.f\) at 0x\w+ to 0x\w+ overlap/,
    ],
    [
      'with an alignment of 3',
      patched((view) => view.setBigUint64(headersAt(view) + 64 + 48, 3n, true)),
      /section 1 \(\.text\.f\) has alignment 3, expected a power of two/,
    ],
    [
      'with an endless section',
      writeObject({
        sections: [
          code,
          { name: '.bss', type: SHT.NOBITS, flags: SHF.ALLOC, data: new Uint8Array(0), size: 2 ** 50 },
        ],
        symbols: [f],
      }),
      /section 2 \(\.bss\) claims 1125899906842624 bytes/,
    ],
    [
      'with an endless table',
      writeObject({
        sections: [
          { name: '__bug_table', type: SHT.NOBITS, flags: SHF.ALLOC, data: new Uint8Array(0), size: 2 ** 50 },
        ],
        symbols: [],
      }),
      /__bug_table\) (claims|has type 8 without bytes)/,
    ],
    [
      'with a relocation outside its section',
      writeObject({
        sections: [{ ...code, relocations: [{ offset: 0, type: R_X86_64.PC32, symbol: 0, addend: 0 }] }],
        symbols: [f],
      }),
      /is at 0x0, section 1 \(\.text\.f\) has 0x1 bytes/,
    ],
    [
      'with an unknown relocation',
      writeObject({
        sections: [{ ...code, relocations: [{ offset: 0, type: 77, symbol: 0, addend: 0 }] }],
        symbols: [f],
      }),
      /type 77, which kernel objects do not have/,
    ],
    [
      'with functions stacked on each other',
      writeObject({
        sections: [{ ...code, data: new Uint8Array(4096) }],
        symbols: Array.from({ length: 200 }, (_, index) => ({ ...f, name: `f${index}`, size: 4096 - index })),
      }),
      /cover 0x\w+ bytes, it has 0x1000/,
    ],
    [
      'with a group of a section that is not there',
      writeObject({
        sections: [
          { name: '.group', type: SHT.GROUP, flags: 0, data: Uint8Array.of(1, 0, 0, 0, 99, 0, 0, 0) },
        ],
        symbols: [],
      }),
      /names section 99 at offset 4/,
    ],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => self(bytes)).toThrow(FormatError);
    expect(() => self(bytes)).toThrow(message);
  });

  test('with huge zeroes costs nothing', () => {
    const bytes = writeObject({
      sections: [
        {
          name: '.bss.x',
          type: SHT.NOBITS,
          flags: SHF.ALLOC | SHF.WRITE,
          data: new Uint8Array(0),
          size: 2 ** 32,
        },
      ],
      symbols: [{ name: 'x', section: 0, size: 2 ** 32, type: STT.OBJECT }],
    });
    expect(self(bytes).findings).toEqual([]);
    const one = readObjectModel(bytes);
    expect(() => one.content(one.named('x')[0])).toThrow(FormatError);
  });

  test('with overlapping literals is refused before it fills the memory', () => {
    const size = 1 << 20;
    const bytes = writeObject({
      sections: [
        {
          name: '.rodata.str1.1',
          flags: SHF.ALLOC | SHF.MERGE | SHF.STRINGS,
          data: new Uint8Array(size).fill(65),
          entsize: 1,
        },
        {
          name: '.data.x',
          flags: SHF.ALLOC | SHF.WRITE,
          data: new Uint8Array(8 * 1000),
          relocations: Array.from({ length: 1000 }, (_, index) => ({
            offset: index * 8,
            type: R_X86_64[64],
            symbol: 1,
            addend: index,
          })),
        },
      ],
      symbols: [
        { name: 'x', section: 1, size: 8000, type: STT.OBJECT, binding: STB.GLOBAL },
        { name: '', section: 0, type: STT.SECTION },
      ],
    });
    expect(() => self(bytes)).toThrow(/overlapping literals/);
  });

  /** A function that refers to the first of `count` fresh variables, each of which refers to the next `fan` ones. */
  function chain(count: number, fan: number, last = 0): Uint8Array {
    return writeObject({
      sections: [
        {
          name: '.data.fresh',
          flags: SHF.ALLOC | SHF.WRITE,
          data: new Uint8Array(count * 32).fill(last, count * 32 - 1),
          relocations: Array.from({ length: count - 1 }, (_, index) =>
            Array.from({ length: fan }, (_, number) => ({
              offset: index * 32 + number * 8,
              type: R_X86_64[64],
              symbol: Math.min(index + 1 + number, count - 1),
              addend: 0,
            })),
          ).flat(),
        },
        {
          name: '.text.f',
          flags: SHF.ALLOC | SHF.EXECINSTR,
          data: Uint8Array.of(0x48, 0xc7, 0xc0, 0, 0, 0, 0, 0xc3),
          relocations: [{ offset: 3, type: R_X86_64['32S'], symbol: 0, addend: 0 }],
        },
      ],
      symbols: [
        ...Array.from({ length: count }, (_, index) => ({
          name: `_rs.${index}`,
          section: 0,
          value: index * 32,
          size: 32,
          type: STT.OBJECT,
        })),
        { name: 'f', section: 1, size: 8, type: STT.FUNC, binding: STB.GLOBAL },
      ],
    });
  }

  test('with variables that refer to each other ends, and is compared to the end', () => {
    expect(touched(self(chain(60, 2)))).toEqual([]);
    const c = compareObjects(readObjectModel(chain(60, 2)), readObjectModel(chain(60, 2, 1)));
    expect(touched(c)).toEqual(['f changed']);
    // Longer than any source makes them: not equal, and no overflow of the stack.
    expect(touched(self(chain(20_000, 1)))).toEqual(['f changed']);
  });

  test('with one name a thousand times ends', () => {
    const bytes = writeObject({
      sections: [{ name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: new Uint8Array(20_000) }],
      symbols: Array.from({ length: 20_000 }, (_, index) => ({
        name: 'x',
        section: 0,
        value: index,
        size: 1,
        type: STT.OBJECT,
      })),
    });
    expect(self(bytes).data).toHaveLength(40_000);
  });
});
