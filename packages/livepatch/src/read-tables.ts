import { type ElfFile, FormatError, isAllocated, SHT, type SymbolTable, sectionBytes } from '@klpkit/formats';
import { callbackNames, type KlpLayout } from './layout.ts';
import { type At, Pointers, type Target } from './pointers.ts';
import type { LivepatchFunction, LivepatchObject, LivepatchTables } from './read-types.ts';

/** No livepatch comes near this many elements; a file whose arrays overlap could claim billions. */
const mostElements = 200_000;

/** Where modpost puts the `struct module`. */
const moduleSection = '.gnu.linkonce.this_module';

/** Where the layout has each of {@link callbackNames}. */
const callbackFields = ['prePatch', 'postPatch', 'preUnpatch', 'postUnpatch'] as const;

/**
 * Finds the tables of a livepatch in a module's data by their shape: a `klp_patch` is what holds a pointer to the module
 * itself and, where the layout says, one to an array of objects. Names do not matter, so other generators' modules are
 * read too. `undefined` when nothing has the shape.
 */
export function readTables(
  elf: ElfFile,
  symbols: SymbolTable,
  layout: KlpLayout,
): LivepatchTables | undefined {
  const pointers = new Pointers(elf, symbols);
  const budget = { left: mostElements };
  let empty: LivepatchTables | undefined;
  const isModule = ({ symbol, section }: Pick<Target, 'symbol' | 'section'>) =>
    symbol === '__this_module' || section?.name === moduleSection;
  for (const { section, offset } of pointers.to(isModule)) {
    if (section.name === moduleSection) continue;
    const patch: At = { section, offset: offset - layout.patch.mod };
    if (patch.offset < 0 || patch.offset + layout.patch.size > section.size) continue;
    const objs = pointers.at(patch, layout.patch.objs);
    if (!objs?.section || section.type !== SHT.PROGBITS) continue;
    const tables = new TableReader(elf, pointers, layout, budget).read(patch, objs);
    // Other structures that begin with a module (file operations, say) lead to no objects with functions.
    if (tables.objects.some(({ functions }) => functions.length > 0)) return tables;
    if (/patch/.test(pointers.symbolAt({ section, offset: patch.offset, symbol: '' }) ?? ''))
      empty ??= tables;
  }
  return empty;
}

class TableReader {
  readonly #elf: ElfFile;
  readonly #pointers: Pointers;
  readonly #layout: KlpLayout;
  readonly #unterminated: string[] = [];
  readonly #astray: string[] = [];
  readonly #budget: { left: number };

  constructor(elf: ElfFile, pointers: Pointers, layout: KlpLayout, budget: { left: number }) {
    this.#elf = elf;
    this.#pointers = pointers;
    this.#layout = layout;
    this.#budget = budget;
  }

  read(patch: At, objs: Target): LivepatchTables {
    const layout = this.#layout;
    const objects: LivepatchObject[] = [];
    this.#walk(objs, layout.object.size, 'objs', (at) => {
      const object = this.#object(at);
      if (object) objects.push(object);
      return object !== undefined;
    });
    const states: { id: number; version: number }[] = [];
    const first = this.#pointers.at(patch, layout.patch.states);
    this.#walk(first, layout.state.size, 'states', (at) => {
      const id = this.#number(at, layout.state.id, 8);
      if (id === 0) return false;
      states.push({ id, version: this.#number(at, layout.state.version, 4) });
      return true;
    });
    const replace = this.#number(patch, layout.patch.replace, 1) !== 0;
    return { replace, objects, states, unterminated: this.#unterminated, astray: this.#astray };
  }

  /** Reads elements until `read` meets the empty one that ends the array. */
  #walk(first: Target | undefined, size: number, what: string, read: (at: At) => boolean): void {
    if (!first) return;
    const { section } = first;
    if (!section || !isAllocated(section) || first.offset < 0 || first.offset >= section.size) {
      this.#astray.push(what);
      return;
    }
    // Behind the variable comes another one, which only the kernel takes for elements.
    const end = Math.min(section.size, first.offset + (this.#pointers.sizeAt(first) ?? section.size));
    for (let offset = first.offset; offset + size <= end; offset += size) {
      if (this.#budget.left-- === 0)
        throw new FormatError(`livepatch: the tables have more than ${mostElements} elements`);
      if (!read({ section, offset })) return;
    }
    this.#unterminated.push(what);
  }

  #object(at: At): LivepatchObject | undefined {
    const { object } = this.#layout;
    const nameAt = this.#pointers.at(at, object.name);
    const funcs = this.#pointers.at(at, object.funcs);
    if (!nameAt && !funcs) return undefined;
    const name = nameAt ? (this.#pointers.text(nameAt) ?? '') : 'vmlinux';
    const functions: LivepatchFunction[] = [];
    this.#walk(funcs, this.#layout.func.size, `funcs of ${name}`, (place) => {
      const one = this.#function(place);
      if (one) functions.push(one);
      return one !== undefined;
    });
    const callbacks = new Map<string, string>();
    for (const [index, callback] of callbackNames.entries()) {
      const target = this.#pointers.at(at, object[callbackFields[index]]);
      if (target) callbacks.set(callback, this.#pointers.symbolAt(target) ?? '');
    }
    return { name, isVmlinux: nameAt === undefined, functions, callbacks };
  }

  #function(at: At): LivepatchFunction | undefined {
    const { func } = this.#layout;
    const oldName = this.#pointers.at(at, func.oldName);
    const newFunc = this.#pointers.at(at, func.newFunc);
    const sympos = this.#number(at, func.oldSympos, 8);
    if (!oldName && !newFunc && sympos === 0) return undefined;
    return {
      oldName: this.#pointers.text(oldName) ?? '',
      sympos,
      newSymbol: newFunc && this.#pointers.symbolAt(newFunc),
      hasNew: newFunc !== undefined,
    };
  }

  /** An unsigned number of 1, 4 or 8 bytes; zero where the section has no bytes in the file. */
  #number({ section, offset }: At, more: number, size: 1 | 4 | 8): number {
    const bytes = sectionBytes(this.#elf, section);
    const at = offset + more;
    if (at + size > bytes.length) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = this.#elf.littleEndian;
    if (size === 1) return view.getUint8(at);
    return size === 4 ? view.getUint32(at, little) : Number(view.getBigUint64(at, little));
  }
}
