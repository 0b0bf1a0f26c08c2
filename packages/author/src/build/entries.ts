import type { ObjectModel, Piece, UnitMatch } from '@klpkit/compare';
import { type ElfFile, findSection, sectionBytes } from '@klpkit/formats';
import type { KernelContext, ShippedModule } from './context.ts';

/** Why an indirect call must not lead to a function of the running kernel, in words; `undefined` when it may. */
export type EntryProblem = (
  function_: { readonly piece: Piece } | { readonly name: string },
) => string | undefined;

const noEndbr = 'its shipped code begins without ENDBR';
const sealed = 'its ENDBR is on the list of those that the kernel takes out at boot (.ibt_endbr_seal)';

/**
 * Tells which functions may be the target of an indirect call on a kernel with CONFIG_X86_KERNEL_IBT. gcc leaves ENDBR out of static
 * functions whose address nobody takes, and objtool lists for removal what nobody refers to (tools/objtool/check.c,
 * `validate_ibt()`; arch/x86/kernel/alternative.c, `apply_seal_endbr()`).
 */
export function entryProblems(
  context: KernelContext,
  before: ObjectModel,
  match: UnitMatch,
  shipped: ShippedModule | undefined,
): EntryProblem {
  if (!context.ibt) return () => undefined;
  const { image, exports } = context;
  return (which) => {
    if ('piece' in which) {
      const { piece } = which;
      if (piece.kind !== 'function') return undefined;
      if (!before.arch.isIndirectTarget(before.content(piece))) return noEndbr;
      const place = match.placeOf(piece);
      if (place?.kind === 'image') return sealedInImage(image.elf).has(place.address) ? sealed : undefined;
      if (place?.kind === 'module' && shipped)
        return sealedInModule(shipped.model).has(`${place.section}:${place.offset}`) ? sealed : undefined;
      return undefined;
    }
    // What is exported keeps its ENDBR for modules that nobody has seen.
    if (exports.has(which.name)) return undefined;
    const inModule = shipped?.model.named(which.name).find((piece) => piece.kind === 'function');
    if (shipped && inModule) {
      if (!before.arch.isIndirectTarget(shipped.model.content(inModule))) return noEndbr;
      return sealedInModule(shipped.model).has(`${inModule.section.index}:${inModule.start}`)
        ? sealed
        : undefined;
    }
    const [index] = image.symbols.find(which.name);
    if (index === undefined || !/[tw]/i.test(String.fromCharCode(image.symbols.type[index])))
      return undefined;
    const address = image.symbols.address[index];
    const code = codeAt(image.elf, address);
    if (code && !before.arch.isIndirectTarget(code)) return noEndbr;
    return sealedInImage(image.elf).has(address) ? sealed : undefined;
  };
}

function codeAt(elf: ElfFile, address: number): Uint8Array | undefined {
  const section = elf.sections.find(
    (candidate) =>
      candidate.address !== 0 && address >= candidate.address && address < candidate.address + candidate.size,
  );
  return (
    section && sectionBytes(elf, section).subarray(address - section.address, address - section.address + 4)
  );
}

const imageLists = new WeakMap<ElfFile, ReadonlySet<number>>();

/** Addresses in the image's list: each entry is a signed 32-bit distance from its own place. */
function sealedInImage(elf: ElfFile): ReadonlySet<number> {
  let known = imageLists.get(elf);
  if (known) return known;
  const section = findSection(elf, '.ibt_endbr_seal');
  const addresses = new Set<number>();
  for (let at = 0; section && at + 4 <= section.size; at += 4)
    addresses.add(section.address + at + elf.view.getInt32(section.offset + at, elf.littleEndian));
  known = addresses;
  imageLists.set(elf, known);
  return known;
}

const moduleLists = new WeakMap<ObjectModel, ReadonlySet<string>>();

/** Places in a module's list, as `section:offset`. */
function sealedInModule(model: ObjectModel): ReadonlySet<string> {
  let known = moduleLists.get(model);
  if (known) return known;
  const section = findSection(model.elf, '.ibt_endbr_seal');
  const places = new Set<string>();
  for (const { target } of section ? model.references(section) : []) {
    if (target.kind === 'piece')
      places.add(`${target.piece.section.index}:${target.piece.start + target.offset}`);
    if (target.kind === 'place') places.add(`${target.section.index}:${target.offset}`);
  }
  known = places;
  moduleLists.set(model, known);
  return known;
}
