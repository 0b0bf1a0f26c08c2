import { DW_FORM } from './constants.ts';
import type { Cursor } from './cursor.ts';

/** What the size of a form depends on: the head of its unit. */
export interface Encoding {
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
}

/** How many bytes a form takes where that is fixed, else `undefined`. */
export function fixedSize(form: number, encoding: Encoding): number | undefined {
  switch (form) {
    case DW_FORM.flag_present:
    case DW_FORM.implicit_const:
      return 0;
    case DW_FORM.data1:
    case DW_FORM.flag:
    case DW_FORM.ref1:
    case DW_FORM.strx1:
    case DW_FORM.addrx1:
      return 1;
    case DW_FORM.data2:
    case DW_FORM.ref2:
    case DW_FORM.strx2:
    case DW_FORM.addrx2:
      return 2;
    case DW_FORM.strx3:
    case DW_FORM.addrx3:
      return 3;
    case DW_FORM.data4:
    case DW_FORM.ref4:
    case DW_FORM.strx4:
    case DW_FORM.addrx4:
    case DW_FORM.ref_sup4:
      return 4;
    case DW_FORM.data8:
    case DW_FORM.ref8:
    case DW_FORM.ref_sig8:
    case DW_FORM.ref_sup8:
      return 8;
    case DW_FORM.data16:
      return 16;
    case DW_FORM.addr:
      return encoding.addressSize;
    case DW_FORM.ref_addr:
      return encoding.version <= 2 ? encoding.addressSize : encoding.offsetSize;
    case DW_FORM.sec_offset:
    case DW_FORM.strp:
    case DW_FORM.line_strp:
    case DW_FORM.strp_sup:
      return encoding.offsetSize;
    default:
      return undefined;
  }
}

/** Steps over one value. */
export function skipForm(cursor: Cursor, form: number, encoding: Encoding): void {
  const size = fixedSize(form, encoding);
  if (size !== undefined) {
    cursor.skip(size);
    return;
  }
  switch (form) {
    case DW_FORM.block1:
      cursor.skip(cursor.u8());
      break;
    case DW_FORM.block2:
      cursor.skip(cursor.u16());
      break;
    case DW_FORM.block4:
      cursor.skip(cursor.u32());
      break;
    case DW_FORM.block:
    case DW_FORM.exprloc:
      cursor.skip(cursor.uleb());
      break;
    case DW_FORM.string:
      cursor.skipString();
      break;
    case DW_FORM.sdata:
    case DW_FORM.udata:
    case DW_FORM.ref_udata:
    case DW_FORM.strx:
    case DW_FORM.addrx:
    case DW_FORM.loclistx:
    case DW_FORM.rnglistx:
      cursor.uleb();
      break;
    case DW_FORM.indirect:
      skipForm(cursor, directForm(cursor), encoding);
      break;
    default:
      cursor.fail(`the unknown form 0x${form.toString(16)}`);
  }
}

/** The form that DW_FORM_indirect stands for. */
export function directForm(cursor: Cursor): number {
  const form = cursor.uleb();
  if (form === DW_FORM.indirect || form === DW_FORM.implicit_const)
    cursor.fail(`an indirect form that leads to form 0x${form.toString(16)}`);
  return form;
}

/** The number in a form of a fixed or LEB128 size: a constant, an offset, an index, an address. Not for strings and blocks. */
export function formNumber(cursor: Cursor, form: number, encoding: Encoding, implicit: number): number {
  switch (form) {
    case DW_FORM.flag_present:
      return 1;
    case DW_FORM.implicit_const:
      return implicit;
    case DW_FORM.sdata:
      return cursor.sleb();
    case DW_FORM.udata:
    case DW_FORM.ref_udata:
    case DW_FORM.strx:
    case DW_FORM.addrx:
    case DW_FORM.rnglistx:
    case DW_FORM.loclistx:
      return cursor.uleb();
    case DW_FORM.strx3:
    case DW_FORM.addrx3:
      return cursor.u24();
  }
  const size = fixedSize(form, encoding);
  if (size === undefined || size === 16)
    return cursor.fail(`form 0x${form.toString(16)}, expected one of a number`);
  return cursor.unsigned(size);
}
