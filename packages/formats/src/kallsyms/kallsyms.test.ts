import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSection, readElf } from '../elf/index.ts';
import { FormatError } from '../error.ts';
import { kallsymsKernel, type ListedSymbol, type TableOrder } from '../testing/kallsyms.ts';
import { numbers } from '../testing/plain.ts';
import { dumpKallsyms, loadKallsyms, readKallsyms } from './index.ts';

const base = -0x7f000000;

/** Symbols as a kernel has them: per-CPU ones from 0 up, twins, aliases, long names, every length of a marker's group. */
function kernelSymbols(count: number, perCpu = true): ListedSymbol[] {
  const next = numbers(count + 1);
  const list: ListedSymbol[] = [];
  if (perCpu)
    for (let index = 0; index < 5; index++)
      list.push({ address: index * 64, type: 'A', name: `percpu_${index}` });
  list.push({ address: base, type: 'T', name: '_text' }, { address: base, type: 'T', name: '_stext' });
  let address = base;
  const words = ['init_', 'lock', 'sys_', 'table', '_the_', 'x', 'unlock', 'y9'];
  while (list.length < count) {
    address += next() % 5 === 0 ? 0 : 16 * (1 + (next() % 40));
    let name = words[next() % 4];
    for (let parts = next() % 5; parts > 0; parts--) name += words[next() % words.length];
    if (next() % 100 === 0) name += 'z'.repeat(200);
    list.push({ address, type: 'tTdDrRbBwW'[next() % 10], name });
  }
  return list;
}

describe.each(['new', 'old', 'oldest'] as const)('tables in the %s order', (order: TableOrder) => {
  test.each([7, 255, 256, 257, 511, 1000, 5000])('%i symbols', (count) => {
    const list = kernelSymbols(count);
    const symbols = readKallsyms(readElf(kallsymsKernel(list, order, { base }).elf));
    expect(symbols.count).toBe(count);
    const read = Array.from({ length: count }, (_, index) => ({
      address: symbols.address[index],
      type: String.fromCharCode(symbols.type[index]),
      name: symbols.name(index),
    }));
    expect(read).toEqual(list);
  });

  test('a kernel without absolute per-CPU values', () => {
    const list = kernelSymbols(700, false);
    const symbols = readKallsyms(readElf(kallsymsKernel(list, order, { base, perCpu: false }).elf));
    expect([...symbols.address]).toEqual(list.map(({ address }) => address));
  });

  test('names are found with all that share them, by ascending address', () => {
    const list = kernelSymbols(5000);
    const symbols = readKallsyms(readElf(kallsymsKernel(list, order, { base }).elf));
    const byName = Map.groupBy(list.keys(), (index) => list[index].name);
    expect([...byName.values()].filter((indices) => indices.length > 1).length).toBeGreaterThan(50);
    expect([...byName.keys()].map((name) => [name, symbols.find(name)])).toEqual([...byName]);
    for (const missing of ['', '_', '_texx', '_textt', 'zzzz', '\u00ff', 'x'.repeat(600)])
      expect(symbols.find(missing)).toEqual([]);
  });
});

describe('the symbol at an address', () => {
  const list: ListedSymbol[] = [
    { address: 0, type: 'A', name: 'percpu' },
    { address: 64, type: 'A', name: 'percpu_end' },
    { address: base, type: 'T', name: '_text' },
    { address: base + 16, type: 't', name: 'one' },
    { address: base + 16, type: 'T', name: 'alias' },
    { address: base + 32, type: 't', name: 'two' },
  ];
  const symbols = readKallsyms(readElf(kallsymsKernel(list, 'new', { base }).elf));

  test.each([
    [base, 2],
    [base + 15, 2],
    [base + 16, 4],
    [base + 31, 4],
    [base + 32, 5],
    [-1, 5],
    [base - 1, -1],
    [0, 0],
    [63, 0],
    [64, 1],
    [1e9, 1],
  ])('%i is in symbol %i', (address, index) => {
    expect(symbols.indexAt(address)).toBe(index);
  });
});

test('where the kernel lists its own tables they must be where they were found', () => {
  const names = [
    'num_syms',
    'names',
    'markers',
    'token_table',
    'token_index',
    'offsets',
    'relative_base',
    'seqs_of_names',
  ];
  const build = (at: Readonly<Record<string, number>>, wrong?: string) => {
    const tables = names.map((name) => ({
      address: -0x7e000000 + (at[name] ?? 0) + (name === wrong ? 8 : 0),
      type: 'D',
      name: `kallsyms_${name}`,
    }));
    const list = [...kernelSymbols(300), ...tables].sort(
      (a, b) => Number(a.address < 0) - Number(b.address < 0) || a.address - b.address,
    );
    return kallsymsKernel(list, 'new', { base });
  };
  // The tables' places do not depend on the addresses in them.
  const { at } = build({});
  expect(build(at).at).toEqual(at);
  const symbols = readKallsyms(readElf(build(at).elf));
  expect(symbols.address[symbols.find('kallsyms_names')[0]]).toBe(-0x7e000000 + at.names);
  for (const name of names)
    expect(() => readKallsyms(readElf(build(at, name).elf))).toThrow(
      `kallsyms_${name} is listed at 0xffffffff82`,
    );
});

describe('tables that do not hold together are refused, and the reason is told', () => {
  const kernel = kallsymsKernel(kernelSymbols(1000), 'new', { base });
  const damaged = (table: string, offset: number, ...bytes: number[]) => {
    const copy = kernel.elf.slice();
    const rodata = findSection(readElf(copy), '.rodata');
    copy.set(bytes, (rodata?.offset ?? 0) + kernel.at[table] + offset);
    return () => readKallsyms(readElf(copy));
  };

  test('without damage they are read', () => {
    expect(damaged('names', 0)().count).toBe(1000);
  });

  test.each([
    ['token_index', 2, [0, 0], 'there is no token table in .rodata'],
    ['token_table', 1, [0], 'there is no token table in .rodata'],
    ['num_syms', 0, [0xff], 'no names belong to the token table'],
    ['markers', 4, [0], 'no names belong to the token table'],
    ['offsets', 200, [0xff, 0xff, 0xff, 0x80], 'the addresses do not ascend'],
    ['relative_base', 0, [0x10], 'no section begins at 0xffffffff81000010'],
    ['relative_base', 7, [0x7f], 'relative_base is no kernel address'],
    ['seqs_of_names', 0, [0, 0, 0], 'seqs_of_names does not sort the names'],
    ['seqs_of_names', 0, [0xff, 0xff, 0xff], 'seqs_of_names does not sort the names'],
  ] as const)('%s at %i', (table, offset, bytes, reason) => {
    expect(damaged(table, offset, ...bytes)).toThrow(FormatError);
    expect(damaged(table, offset, ...bytes)).toThrow(reason);
  });

  test('seqs_of_names with two names in the wrong order', () => {
    const rodata = findSection(readElf(kernel.elf), '.rodata');
    const at = (rodata?.offset ?? 0) + kernel.at.seqs_of_names;
    const [a, b] = [kernel.elf.subarray(at, at + 3), kernel.elf.subarray(at + 3, at + 6)];
    expect(damaged('seqs_of_names', 0, ...b, ...a)).toThrow('seqs_of_names does not sort the names');
    expect(damaged('seqs_of_names', 0, ...a, ...b)().count).toBe(1000);
  });

  test('a kernel without .rodata', () => {
    expect(() => readKallsyms({ ...readElf(kernel.elf), sections: [] })).toThrow('no .rodata section');
  });

  test('any damage gives a value or a FormatError', () => {
    const small = kallsymsKernel(kernelSymbols(300), 'old', { base }).elf;
    const changes = fc.array(fc.tuple(fc.integer({ min: 4096, max: small.length - 512 }), fc.nat(255)), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = small.slice();
        for (const [at, value] of list) bytes[at] = value;
        try {
          const symbols = readKallsyms(readElf(bytes));
          for (let index = 0; index < symbols.count; index++) symbols.find(symbols.name(index));
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('a dump', () => {
  const list = kernelSymbols(2000);
  const symbols = readKallsyms(readElf(kallsymsKernel(list, 'new', { base }).elf));
  const dump = dumpKallsyms(symbols);

  test('loads to the same symbols, wherever it lies in memory', () => {
    const shifted = new Uint8Array(dump.length + 3);
    shifted.set(dump, 3);
    for (const bytes of [dump, shifted.subarray(3)]) {
      const loaded = loadKallsyms(bytes);
      expect(loaded.count).toBe(2000);
      expect(loaded.address).toEqual(symbols.address);
      expect(loaded.type).toEqual(symbols.type);
      const names = list.map(({ name }) => name);
      expect(Array.from(loaded.address, (_, index) => loaded.name(index))).toEqual(names);
      expect(names.map((name) => loaded.find(name))).toEqual(names.map((name) => symbols.find(name)));
      expect(Buffer.compare(dumpKallsyms(loaded), dump)).toBe(0);
    }
  });

  test('is the same every time', () => {
    expect(dumpKallsyms(readKallsyms(readElf(kallsymsKernel(list, 'old', { base }).elf)))).toEqual(dump);
  });

  test('cut off, of another layout, or damaged, is refused', () => {
    expect(() => loadKallsyms(dump.slice(0, -1))).toThrow('2000 symbols need');
    expect(() => loadKallsyms(new Uint8Array(4))).toThrow('expected its magic');
    expect(() => loadKallsyms(new Uint8Array(64))).toThrow('expected its magic');
    const damaged = dump.slice();
    damaged.fill(0xff, 16 + 2000 * 8, 16 + 2000 * 8 + 4);
    expect(() => loadKallsyms(damaged)).toThrow('the entry of symbol 0 is damaged');
    expect(() => dumpKallsyms({ ...symbols })).not.toThrow();
    expect(() => dumpKallsyms({ count: 0 } as never)).toThrow(TypeError);
  });
});
