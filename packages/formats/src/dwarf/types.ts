import { BTF_KIND } from '../btf/types.ts';
import { BtfWriter, type MemberToWrite } from '../btf/write.ts';
import type { ElfFile } from '../elf/read.ts';
import { DW_AT, DW_FORM, DW_TAG } from './constants.ts';
import type { Cursor } from './cursor.ts';
import { directForm, formNumber, skipForm } from './form.ts';
import { type DebugSections, openDebugSections } from './sections.ts';
import { type Abbreviation, abbreviationOf, formString, readUnits, reference, type Unit } from './unit.ts';

/** An entry that describes a type, a part of one, or a function. */
interface TypeEntry {
  readonly tag: number;
  name: string;
  /** Offset in .debug_info of the entry of its type; -1 for void. */
  type: number;
  bytes: number | undefined;
  bits: number | undefined;
  /** From the most significant bit of the storage unit: DWARF 2 and 3. */
  bitOffset: number | undefined;
  /** From the start of the structure: DWARF 4 and 5. */
  dataBitOffset: number | undefined;
  location: number;
  /** Elements; `undefined` where the entry tells none. */
  length: number | undefined;
  value: number;
  encoding: number;
  isDeclaration: boolean;
  isExternal: boolean;
  sibling: number | undefined;
  readonly parts: TypeEntry[];
}

/** Tags that become a type of their own. */
const typeTags: ReadonlySet<number> = new Set([
  DW_TAG.array_type,
  DW_TAG.enumeration_type,
  DW_TAG.pointer_type,
  DW_TAG.structure_type,
  DW_TAG.subroutine_type,
  DW_TAG.typedef,
  DW_TAG.union_type,
  DW_TAG.base_type,
  DW_TAG.const_type,
  DW_TAG.volatile_type,
  DW_TAG.restrict_type,
  DW_TAG.unspecified_type,
  DW_TAG.atomic_type,
]);

/** Tags that are a part of the entry above them. */
const partTags: ReadonlySet<number> = new Set([
  DW_TAG.member,
  DW_TAG.enumerator,
  DW_TAG.subrange_type,
  DW_TAG.formal_parameter,
  DW_TAG.unspecified_parameters,
]);

/**
 * The types that the debug information of an object describes, as the content of a `.BTF` section: what clang and older gccs know of
 * types. Those inside of functions are left out, as gcc's `-gbtf` leaves them out; functions come with their prototypes.
 *
 * @returns empty when the object has no debug information
 * @throws {FormatError} for whatever the sections contain that the format does not allow
 * @see DWARF 5, chapter 5; DWARF 3, 5.5.6 for the old way to place bit-fields
 */
export function typesOfDwarf(elf: ElfFile): Uint8Array {
  const sections = openDebugSections(elf);
  const entries = new Map<number, TypeEntry>();
  for (const unit of readUnits(sections)) readTypes(sections, unit, entries);
  if (entries.size === 0) return new Uint8Array(0);
  const room = ['.debug_info', '.debug_str', '.debug_line_str'].map(
    (name) => sections.open(name)?.bytes.length ?? 0,
  );
  const writer = new BtfWriter(2 * room.reduce((sum, length) => sum + length, 0));
  write(writer, entries, elf.littleEndian);
  return writer.bytes();
}

/** Collects the entries right below the unit's own, and what is in them. */
function readTypes(sections: DebugSections, unit: Unit, entries: Map<number, TypeEntry>): void {
  const cursor = sections.open('.debug_info');
  if (!cursor) return;
  cursor.at = unit.entries;
  cursor.end = unit.end;
  // The open entries: `undefined` for one whose inside says nothing of types.
  const open: (TypeEntry | 'unit' | undefined)[] = [];
  while (cursor.at < unit.end) {
    const at = cursor.at;
    const code = cursor.uleb();
    if (code === 0) {
      open.pop();
      continue;
    }
    const abbreviation = abbreviationOf(unit, cursor, code);
    const { tag, children } = abbreviation;
    const parent = open.at(-1);
    const isRoot = open.length === 0;
    const isType = typeTags.has(tag) && parent !== undefined;
    const isFunction = tag === DW_TAG.subprogram && parent === 'unit';
    const isPart = partTags.has(tag) && parent !== undefined && parent !== 'unit';
    if (!isType && !isFunction && !isPart) {
      if (abbreviation.size >= 0) cursor.skip(abbreviation.size);
      else for (const { form } of abbreviation.attributes) skipForm(cursor, form, unit);
      if (children) open.push(isRoot ? 'unit' : undefined);
      continue;
    }
    const entry = readEntry(sections, unit, cursor, abbreviation);
    if (isPart) (parent as TypeEntry).parts.push(entry);
    // A type inside of a function concerns nobody else.
    else if (parent === 'unit' || (parent as TypeEntry).tag !== DW_TAG.subprogram) entries.set(at, entry);
    if (!children) continue;
    if (isPart && entry.sibling !== undefined && entry.sibling > at && entry.sibling <= unit.end)
      cursor.at = entry.sibling;
    else open.push(isPart ? undefined : entry);
  }
}

function readEntry(
  sections: DebugSections,
  unit: Unit,
  cursor: Cursor,
  { tag, attributes }: Abbreviation,
): TypeEntry {
  const entry: TypeEntry = {
    tag,
    name: '',
    type: -1,
    bytes: undefined,
    bits: undefined,
    bitOffset: undefined,
    dataBitOffset: undefined,
    location: 0,
    length: undefined,
    value: 0,
    encoding: 0,
    isDeclaration: false,
    isExternal: false,
    sibling: undefined,
    parts: [],
  };
  for (const { attribute, form: told, implicit } of attributes) {
    const form = told === DW_FORM.indirect ? directForm(cursor) : told;
    /** The number; `undefined` for what only an expression or another entry tells. */
    const number = () =>
      isConstant(form) ? formNumber(cursor, form, unit, implicit) : other(cursor, form, unit);
    switch (attribute) {
      case DW_AT.name:
        entry.name = formString(sections, unit, cursor, form);
        break;
      case DW_AT.type:
        entry.type = reference(unit, cursor, form) ?? -1;
        break;
      case DW_AT.sibling:
        entry.sibling = reference(unit, cursor, form);
        break;
      case DW_AT.byte_size:
        entry.bytes = number();
        break;
      case DW_AT.bit_size:
        entry.bits = number();
        break;
      case DW_AT.bit_offset:
        entry.bitOffset = number();
        break;
      case DW_AT.data_bit_offset:
        entry.dataBitOffset = number();
        break;
      case DW_AT.data_member_location:
        entry.location = number() ?? 0;
        break;
      case DW_AT.count:
        entry.length = number();
        break;
      case DW_AT.upper_bound: {
        const highest = number();
        // An array without elements has the bound -1, which some write as the highest number of its form.
        if (highest !== undefined) entry.length = highest >= 0xffffffff ? 0 : Math.max(highest + 1, 0);
        break;
      }
      case DW_AT.const_value:
        entry.value = number() ?? 0;
        break;
      case DW_AT.encoding:
        entry.encoding = number() ?? 0;
        break;
      case DW_AT.declaration:
        entry.isDeclaration = number() !== 0;
        break;
      case DW_AT.external:
        entry.isExternal = number() !== 0;
        break;
      default:
        skipForm(cursor, form, unit);
    }
  }
  return entry;
}

function isConstant(form: number): boolean {
  switch (form) {
    case DW_FORM.data1:
    case DW_FORM.data2:
    case DW_FORM.data4:
    case DW_FORM.data8:
    case DW_FORM.sdata:
    case DW_FORM.udata:
    case DW_FORM.implicit_const:
    case DW_FORM.flag:
    case DW_FORM.flag_present:
      return true;
    default:
      return false;
  }
}

/** DW_OP_plus_uconst and DW_OP_constu: how DWARF 2 places a member. */
const placing: ReadonlySet<number> = new Set([0x23, 0x10]);

/** What a short expression comes to; everything else is stepped over. */
function other(cursor: Cursor, form: number, unit: Unit): number | undefined {
  const block = cursor.copy(cursor.at, cursor.end);
  skipForm(cursor, form, unit);
  if (form !== DW_FORM.block1 && form !== DW_FORM.exprloc) return undefined;
  const length = form === DW_FORM.block1 ? block.u8() : block.uleb();
  return length > 1 && placing.has(block.u8()) ? block.uleb() : undefined;
}

/** DW_ATE_*: which bits of BTF's encoding a number has. DWARF 5, 7.8. */
const encodings: Readonly<Record<number, number>> = { 2: 4, 5: 1, 6: 1, 13: 1 };
const floats: ReadonlySet<number> = new Set([3, 4, 9]);

const modifiers: Readonly<Record<number, number>> = {
  [DW_TAG.pointer_type]: BTF_KIND.PTR,
  [DW_TAG.const_type]: BTF_KIND.CONST,
  [DW_TAG.volatile_type]: BTF_KIND.VOLATILE,
  [DW_TAG.restrict_type]: BTF_KIND.RESTRICT,
  [DW_TAG.typedef]: BTF_KIND.TYPEDEF,
  [DW_TAG.unspecified_type]: BTF_KIND.TYPEDEF,
  [DW_TAG.atomic_type]: BTF_KIND.TYPEDEF,
};

/** How many types an entry becomes: one for each dimension of an array, two for a function. */
function typesOf(entry: TypeEntry): number {
  if (entry.tag === DW_TAG.array_type) return Math.max(entry.parts.filter(isDimension).length, 1);
  if (entry.tag !== DW_TAG.subprogram) return 1;
  return entry.isExternal && !entry.isDeclaration && entry.name !== '' ? 2 : 0;
}

const isDimension = ({ tag }: TypeEntry) => tag === DW_TAG.subrange_type;

function write(writer: BtfWriter, entries: ReadonlyMap<number, TypeEntry>, littleEndian: boolean): void {
  const ids = new Map<number, number>();
  let next = 1;
  for (const [offset, entry] of entries) {
    ids.set(offset, next);
    next += typesOf(entry);
  }
  const idOf = (offset: number) => ids.get(offset) ?? 0;
  const parameters = ({ parts }: TypeEntry) =>
    parts.map(({ tag, name, type }) =>
      tag === DW_TAG.formal_parameter ? { name, type: idOf(type) } : { name: '', type: 0 },
    );
  for (const entry of entries.values()) {
    const { tag, name, parts, bytes = 0 } = entry;
    switch (tag) {
      case DW_TAG.base_type:
        if (floats.has(entry.encoding)) writer.number(BTF_KIND.FLOAT, name, bytes);
        else writer.number(BTF_KIND.INT, name, bytes, encodings[entry.encoding] ?? 0);
        break;
      case DW_TAG.array_type: {
        const lengths = parts.filter(isDimension).map(({ length = 0 }) => length);
        // From the outside in: each dimension is an array of the next, the last of the element.
        for (let at = 0; at < Math.max(lengths.length, 1); at++)
          writer.array(at + 1 < lengths.length ? writer.count + 2 : idOf(entry.type), lengths[at] ?? 0);
        break;
      }
      case DW_TAG.enumeration_type:
        writer.enumeration(name, bytes, entry.isDeclaration ? [] : parts);
        break;
      case DW_TAG.structure_type:
      case DW_TAG.union_type: {
        const isUnion = tag === DW_TAG.union_type;
        if (entry.isDeclaration) writer.forward(name, isUnion);
        else writer.aggregate(name, isUnion, bytes, members(entry, entries, idOf, littleEndian));
        break;
      }
      case DW_TAG.subroutine_type:
        writer.prototype(idOf(entry.type), parameters(entry));
        break;
      case DW_TAG.subprogram:
        if (typesOf(entry) === 0) break;
        writer.modifier(BTF_KIND.FUNC, name, writer.count + 2);
        writer.prototype(idOf(entry.type), parameters(entry));
        break;
      default: {
        const kind = modifiers[tag] ?? BTF_KIND.TYPEDEF;
        writer.modifier(kind, kind === BTF_KIND.TYPEDEF ? name : '', idOf(entry.type));
      }
    }
  }
}

function members(
  { parts }: TypeEntry,
  entries: ReadonlyMap<number, TypeEntry>,
  idOf: (offset: number) => number,
  littleEndian: boolean,
): MemberToWrite[] {
  return parts.flatMap((part) => {
    if (part.tag !== DW_TAG.member) return [];
    const { name, type, bits, bitOffset, location } = part;
    let offsetBits = part.dataBitOffset ?? location * 8;
    if (bits !== undefined && bitOffset !== undefined) {
      const storage = (part.bytes ?? bytesOf(type, entries)) * 8;
      offsetBits += littleEndian ? storage - bitOffset - bits : bitOffset;
    }
    return [{ name, type: idOf(type), offsetBits, bits }];
  });
}

/** Bytes of a number behind typedefs and qualifiers. */
function bytesOf(type: number, entries: ReadonlyMap<number, TypeEntry>): number {
  let entry = entries.get(type);
  for (let depth = 0; depth < 32 && entry && entry.bytes === undefined; depth++)
    entry = entries.get(entry.type);
  return entry?.bytes ?? 0;
}
