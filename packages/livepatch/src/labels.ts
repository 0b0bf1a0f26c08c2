import {
  type ElfFile,
  isAllocated,
  readRela,
  readSymbols,
  SHN,
  SHT,
  type SymbolTable,
} from '@klpkit/formats';
import type { Livepatch } from './read-types.ts';

/**
 * Which objects' code each section of a livepatch belongs to, by section index: that of its new functions, and what they lead to. A
 * section that several lead to has several; one that none leads to, and that leads to none, has no entry.
 *
 * @returns names as in `klp_object`: `vmlinux` or a module
 */
export function patchedObjectsOf(
  elf: ElfFile,
  { patch }: Pick<Livepatch, 'patch'>,
  symbols: SymbolTable = readSymbols(elf),
): Map<number, ReadonlySet<string>> {
  const newCode = new Map<string, Set<string>>();
  for (const { name, isVmlinux, functions, callbacks } of patch?.objects ?? []) {
    const object = isVmlinux ? 'vmlinux' : name;
    for (const symbol of [...functions.map(({ newSymbol }) => newSymbol), ...callbacks.values()]) {
      if (!symbol) continue;
      const known = newCode.get(symbol);
      if (known) known.add(object);
      else newCode.set(symbol, new Set([object]));
    }
  }
  const labels = new Map<number, Set<string>>();
  const todo: [number, string][] = [];
  const mark = (section: number, object: string) => {
    if (section === SHN.UNDEF || section >= elf.sections.length || !isAllocated(elf.sections[section]))
      return;
    const known = labels.get(section);
    if (known?.has(object)) return;
    if (known) known.add(object);
    else labels.set(section, new Set([object]));
    todo.push([section, object]);
  };
  for (let index = 1; index < symbols.count; index++)
    for (const object of newCode.get(symbols.name(index)) ?? []) mark(symbols.section[index], object);
  const leadsTo = sectionGraph(elf, symbols);
  for (let next = todo.pop(); next; next = todo.pop())
    for (const section of leadsTo.get(next[0]) ?? []) mark(section, next[1]);
  // Tables beside the code (warnings, alternatives, static calls) are led to by nothing and lead to the code that they are about.
  const own = new Map<number, ReadonlySet<string>>(labels);
  for (const [section, targets] of leadsTo) {
    if (labels.has(section)) continue;
    const objects = new Set([...targets].flatMap((target) => [...(labels.get(target) ?? [])]));
    if (objects.size > 0) own.set(section, objects);
  }
  return own;
}

/** The sections that each section's relocations lead to. */
function sectionGraph(elf: ElfFile, symbols: SymbolTable): Map<number, Set<number>> {
  const graph = new Map<number, Set<number>>();
  for (const section of elf.sections) {
    if (section.type !== SHT.RELA || section.info === 0) continue;
    const targets = graph.get(section.info) ?? new Set<number>();
    graph.set(section.info, targets);
    const rela = readRela(elf, section);
    for (let index = 0; index < rela.count; index++) {
      const symbol = rela.symbol[index];
      const target = symbol < symbols.count ? symbols.section[symbol] : SHN.UNDEF;
      if (target !== SHN.UNDEF && target < elf.sections.length) targets.add(target);
    }
  }
  return graph;
}
