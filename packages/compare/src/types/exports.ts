import { type ElfFile, readSymbols } from '@klpkit/formats';

/**
 * Names that an object exports, sorted: `__export_symbol_NAME` since 6.4, before that sections `___ksymtab+NAME` and
 * `___ksymtab_gpl+NAME` (include/linux/export.h).
 */
export function exportsOf(elf: ElfFile): string[] {
  const names = new Set<string>();
  for (const section of elf.sections) {
    const match = /^___ksymtab(?:_gpl)?\+(\w+)$/.exec(section.name);
    if (match) names.add(match[1]);
  }
  const symbols = readSymbols(elf);
  const prefix = '__export_symbol_';
  for (let index = 1; index < symbols.count; index++) {
    const name = symbols.name(index);
    if (name.startsWith(prefix)) names.add(name.slice(prefix.length));
  }
  return [...names].sort();
}
