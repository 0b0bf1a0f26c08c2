import {
  type ElfFile,
  findSection,
  type Section,
  SHT,
  type SymbolTable,
  sectionBytes,
} from '@klpkit/formats';
import { callbackNames } from './layout.ts';
import { Pointers } from './pointers.ts';
import type { LivepatchFunction, LivepatchObject, LivepatchTables } from './read-types.ts';

/**
 * Finds what a livepatch patches in the sections out of which the init of other builders' livepatches makes the kernel's structures at
 * run time. They are 64-bit here; whether `replace` is set stands in the code of the init and is taken to be as these builders have it
 * by default: set.
 *
 * @returns `undefined` when the module has no such sections
 */
export function readBuilderTables(elf: ElfFile, symbols: SymbolTable): LivepatchTables | undefined {
  return readKlpBuild(elf, symbols) ?? readKpatch(elf, symbols);
}

/** `struct klp_object_ext` and `struct klp_func_ext` (include/linux/livepatch_external.h of 6.19 and later). */
const klpBuild = { object: 64, name: 0, funcs: 8, callbacks: 16, count: 56, func: 24 };

/** Sections with the objects of klp-build, in the names of its releases. */
const klpObjects = ['.init.klp_objects', '__klp_objects', 'klp_objects'];

function readKlpBuild(elf: ElfFile, symbols: SymbolTable): LivepatchTables | undefined {
  const section = klpObjects.map((name) => findSection(elf, name)).find(hasBytes);
  if (!section) return undefined;
  const pointers = new Pointers(elf, symbols);
  const objects: LivepatchObject[] = [];
  for (let offset = 0; offset + klpBuild.object <= section.size; offset += klpBuild.object) {
    const nameAt = pointers.at({ section, offset }, klpBuild.name);
    const funcs = pointers.at({ section, offset }, klpBuild.funcs);
    const functions: LivepatchFunction[] = [];
    const room = funcs?.section ? Math.floor((funcs.section.size - funcs.offset) / klpBuild.func) : 0;
    const count = Math.min(numberAt(elf, section, offset + klpBuild.count, 4), Math.max(0, room));
    for (let index = 0; funcs?.section && index < count; index++)
      functions.push(
        functionAt(elf, pointers, funcs.section, funcs.offset + index * klpBuild.func, {
          oldName: 0,
          newFunc: 8,
          sympos: 16,
        }),
      );
    const callbacks = new Map<string, string>();
    for (const [index, callback] of callbackNames.entries()) {
      const target = pointers.at({ section, offset }, klpBuild.callbacks + index * 8);
      if (target) callbacks.set(callback, pointers.symbolAt(target) ?? '');
    }
    const name = nameAt ? (pointers.text(nameAt) ?? '') : 'vmlinux';
    objects.push({ name, isVmlinux: nameAt === undefined, functions, callbacks });
  }
  return { replace: true, objects, states: [], unterminated: [], astray: [] };
}

/** `struct kpatch_patch_func` (kpatch, kmod/patch/kpatch-patch.h). */
const kpatch = { size: 56, newFunc: 0, sympos: 32, oldName: 40, object: 48 };

function readKpatch(elf: ElfFile, symbols: SymbolTable): LivepatchTables | undefined {
  const section = findSection(elf, '.kpatch.funcs');
  if (!hasBytes(section)) return undefined;
  const pointers = new Pointers(elf, symbols);
  const objects = new Map<string, { functions: LivepatchFunction[]; callbacks: Map<string, string> }>();
  const objectOf = (name: string) => {
    const found = objects.get(name) ?? { functions: [], callbacks: new Map<string, string>() };
    objects.set(name, found);
    return found;
  };
  for (let offset = 0; offset + kpatch.size <= section.size; offset += kpatch.size) {
    const object = pointers.text(pointers.at({ section, offset }, kpatch.object)) ?? '';
    objectOf(object).functions.push(functionAt(elf, pointers, section, offset, kpatch));
  }
  for (const callback of callbackNames) {
    const list = findSection(elf, `.kpatch.callbacks.${callback}`);
    for (let offset = 0; hasBytes(list) && offset + 16 <= list.size; offset += 16) {
      const target = pointers.at({ section: list, offset });
      const object = pointers.text(pointers.at({ section: list, offset }, 8));
      if (target && object !== undefined)
        objectOf(object).callbacks.set(callback, pointers.symbolAt(target) ?? '');
    }
  }
  return {
    replace: true,
    // Its init takes the text vmlinux for the kernel itself.
    objects: [...objects].map(([name, rest]) => ({ name, isVmlinux: name === 'vmlinux', ...rest })),
    states: [],
    unterminated: [],
    astray: [],
  };
}

function hasBytes(section: Section | undefined): section is Section {
  return section !== undefined && section.type === SHT.PROGBITS && section.size > 0;
}

function functionAt(
  elf: ElfFile,
  pointers: Pointers,
  section: Section,
  offset: number,
  at: { readonly oldName: number; readonly newFunc: number; readonly sympos: number },
): LivepatchFunction {
  const newFunc = pointers.at({ section, offset }, at.newFunc);
  return {
    oldName: pointers.text(pointers.at({ section, offset }, at.oldName)) ?? '',
    sympos: numberAt(elf, section, offset + at.sympos, 8),
    newSymbol: newFunc && pointers.symbolAt(newFunc),
    hasNew: newFunc !== undefined,
  };
}

/** An unsigned number of 4 or 8 bytes. */
function numberAt(elf: ElfFile, section: Section, offset: number, size: 4 | 8): number {
  const bytes = sectionBytes(elf, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return size === 4
    ? view.getUint32(offset, elf.littleEndian)
    : Number(view.getBigUint64(offset, elf.littleEndian));
}
