import { readElf, readRela, readSymbols, SHF, SHT } from '@klpkit/formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAnnotations, withoutAnnotationArrays } from './annotations.ts';
import { patchedObjectsOf } from './labels.ts';
import { readLivepatch } from './read.ts';
import { renameUndefined } from './rename.ts';
import { makeModule } from './testing/module.ts';

const array = (object: string, entries: string) =>
  `struct klp_module_reloc relocs_${entries.length}[] section(".klp.module_relocs.${object}") = { ${entries} };`;

const annotated = `
extern int state_a asm("\\".klp.sym.rela.ext4.ext4.state.0\\"");
extern int state_b asm("\\".klp.sym.rela.vmlinux.vmlinux.count.37,2\\"");
extern int state_c asm("\\".klp.sym.jbd2.journal_count,0\\"") __attribute__((weak));
extern int plain;
struct klp_module_reloc { void *sym; unsigned int sympos; } __attribute__((packed));
extern int listed(int), unlisted(int);
${array('vmlinux', '{ listed, 3 }')}
int one(int x) { return x + state_a + listed(x); }
static __attribute__((noinline)) int helper(int x) { return x * state_c; }
int two(int x) { return state_b + plain + unlisted(x) + helper(x); }
static struct klp_func core[] = { { "old_two", two }, { } };
static struct klp_func ext4[] = { { "old_one", one }, { } };
static struct klp_object objs[] = { { 0, core }, { "ext4", ext4 }, { } };
static struct klp_patch patch = { &__this_module, objs, 0, 1 };
init { return klp_enable_patch(&patch); }
`;

let ko: Uint8Array;
beforeAll(async () => {
  ko = await makeModule(annotated);
});

describe('annotations', () => {
  it('of all forms are read', () => {
    const { all, findings } = readAnnotations(readElf(ko));
    expect(findings).toEqual([]);
    expect(all.map(({ symbol: _, ...one }) => one).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { object: 'vmlinux', name: 'count.37', sympos: 2, patched: 'vmlinux', form: 'KLP_RELOC_SYMBOL' },
      { object: 'jbd2', name: 'journal_count', sympos: 0, form: 'symbol name' },
      { object: 'vmlinux', name: 'listed', sympos: 3, form: 'KLP_MODULE_RELOC' },
      { object: 'ext4', name: 'state', sympos: 0, patched: 'ext4', form: 'KLP_RELOC_SYMBOL' },
    ]);
  });

  it('that clang has put into quotes are read as well', async () => {
    const label = '".klp.sym.rela.vmlinux.vmlinux.count.0"';
    const made = await makeModule('extern int a; int f(void) { return a; }');
    const quoted = renameUndefined(made, new Map([['a', label]]));
    const symbols = readSymbols(readElf(quoted));
    expect(Array.from({ length: symbols.count }, (_, index) => symbols.name(index))).toContain(label);
    const { all } = readAnnotations(readElf(quoted));
    expect(all).toMatchObject([{ object: 'vmlinux', name: 'count', sympos: 0, patched: 'vmlinux' }]);
  });

  it.each([
    ['extern int a asm("\\".klp.sym.rela.vmlinux.count\\""); int f(void) { return a; }', 'KLP302'],
    ['extern int a asm("\\".klp.sym.vmlinux.count\\""); int f(void) { return a; }', 'KLP302'],
    [
      `struct klp_module_reloc { void *sym; unsigned int sympos; }; extern int x; ${array('vmlinux', '{ &x, 1 }, { &x, 2 }')}`,
      'KLP302',
    ],
    [
      `struct klp_module_reloc { void *sym; unsigned int sympos; } __attribute__((packed)); extern int x; ${array('vmlinux', '{ &x, 1 }, { &x, 2 }')}`,
      'annotation',
    ],
    [
      `struct klp_module_reloc { void *sym; unsigned int sympos; } __attribute__((packed)); int x; ${array('vmlinux', '{ &x, 1 }')}`,
      'annotation',
    ],
  ])('%s is refused', async (source, id) => {
    const { findings } = readAnnotations(readElf(await makeModule(source)));
    expect(findings.map((one) => one.id)).toEqual([id]);
  });

  it('in arrays are not loaded with the module', () => {
    const arrays = (bytes: Uint8Array) => {
      const elf = readElf(bytes);
      return elf.sections
        .filter(({ name }) => name === '.klp.module_relocs.vmlinux')
        .map((section) => {
          const relas = elf.sections.filter(({ type, info }) => type === SHT.RELA && info === section.index);
          return {
            isLoaded: (section.flags & SHF.ALLOC) !== 0,
            relocations: relas.reduce((sum, rela) => sum + readRela(elf, rela).count, 0),
          };
        });
    };
    expect(arrays(ko)).toEqual([{ isLoaded: true, relocations: 1 }]);
    expect(arrays(withoutAnnotationArrays(ko))).toEqual([{ isLoaded: false, relocations: 0 }]);
    const without = withoutAnnotationArrays(ko);
    expect(withoutAnnotationArrays(without)).toEqual(without);
  });
});

describe('whose code a section is', () => {
  it('follows the new functions and what they lead to', () => {
    const elf = readElf(ko);
    const labels = patchedObjectsOf(elf, readLivepatch(ko));
    const of = (name: string) => {
      const section = elf.sections.find((one) => one.name === name);
      return [...(labels.get(section?.index ?? -1) ?? [])].sort();
    };
    expect(of('.text.one')).toEqual(['ext4']);
    expect(of('.text.two')).toEqual(['vmlinux']);
    expect(of('.text.helper')).toEqual(['vmlinux']);
    expect(of('.data')).toEqual(['ext4', 'vmlinux']);
    expect(of('.init.text')).toEqual([]);
  });
});
