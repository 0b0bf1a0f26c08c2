import { isAllocated, type KernelSymbols } from '@klpkit/formats';
import type { ObjectModel } from '../model/model.ts';
import type { Answer, Position } from './types.ts';

/**
 * The `sympos` of the image's symbol `name` at `address`.
 *
 * @param address signed link address, as in `symbols.address`
 * @see the kernel's kernel/livepatch/core.c, `klp_find_object_symbol()`: it counts the symbols of that name in the order of their addresses
 */
export function imagePosition(
  symbols: Pick<KernelSymbols, 'find' | 'address'>,
  name: string,
  address: number,
): Answer<Position> {
  const all = symbols.find(name);
  if (all.length === 0) return { ok: false, reason: `the kernel has no symbol ${name}` };
  const rank = all.findIndex((index) => symbols.address[index] === address);
  if (rank < 0)
    return {
      ok: false,
      reason: `none of the kernel's ${all.length} symbols ${name} is at ${addressText(address)}`,
    };
  const unique = all.length === 1;
  return { ok: true, value: { name, sympos: unique ? 0 : rank + 1, unique } };
}

/**
 * The `sympos` of a symbol of a shipped module.
 *
 * The kernel counts in the order of the module's symbol table. It counts twice over different tables: while the module loads, all
 * defined symbols; once it runs, those that stay (no `.init` sections, nothing that isn't loaded). A position is given only
 * when both counts agree, since a livepatch may meet the module in either state.
 *
 * @param symbol index in `shipped.symbols`
 * @see the kernel's kernel/module/kallsyms.c, `add_kallsyms()`, `is_core_symbol()`, `module_kallsyms_on_each_symbol()`
 */
export function modulePosition(shipped: ObjectModel, symbol: number): Answer<Position> {
  const name = shipped.symbols.name(symbol);
  const all = definedSymbols(shipped).get(name) ?? [];
  const staying = all.filter((index) => staysLoaded(shipped, index));
  const early = all.indexOf(symbol);
  const late = staying.indexOf(symbol);
  if (early < 0) return { ok: false, reason: `symbol ${symbol} (${name}) is not defined by the module` };
  if (late < 0)
    return { ok: false, reason: `${name} is in a section that the kernel frees once the module has loaded` };
  if (all.length === 1) return { ok: true, value: { name, sympos: 0, unique: true } };
  if (early !== late)
    return {
      ok: false,
      reason: `${name} is number ${early + 1} of its name while the module loads and number ${late + 1} afterwards`,
    };
  return { ok: true, value: { name, sympos: early + 1, unique: false } };
}

const defined = new WeakMap<ObjectModel, Map<string, number[]>>();

/** Defined symbols by name in table order, as the kernel's search sees them. */
export function definedSymbols(model: ObjectModel): ReadonlyMap<string, readonly number[]> {
  let map = defined.get(model);
  if (map) return map;
  map = new Map();
  const { symbols } = model;
  for (let index = 1; index < symbols.count; index++) {
    // SHN_UNDEF is skipped by the kernel; reserved sections (absolute symbols) are not.
    if (symbols.section[index] === 0 && symbols.reserved[index] === 0) continue;
    const name = symbols.name(index);
    if (name === '') continue;
    const list = map.get(name);
    if (list) list.push(index);
    else map.set(name, [index]);
  }
  defined.set(model, map);
  return map;
}

function staysLoaded(model: ObjectModel, symbol: number): boolean {
  const { symbols, elf } = model;
  if (symbols.reserved[symbol]) return false;
  const section = elf.sections[symbols.section[symbol]];
  // The kernel takes SHF_ALLOC away from these two when it loads a module.
  if (section.name === '.modinfo' || section.name === '__versions') return false;
  return isAllocated(section) && !section.name.startsWith('.init');
}

/** An address as the kernel prints it. */
export function addressText(address: number): string {
  return `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
}
