import type { Section } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { tableShape } from '../model/sections.ts';

/** What matching needs to know of one object, read once. */
export interface UnitTables {
  readonly model: ObjectModel;
  readonly functions: readonly Piece[];
  /** Offsets of a section's jump-label sites, out of the object's own `__jump_table`. */
  jumpSites(section: Section): ReadonlySet<number>;
  /** True when the object itself has a symbol of that name at that offset of the section. */
  hasSymbol(section: Section, offset: number, name: string): boolean;
}

const none: ReadonlySet<number> = new Set();

/**
 * Functions that a kernel can hold as they are here: not replacement code, not static call trampolines (which the boot code writes
 * anew), not the padding symbols that objtool makes.
 */
export function isMatchable(model: ObjectModel, piece: Piece): boolean {
  if (piece.kind !== 'function' || piece.size === 0) return false;
  const { name } = piece.section;
  if (name.startsWith('.altinstr') || name.startsWith('.static_call')) return false;
  if (piece.name.startsWith('__pfx_')) return false;
  return model.bytes(piece.section).length >= piece.start + piece.size;
}

export function unitTables(model: ObjectModel): UnitTables {
  const sites = new Map<number, Set<number>>();
  for (const section of model.elf.sections) {
    if (section.name !== '__jump_table') continue;
    const size = tableShape(section.name)?.entrySize ?? 16;
    for (const { offset, target } of model.references(section)) {
      // The first field of an entry is the place of the jump.
      if (offset % size !== 0) continue;
      const home = target.kind === 'piece' ? target.piece.section : target.kind === 'place' && target.section;
      if (!home) continue;
      const at =
        target.kind === 'piece'
          ? target.piece.start + target.offset
          : target.kind === 'place'
            ? target.offset
            : 0;
      const known = sites.get(home.index);
      if (known) known.add(at);
      else sites.set(home.index, new Set([at]));
    }
  }
  let own: Map<string, true> | undefined;
  return {
    model,
    functions: model.pieces.filter((piece) => isMatchable(model, piece)),
    jumpSites: (section) => sites.get(section.index) ?? none,
    hasSymbol(section, offset, name) {
      if (!own) {
        own = new Map();
        const { symbols } = model;
        for (let index = 1; index < symbols.count; index++)
          if (!symbols.reserved[index] && symbols.section[index] !== 0)
            own.set(`${symbols.section[index]}:${symbols.value[index]}:${symbols.name(index)}`, true);
      }
      return own.has(`${section.index}:${offset}:${name}`);
    },
  };
}
