import { Refusal } from '@klpkit/findings';
import {
  FormatError,
  findSection,
  R_X86_64,
  readElf,
  readRela,
  readSymbols,
  SHF,
  SHN,
  sectionBytes,
  writeObject,
} from '@klpkit/formats';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { convertKlp } from './convert.ts';
import { patchedObjectsOf } from './labels.ts';
import { readLivepatch } from './read.ts';
import { makeModule, readelf, sample } from './testing/module.ts';
import type { Placeholder } from './types.ts';

const placeholders: Placeholder[] = [
  { symbol: 'ref_0_counter', object: 'vmlinux', name: 'counter', sympos: 3, patched: 'vmlinux' },
  { symbol: 'ref_1_counter', object: 'vmlinux', name: 'counter', sympos: 3, patched: 'vmlinux' },
  { symbol: 'ref_2_helper', object: 'loop', name: 'helper.constprop.0', sympos: 0, patched: 'loop' },
  { symbol: 'ref_3_state', object: 'vmlinux', name: 'state', sympos: 0, patched: 'loop' },
];

let ko: Uint8Array;
let converted: Uint8Array;
beforeAll(async () => {
  ko = await makeModule(sample);
  converted = convertKlp(ko, placeholders);
});

function undefinedNames(bytes: Uint8Array): string[] {
  const symbols = readSymbols(readElf(bytes));
  const names: string[] = [];
  for (let index = 1; index < symbols.count; index++)
    if (symbols.section[index] === SHN.UNDEF) names.push(symbols.name(index));
  return names.sort();
}

/** Every relocation as text, by the name of its target and of its symbol. */
function relocations(bytes: Uint8Array): string[] {
  const elf = readElf(bytes);
  const symbols = readSymbols(elf);
  const all: string[] = [];
  for (const section of elf.sections) {
    if (section.type !== 4) continue;
    const rela = readRela(elf, section);
    const target = elf.sections[section.info];
    for (let index = 0; index < rela.count; index++) {
      const symbol = rela.symbol[index];
      const name = symbols.name(symbol) || elf.sections[symbols.section[symbol]].name;
      all.push(`${target.name}+${rela.offset[index]} ${rela.type[index]} ${name} ${rela.addend[index]}`);
    }
  }
  return all.sort();
}

function findings(work: () => unknown): readonly { id: string; what: string }[] {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error.findings;
    throw error;
  }
  return [];
}

describe('convertKlp', () => {
  it('makes KLP symbols of placeholders and nothing else', () => {
    const before = undefinedNames(ko);
    expect(before).toContain('ref_0_counter');
    const names = placeholders.map(({ symbol }) => symbol);
    expect(undefinedNames(converted)).toEqual(before.filter((name) => !names.includes(name)));
    const elf = readElf(converted);
    const symbols = readSymbols(elf);
    const klp: string[] = [];
    for (let index = 0; index < symbols.count; index++) {
      if (symbols.section[index] !== SHN.LIVEPATCH) continue;
      klp.push(symbols.name(index));
      expect(symbols.binding[index]).toBe(1);
      expect(symbols.value[index]).toBe(0);
    }
    expect(klp.sort()).toEqual([
      '.klp.sym.loop.helper.constprop.0,0',
      '.klp.sym.vmlinux.counter,3',
      '.klp.sym.vmlinux.state,0',
    ]);
  });

  it('puts relocations under the patched object, those to vmlinux under vmlinux', () => {
    const { klpSections, klpRelocations } = readLivepatch(converted);
    expect(klpSections.map(({ name }) => name)).toEqual([
      '.klp.rela.vmlinux..text.__klpkit_new_0_show',
      '.klp.rela.loop..text.__klpkit_new_1_ioctl',
      '.klp.rela.vmlinux..text.__klpkit_new_1_ioctl',
    ]);
    const flags = SHF.RELA_LIVEPATCH | SHF.ALLOC | SHF.INFO_LINK;
    for (const section of klpSections) {
      expect(section).toMatchObject({ flags, type: 4, linksToSymbols: true, targetIsLoaded: true });
      expect(section.name.endsWith(section.target ?? '?')).toBe(true);
    }
    const uses = klpRelocations.map(({ patchedObject, symbolObject, name }) => [
      patchedObject,
      symbolObject,
      name,
    ]);
    expect(uses).toContainEqual(['loop', 'loop', 'helper.constprop.0']);
    expect(uses).toContainEqual(['vmlinux', 'vmlinux', 'state']);
    expect(uses.filter(([, , name]) => name === 'counter').length).toBeGreaterThanOrEqual(2);
  });

  it('names the section after the patched module even if another one owns the symbol', () => {
    const foreign = placeholders.map((one) => (one.object === 'loop' ? { ...one, object: 'cdrom' } : one));
    const { klpRelocations } = readLivepatch(convertKlp(ko, foreign));
    const [use] = klpRelocations.filter(({ symbolObject }) => symbolObject === 'cdrom');
    expect(use.section).toBe('.klp.rela.loop..text.__klpkit_new_1_ioctl');
  });

  it('keeps every relocation, renaming only placeholders', () => {
    const names = new Map(
      placeholders.map((one) => [one.symbol, `.klp.sym.${one.object}.${one.name},${one.sympos}`]),
    );
    const expected = relocations(ko).map((line) =>
      line.replace(/ (ref_\S+) /, (_, symbol: string) => ` ${names.get(symbol)} `),
    );
    expect(relocations(ko)).not.toEqual(expected.sort());
    expect(relocations(converted)).toEqual(expected.sort());
  });

  it('leaves sections where they are, with the bytes that they had', () => {
    const before = readElf(ko);
    const after = readElf(converted);
    expect(after.sections.length).toBe(before.sections.length + 3);
    for (const section of before.sections) {
      const same = after.sections[section.index];
      expect([same.name, same.type, same.flags, same.align]).toEqual([
        section.name,
        section.type,
        section.flags,
        section.align,
      ]);
      const isTable = /^(\.rela|\.symtab|\.strtab|\.shstrtab)/.test(section.name);
      if (!isTable) expect(sectionBytes(after, same)).toEqual(sectionBytes(before, section));
    }
    const strings = sectionBytes(before, findSection(before, '.strtab') ?? before.sections[0]);
    const longer = sectionBytes(after, findSection(after, '.strtab') ?? after.sections[0]);
    expect(longer.length).toBeGreaterThan(strings.length);
    expect(longer.subarray(0, strings.length)).toEqual(strings);
  });

  it('is understood by binutils without complaint', async () => {
    const { text, complaints } = await readelf(converted);
    expect(complaints).toBe('');
    expect(text).toMatch(/OS \[0xff20\] \.klp\.sym\.vmlinux\.counter,3/);
  });

  it('gives the same bytes again, and the same bytes when there is nothing left to convert', () => {
    expect(convertKlp(ko, placeholders)).toEqual(converted);
    expect(convertKlp(converted, placeholders)).toEqual(converted);
    expect(convertKlp(converted, [])).toEqual(converted);
  });

  it('drops what is behind the file, such as a signature', () => {
    const signed = new Uint8Array(ko.length + 100).fill(7);
    signed.set(ko);
    expect(convertKlp(signed, placeholders)).toEqual(converted);
  });

  it('refuses symbols that nobody has, all at once', () => {
    const isExport = (name: string) => name === 'printk' || name === 'klp_enable_patch';
    const some = placeholders.filter(({ symbol }) => symbol !== 'ref_2_helper' && symbol !== 'ref_3_state');
    const found = findings(() => convertKlp(ko, some, { isExport }));
    expect(found.map(({ id }) => id)).toEqual(['KLP301', 'KLP301', 'KLP301']);
    for (const name of ['__this_module', 'ref_2_helper', 'ref_3_state'])
      expect(found.some(({ what }) => what.startsWith(`${name} is neither`))).toBe(true);
    const known = (name: string) => isExport(name) || name === '__this_module';
    expect(findings(() => convertKlp(ko, placeholders, { isExport: known }))).toEqual([]);
  });

  it('refuses names that the kernel cannot parse and module symbols in vmlinux code', () => {
    const ids = (change: Partial<Placeholder>) =>
      findings(() => convertKlp(ko, [{ ...placeholders[0], ...change }, ...placeholders.slice(1)])).map(
        ({ id }) => id,
      );
    expect(ids({})).toEqual([]);
    expect(ids({ name: 'a,b' })).toEqual(['KLP302']);
    expect(ids({ object: 'snd.hda', patched: 'snd.hda' })).toContain('KLP302');
    expect(ids({ object: 'x'.repeat(56) })).toContain('KLP302');
    expect(ids({ object: 'loop' })).toEqual(['klp-module-from-vmlinux']);
    expect(ids({ symbol: 'ref_1_counter', name: 'other' })).toEqual(['placeholder-ambiguous']);
  });

  it('refuses a file that is no module', () => {
    expect(() => convertKlp(new Uint8Array(100), [])).toThrow(FormatError);
    const executable = Uint8Array.from(ko);
    executable[16] = 2;
    expect(() => convertKlp(executable, [])).toThrow(/ELF type 2 at offset 16, a module has 1/);
  });

  it('does not unfold a file whose sections lie over each other', () => {
    const bytes = Uint8Array.from(ko);
    const { sections, view } = readElf(bytes);
    const headers = Number(view.getBigUint64(40, true));
    const data = sections.filter(({ name, type }) => type === 1 && /^\.(text|data|comment|note)/.test(name));
    expect(data.length).toBeGreaterThan(4);
    const folded = new Uint8Array((1 << 21) + bytes.length);
    folded.set(bytes);
    const foldedView = new DataView(folded.buffer);
    for (const { index } of data) {
      foldedView.setBigUint64(headers + index * 64 + 24, 0n, true);
      foldedView.setBigUint64(headers + index * 64 + 32, BigInt(folded.length), true);
    }
    expect(() => convertKlp(folded, [])).toThrow(/sections lie over each other/);
  });

  it('answers damage with a format error and never otherwise', () => {
    const property = fc.property(
      fc.array(fc.tuple(fc.nat(ko.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.nat(ko.length),
      (changes, cut) => {
        const damaged = Uint8Array.from(ko);
        for (const [at, value] of changes) damaged[at] = value;
        for (const bytes of [damaged, ko.subarray(0, cut)]) {
          try {
            convertKlp(bytes, placeholders);
            readLivepatch(bytes);
          } catch (error) {
            if (!(error instanceof FormatError || error instanceof Refusal)) throw error;
          }
        }
      },
    );
    fc.assert(property, { numRuns: 400, seed: 1 });
  });
});

/** An object with one placeholder in one section, as the finished module of a module's patch would have it. */
function reference(
  section: string,
  change: { type?: number; byte?: number; flags?: number } = {},
): Uint8Array {
  const { type = R_X86_64.PC64, byte = 0, flags = SHF.ALLOC } = change;
  return writeObject({
    sections: [
      {
        name: section,
        flags,
        data: new Uint8Array(16).fill(byte),
        relocations: [{ offset: 8, type, symbol: 0, addend: 0 }],
      },
    ],
    symbols: [{ name: 'ref', binding: 1 }],
  });
}

describe('what cannot wait for a module', () => {
  const ids = (bytes: Uint8Array, object: string) =>
    findings(() =>
      convertKlp(bytes, [{ symbol: 'ref', object, name: 'key', sympos: 0, patched: 'ext4' }]),
    ).map(({ id }) => id);

  it.each([
    ['__jump_table', 'KLP310'],
    ['.static_call_sites', 'KLP311'],
    ['.altinstr_replacement', 'KLP312'],
    ['__ex_table', 'KLP312'],
    ['__bug_table', 'KLP312'],
    ['.init.text', 'KLP312'],
  ])('%s with a symbol of a module is %s, with one of vmlinux it is allowed', (section, id) => {
    expect(ids(reference(section), 'ext4')).toEqual([id]);
    expect(ids(reference(section), 'vmlinux')).toEqual([]);
  });

  it('allows code and data', () => {
    for (const section of ['.text.f', '.data', '.rodata.x', '.altinstr_aux'])
      expect(ids(reference(section), 'ext4')).toEqual([]);
  });

  it('refuses sections that are not loaded, other types, and bytes that are not zero', () => {
    expect(ids(reference('.discard.x', { flags: 0 }), 'vmlinux')).toEqual(['klp-not-loaded']);
    expect(ids(reference('.data', { type: R_X86_64.GOTPCREL }), 'vmlinux')).toEqual(['klp-relocation-type']);
    expect(ids(reference('.data', { byte: 1 }), 'vmlinux')).toEqual(['klp-target-not-zero']);
  });

  it('refuses a relocation behind the end of its section', () => {
    const bytes = reference('.data');
    const elf = readElf(bytes);
    const rela = findSection(elf, '.rela.data');
    elf.view.setBigUint64(rela?.offset ?? 0, 9n, true);
    expect(() => ids(bytes, 'vmlinux')).toThrow(/\.data\+0x9 needs 8 bytes, the section has 16/);
  });
});

describe('a symbol of a module that code of several objects uses', () => {
  const shared = `
extern int ref_shared(int);
int new_a(int x) { return ref_shared(x) + 1; }
int new_b(int x) { return ref_shared(x) + 2; }
static struct klp_func a[] = { { "old_a", new_a }, { } };
static struct klp_func b[] = { { "old_b", new_b }, { } };
static struct klp_object objs[] = { { "user_a", a }, { "user_b", b }, { } };
static struct klp_patch patch = { &__this_module, objs, 0, 1 };
init { return klp_enable_patch(&patch); }
`;
  const placeholder = {
    symbol: 'ref_shared',
    object: 'library',
    name: 'shared',
    sympos: 0,
    patched: 'user_a',
  };
  const sections = (bytes: Uint8Array) => readLivepatch(bytes).klpRelocations.map((one) => one.section);

  it('is resolved with each of them', async () => {
    const bytes = await makeModule(shared);
    expect(sections(convertKlp(bytes, [placeholder]))).toEqual([
      '.klp.rela.user_a..text.new_a',
      '.klp.rela.user_a..text.new_b',
    ]);
    const labels = patchedObjectsOf(readElf(bytes), readLivepatch(bytes));
    const patchedIn = (section: number) => [...(labels.get(section) ?? [])][0];
    expect(sections(convertKlp(bytes, [placeholder], { patchedIn }))).toEqual([
      '.klp.rela.user_a..text.new_a',
      '.klp.rela.user_b..text.new_b',
    ]);
  });
});
