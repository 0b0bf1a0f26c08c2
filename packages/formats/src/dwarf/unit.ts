import { FormatError } from '../error.ts';
import { DW_AT, DW_FORM, DW_RLE, DW_TAG, DW_UT } from './constants.ts';
import type { Cursor } from './cursor.ts';
import { directForm, type Encoding, fixedSize, formNumber, skipForm } from './form.ts';
import type { DebugSections } from './sections.ts';

/** One attribute of an abbreviation. */
interface AttributeSpec {
  readonly attribute: number;
  readonly form: number;
  readonly implicit: number;
}

/** How the entries of one abbreviation code are stored. */
export interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  readonly attributes: readonly AttributeSpec[];
  /** Bytes of an entry whose attributes are all of fixed size, else -1. Valid within one unit's encoding. */
  readonly size: number;
}

/** The head of a unit of .debug_info, and what its forms refer to. */
export interface Unit extends Encoding {
  /** Bytes from the start of .debug_info. */
  readonly start: number;
  readonly end: number;
  /** Where the first entry is. */
  readonly entries: number;
  readonly abbreviations: ReadonlyMap<number, Abbreviation>;
  readonly strOffsetsBase: number;
  readonly addrBase: number;
  readonly rnglistsBase: number;
  /** DW_AT_low_pc of the unit: what range lists count from. */
  readonly base: number;
  readonly folder: string;
  /** Offset of its line number program, or -1. */
  readonly lines: number;
}

/** The attributes that are read, as numbers or strings; an attribute that is absent is `undefined`. */
export interface Entry {
  name: string | undefined;
  folder: string | undefined;
  sibling: number | undefined;
  low: number | undefined;
  high: number | undefined;
  highIsLength: boolean;
  /** Offset in the section of range lists. */
  ranges: number | undefined;
  /** Offset in .debug_info of the entry that this one is an instance of, or completes. */
  origin: number | undefined;
  declFile: number | undefined;
  declLine: number | undefined;
  callFile: number | undefined;
  callLine: number | undefined;
  inline: number;
  convention: number;
  declaration: boolean;
  lines: number | undefined;
}

/** Reads units one after the other; counts what it reads, so that overlapping tables cannot cost more than the file is long. */
export function readUnits(sections: DebugSections): Unit[] {
  const info = sections.open('.debug_info');
  if (!info) return [];
  const tables = new Map<string, Map<number, Abbreviation>>();
  let budget = (sections.open('.debug_abbrev')?.bytes.length ?? 0) * 4;
  const units: Unit[] = [];
  while (info.at < info.end) {
    const start = info.at;
    const head = info.copy(start);
    const { end, offsetSize } = head.unitLength();
    info.at = end;
    const version = head.u16();
    if (version < 2 || version > 5) head.fail(`a unit of version ${version}, expected 2 to 5`);
    let type: number = DW_UT.compile;
    let addressSize = 8;
    let abbreviationsAt: number;
    if (version === 5) {
      type = head.u8();
      addressSize = head.u8();
      abbreviationsAt = head.unsigned(offsetSize);
    } else {
      abbreviationsAt = head.unsigned(offsetSize);
      addressSize = head.u8();
    }
    if (addressSize !== 8 && addressSize !== 4)
      head.fail(`addresses of ${addressSize} bytes, expected 4 or 8`);
    // Type units hold no code, and split units are in another file.
    if (type !== DW_UT.compile && type !== DW_UT.partial) continue;
    const encoding: Encoding = { version, addressSize, offsetSize };
    const key = `${abbreviationsAt}/${version}/${addressSize}/${offsetSize}`;
    let abbreviations = tables.get(key);
    if (!abbreviations) {
      const read = readAbbreviations(sections, abbreviationsAt, encoding);
      budget -= read.length;
      if (budget < 0) throw new FormatError('dwarf: the tables of .debug_abbrev overlap');
      abbreviations = read.map;
      tables.set(key, abbreviations);
    }
    const draft = {
      ...encoding,
      start,
      end,
      entries: head.at,
      abbreviations,
      strOffsetsBase: offsetSize * 2,
      addrBase: 8,
      rnglistsBase: 0,
      base: 0,
      folder: '',
      lines: -1,
    };
    units.push(withRoot(sections, head.copy(head.at, end), draft));
  }
  return units;
}

/** Completes a unit by its root entry: first the bases, which its other attributes may need. */
function withRoot(sections: DebugSections, cursor: Cursor, draft: Unit): Unit {
  const start = cursor.at;
  const code = cursor.uleb();
  if (code === 0) return draft;
  const abbreviation = abbreviationOf(draft, cursor, code);
  const bases = {
    strOffsetsBase: draft.strOffsetsBase,
    addrBase: draft.addrBase,
    rnglistsBase: draft.rnglistsBase,
  };
  for (const { attribute, form, implicit } of abbreviation.attributes) {
    if (attribute === DW_AT.str_offsets_base)
      bases.strOffsetsBase = formNumber(cursor, form, draft, implicit);
    else if (attribute === DW_AT.addr_base) bases.addrBase = formNumber(cursor, form, draft, implicit);
    else if (attribute === DW_AT.rnglists_base)
      bases.rnglistsBase = formNumber(cursor, form, draft, implicit);
    else skipForm(cursor, form, draft);
  }
  cursor.at = start;
  cursor.uleb();
  const unit = { ...draft, ...bases };
  const entry = emptyEntry();
  readEntry(sections, unit, cursor, abbreviation, entry);
  return { ...unit, base: entry.low ?? 0, folder: entry.folder ?? '', lines: entry.lines ?? -1 };
}

/** @throws {FormatError} for a code that the unit's table does not have */
export function abbreviationOf(unit: Unit, cursor: Cursor, code: number): Abbreviation {
  const abbreviation = unit.abbreviations.get(code);
  return abbreviation ?? cursor.fail(`abbreviation ${code}, which the unit does not have`);
}

function readAbbreviations(
  sections: DebugSections,
  offset: number,
  encoding: Encoding,
): { map: Map<number, Abbreviation>; length: number } {
  const cursor = sections.open('.debug_abbrev')?.copy(offset);
  if (!cursor) throw new FormatError('dwarf: the object has .debug_info and no .debug_abbrev');
  const map = new Map<number, Abbreviation>();
  for (let code = cursor.uleb(); code !== 0; code = cursor.uleb()) {
    const tag = cursor.uleb();
    const children = cursor.u8() !== 0;
    const attributes: AttributeSpec[] = [];
    let size = 0;
    for (;;) {
      const attribute = cursor.uleb();
      const form = cursor.uleb();
      const implicit = form === DW_FORM.implicit_const ? cursor.sleb() : 0;
      if (attribute === 0 && form === 0) break;
      attributes.push({ attribute, form, implicit });
      const bytes = fixedSize(form, encoding);
      size = bytes === undefined || size < 0 ? -1 : size + bytes;
    }
    map.set(code, { tag, children, attributes, size });
  }
  return { map, length: cursor.at - offset };
}

/** An entry to read into: one serves a whole walk. */
export function emptyEntry(): Entry {
  return {
    name: undefined,
    folder: undefined,
    sibling: undefined,
    low: undefined,
    high: undefined,
    highIsLength: false,
    ranges: undefined,
    origin: undefined,
    declFile: undefined,
    declLine: undefined,
    callFile: undefined,
    callLine: undefined,
    inline: 0,
    convention: 0,
    declaration: false,
    lines: undefined,
  };
}

const reset = emptyEntry();

/** Reads the attributes of one entry; the cursor is behind its abbreviation code. */
export function readEntry(
  sections: DebugSections,
  unit: Unit,
  cursor: Cursor,
  abbreviation: Abbreviation,
  entry: Entry,
): void {
  Object.assign(entry, reset);
  for (const spec of abbreviation.attributes) {
    const { attribute, implicit } = spec;
    const form = spec.form === DW_FORM.indirect ? directForm(cursor) : spec.form;
    switch (attribute) {
      case DW_AT.name:
        entry.name = formString(sections, unit, cursor, form);
        break;
      case DW_AT.comp_dir:
        entry.folder = formString(sections, unit, cursor, form);
        break;
      case DW_AT.sibling:
        entry.sibling = reference(unit, cursor, form);
        break;
      case DW_AT.abstract_origin:
      case DW_AT.specification:
        entry.origin = reference(unit, cursor, form);
        break;
      case DW_AT.low_pc:
        entry.low = address(sections, unit, cursor, form);
        break;
      case DW_AT.high_pc:
        entry.highIsLength = !isAddress(form);
        entry.high = entry.highIsLength
          ? formNumber(cursor, form, unit, implicit)
          : address(sections, unit, cursor, form);
        break;
      case DW_AT.ranges:
        entry.ranges = formNumber(cursor, form, unit, implicit);
        if (form === DW_FORM.rnglistx) entry.ranges = rangeListAt(sections, unit, entry.ranges);
        break;
      case DW_AT.stmt_list:
        entry.lines = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.decl_file:
        entry.declFile = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.decl_line:
        entry.declLine = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.call_file:
        entry.callFile = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.call_line:
        entry.callLine = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.inline:
        entry.inline = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.calling_convention:
        entry.convention = formNumber(cursor, form, unit, implicit);
        break;
      case DW_AT.declaration:
        entry.declaration = formNumber(cursor, form, unit, implicit) !== 0;
        break;
      default:
        skipForm(cursor, form, unit);
    }
  }
}

function isAddress(form: number): boolean {
  return (
    form === DW_FORM.addr || form === DW_FORM.addrx || (form >= DW_FORM.addrx1 && form <= DW_FORM.addrx4)
  );
}

function address(sections: DebugSections, unit: Unit, cursor: Cursor, form: number): number {
  const value = formNumber(cursor, form, unit, 0);
  return form === DW_FORM.addr ? value : indexedAddress(sections, unit, value);
}

function indexedAddress(sections: DebugSections, unit: Unit, index: number): number {
  const offset = unit.addrBase + index * unit.addressSize;
  return sections.at('.debug_addr', offset, 'an address').unsigned(unit.addressSize);
}

/** Offset in .debug_info of the entry that a form leads to; `undefined` for one of another unit or file. */
export function reference(unit: Unit, cursor: Cursor, form: number): number | undefined {
  const value = formNumber(cursor, form, unit, 0);
  // A type of another unit or file: nothing of ours refers to code that way.
  if (form === DW_FORM.ref_sig8 || form === DW_FORM.ref_sup4 || form === DW_FORM.ref_sup8) return undefined;
  return form === DW_FORM.ref_addr ? value : unit.start + value;
}

/** The string in a form of one. */
export function formString(sections: DebugSections, unit: Unit, cursor: Cursor, form: number): string {
  if (form === DW_FORM.string) return cursor.string();
  const value = formNumber(cursor, form, unit, 0);
  if (form === DW_FORM.strp) return sections.stringAt('.debug_str', value);
  if (form === DW_FORM.line_strp) return sections.stringAt('.debug_line_str', value);
  if (form === DW_FORM.strx || (form >= DW_FORM.strx1 && form <= DW_FORM.strx4)) {
    const offset = unit.strOffsetsBase + value * unit.offsetSize;
    const at = sections.at('.debug_str_offsets', offset, 'a string').unsigned(unit.offsetSize);
    return sections.stringAt('.debug_str', at);
  }
  return cursor.fail(`form 0x${form.toString(16)}, expected one of a string`);
}

function rangeListAt(sections: DebugSections, unit: Unit, index: number): number {
  const offset = unit.rnglistsBase + index * unit.offsetSize;
  const entry = sections.at('.debug_rnglists', offset, 'a range list').unsigned(unit.offsetSize);
  return unit.rnglistsBase + entry;
}

/**
 * The address ranges of a list.
 *
 * @param spend is told each entry that is read, and throws when there are too many
 * @see DWARF 5, 2.17.3; DWARF 4, 2.17.3
 */
export function readRanges(
  sections: DebugSections,
  unit: Unit,
  offset: number,
  spend: () => void,
): [start: number, end: number][] {
  const name = unit.version >= 5 ? '.debug_rnglists' : '.debug_ranges';
  const cursor = sections.at(name, offset, 'a range list');
  const ranges: [number, number][] = [];
  let base = unit.base;
  const word = () => cursor.unsigned(unit.addressSize);
  const highest = unit.addressSize === 8 ? 2 ** 64 : 2 ** 32 - 1;
  for (;;) {
    spend();
    if (unit.version < 5) {
      const start = word();
      const end = word();
      if (start === 0 && end === 0) return ranges;
      if (start === highest) base = end;
      else ranges.push([base + start, base + end]);
      continue;
    }
    const kind = cursor.u8();
    switch (kind) {
      case DW_RLE.end_of_list:
        return ranges;
      case DW_RLE.base_addressx:
        base = indexedAddress(sections, unit, cursor.uleb());
        break;
      case DW_RLE.base_address:
        base = word();
        break;
      case DW_RLE.offset_pair:
        ranges.push([base + cursor.uleb(), base + cursor.uleb()]);
        break;
      case DW_RLE.start_end:
        ranges.push([word(), word()]);
        break;
      case DW_RLE.start_length:
      case DW_RLE.startx_length: {
        const start = kind === DW_RLE.start_length ? word() : indexedAddress(sections, unit, cursor.uleb());
        ranges.push([start, start + cursor.uleb()]);
        break;
      }
      case DW_RLE.startx_endx:
        ranges.push([
          indexedAddress(sections, unit, cursor.uleb()),
          indexedAddress(sections, unit, cursor.uleb()),
        ]);
        break;
      default:
        cursor.fail(`range list entry of kind ${kind}`);
    }
  }
}

/** Tags whose subtrees describe types: no code is in them. */
export function isType(tag: number): boolean {
  return (
    tag === DW_TAG.structure_type ||
    tag === DW_TAG.union_type ||
    tag === DW_TAG.enumeration_type ||
    tag === DW_TAG.array_type ||
    tag === DW_TAG.subroutine_type
  );
}
