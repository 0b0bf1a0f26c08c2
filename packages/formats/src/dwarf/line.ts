import { FormatError } from '../error.ts';
import { DW_FORM, DW_LNCT, DW_LNE, DW_LNS } from './constants.ts';
import type { Cursor } from './cursor.ts';
import type { DebugSections } from './sections.ts';

/** A place in a source file. `file` is as the compiler was told, joined with its folder where that is relative. */
export interface SourceLine {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** One row: from `offset` up to the next row's, the code is of `line`. */
export interface LineRow extends SourceLine {
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** The first instruction of a statement: where a debugger would stop. */
  readonly statement: boolean;
  /** True for the end of a stretch of code: the row has no line of its own. */
  readonly end: boolean;
}

/** A stretch of a line number program that starts anew: mostly that of one function. */
export interface LineSequence {
  /** Bytes from the start of .debug_line. */
  readonly start: number;
  readonly end: number;
  /** Indices of the sections that its rows are in. */
  readonly sections: ReadonlySet<number>;
}

/** The head of a line number program: its files, and where the program starts. */
export interface LineProgram {
  /** File `index` as DW_AT_decl_file and the program count them. */
  fileName(index: number): string;
  /** Its sequences in the order of the program, which is gone through from end to end. */
  sequences(): LineSequence[];
  /** Appends the rows of one section that a sequence has to `rows`, which holds those of the sequences before. */
  rowsOf(sequence: LineSequence, section: number, rows: LineRow[]): void;
  /** Bytes from the start of .debug_line where the next program starts. */
  readonly end: number;
}

/** What a line number program comes by while it is interpreted. */
interface Seen {
  row(address: number, file: number, line: number, statement: boolean): void;
  /** A sequence ends; the next one starts at `next`. */
  end(address: number, line: number, statement: boolean, next: number): void;
  /** A file that the program itself names; the cursor is before its name. */
  readonly file?: (program: Cursor) => void;
}

/** Joins as the compiler does: an absolute path stands alone. */
function join(folder: string, name: string): string {
  return name.startsWith('/') || folder === '' ? name : `${folder}/${name}`;
}

/**
 * Reads the header of the line number program at `offset` of .debug_line.
 *
 * @param folder the unit's DW_AT_comp_dir, which names in the tables of version 4 are relative to
 * @see DWARF 5, 6.2.4
 */
export function readLineProgram(sections: DebugSections, offset: number, folder = ''): LineProgram {
  const whole = sections.open('.debug_line');
  if (!whole) throw new FormatError('dwarf: the object has no .debug_line');
  const cursor = whole.copy(offset);
  const { end, offsetSize } = cursor.unitLength();
  cursor.end = end;
  const version = cursor.u16();
  if (version < 2 || version > 5) cursor.fail(`a line number program of version ${version}, expected 2 to 5`);
  if (version === 5) cursor.skip(2);
  const length = cursor.unsigned(offsetSize);
  const start = cursor.at + length;
  if (start > end) cursor.fail(`a header of 0x${length.toString(16)} bytes, which is longer than its unit`);
  const minimumLength = cursor.u8();
  if (version >= 4) cursor.skip(1);
  const defaultStatement = cursor.u8() !== 0;
  const lineBase = (cursor.u8() << 24) >> 24;
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  const operands = [0];
  for (let opcode = 1; opcode < opcodeBase; opcode++) operands.push(cursor.u8());

  const folders: string[] = [];
  const files: { name: string; folder: number }[] = [];
  if (version === 5) {
    for (const entry of readTable(sections, cursor, offsetSize))
      folders.push(folders.length === 0 ? entry.path : join(folders[0], entry.path));
    for (const entry of readTable(sections, cursor, offsetSize))
      files.push({ name: entry.path, folder: entry.folder });
  } else {
    // Folder 0 and file 0 are implied in version 4: the folder of the compilation, and no file.
    folders.push(folder);
    files.push({ name: '', folder: 0 });
    for (let name = cursor.string(); name !== ''; name = cursor.string()) folders.push(join(folder, name));
    for (let name = cursor.string(); name !== ''; name = cursor.string()) files.push(fileEntry(cursor, name));
  }
  const names: string[] = [];
  const fileName = (index: number): string => {
    const known = names[index];
    if (known !== undefined) return known;
    const entry = files[index];
    if (!entry)
      throw new FormatError(
        `dwarf: file ${index} of the line number program at 0x${offset.toString(16)}, which has ${files.length} files`,
      );
    const name = join(folders[entry.folder] ?? '', entry.name);
    names[index] = name;
    return name;
  };

  /** Interprets the program; `from` is the start of a sequence. */
  const run = (from: number, to: number, seen: Seen): void => {
    const program = whole.copy(from, end);
    const { bytes } = program;
    let address = 0;
    let file = 1;
    let line = 1;
    let statement = defaultStatement;
    const special = (opcode: number) => {
      if (lineRange === 0) program.fail('a special opcode in a program whose line range is 0');
      return opcode - opcodeBase;
    };
    while (program.at < to) {
      const opcode = bytes[program.at++];
      if (opcode >= opcodeBase) {
        const adjusted = special(opcode);
        address += Math.floor(adjusted / lineRange) * minimumLength;
        line += lineBase + (adjusted % lineRange);
        seen.row(address, file, line, statement);
        continue;
      }
      switch (opcode) {
        case DW_LNS.extended: {
          const size = program.uleb();
          program.need(size);
          const next = program.at + size;
          const extended = size === 0 ? 0 : program.u8();
          if (extended === DW_LNE.end_sequence) {
            seen.end(address, line, statement, next);
            address = 0;
            file = 1;
            line = 1;
            statement = defaultStatement;
          } else if (extended === DW_LNE.set_address) address = program.unsigned(size - 1);
          else if (extended === DW_LNE.define_file) seen.file?.(program);
          program.at = next;
          break;
        }
        case DW_LNS.copy:
          seen.row(address, file, line, statement);
          break;
        case DW_LNS.advance_pc:
          address += program.uleb() * minimumLength;
          break;
        case DW_LNS.advance_line:
          line += program.sleb();
          break;
        case DW_LNS.set_file:
          file = program.uleb();
          break;
        case DW_LNS.negate_stmt:
          statement = !statement;
          break;
        case DW_LNS.const_add_pc:
          address += Math.floor(special(255) / lineRange) * minimumLength;
          break;
        case DW_LNS.fixed_advance_pc:
          address += program.u16();
          break;
        default:
          // Opcodes that say nothing about lines, and those of later versions: operands are LEB128 numbers.
          for (let left = operands[opcode]; left > 0; left--) program.uleb();
      }
    }
  };

  const sequences = (): LineSequence[] => {
    const found: LineSequence[] = [];
    let first = start;
    let touched = new Set<number>();
    // Where no other section is than that of the row before.
    let [low, high] = [1, 0];
    const touch = (address: number, line: number) => {
      if (address >= low && address <= high) {
        if (line < 0)
          throw new FormatError(`dwarf: line ${line}, in the sequence at 0x${first.toString(16)}`);
        return;
      }
      const place = sections.placeOf(address);
      // A sequence without relocation is of code that the assembler dropped.
      if (!place) return;
      low = address - place.offset;
      high = low + (sections.elf.sections[place.section]?.size ?? 0);
      touched.add(place.section);
      touch(address, line);
    };
    run(start, end, {
      row(address, file, line) {
        touch(address, line);
        fileName(file);
      },
      end(address, line, _, next) {
        touch(address, line);
        found.push({ start: first, end: next, sections: touched });
        first = next;
        touched = new Set();
        [low, high] = [1, 0];
      },
      file: (program) => files.push(fileEntry(program, program.string())),
    });
    // What follows the last sequence is one that does not end.
    if (touched.size > 0) found.push({ start: first, end, sections: touched });
    return found;
  };

  const rowsOf = (sequence: LineSequence, section: number, rows: LineRow[]): void => {
    const offsetOf = (address: number) => {
      const place = sections.placeOf(address);
      return place?.section === section ? place.offset : undefined;
    };
    run(sequence.start, sequence.end, {
      row(address, file, line, statement) {
        const offset = offsetOf(address);
        if (offset !== undefined) rows.push({ offset, file: fileName(file), line, statement, end: false });
      },
      end(address, line, statement) {
        const offset = offsetOf(address);
        if (offset === undefined) return;
        // Rows at the very end of a sequence cover no code, and would hide the sequence that starts there.
        while (rows.at(-1)?.end === false && rows.at(-1)?.offset === offset) rows.pop();
        rows.push({ offset, file: '', line, statement, end: true });
      },
    });
  };
  return { fileName, sequences, rowsOf, end };
}

/** A file entry behind its name, up to version 4: folder, time, size. */
function fileEntry(cursor: Cursor, name: string): { name: string; folder: number } {
  const folder = cursor.uleb();
  cursor.uleb();
  cursor.uleb();
  return { name, folder };
}

/** A directory or file table of version 5: a list of columns, then rows (DWARF 5, 6.2.4.1). */
function readTable(
  sections: DebugSections,
  cursor: Cursor,
  offsetSize: 4 | 8,
): { path: string; folder: number }[] {
  const columns: { content: number; form: number }[] = [];
  for (let left = cursor.u8(); left > 0; left--)
    columns.push({ content: cursor.uleb(), form: cursor.uleb() });
  const count = cursor.uleb();
  // Each row takes a byte or more, or the count is a lie.
  if (count > 0 && (columns.length === 0 || count > cursor.end - cursor.at))
    cursor.fail(`a table of ${count} rows in ${cursor.end - cursor.at} bytes`);
  const rows: { path: string; folder: number }[] = [];
  for (let row = 0; row < count; row++) {
    let path = '';
    let folder = 0;
    for (const { content, form } of columns) {
      const value = tableValue(sections, cursor, form, offsetSize);
      if (content === DW_LNCT.path) path = String(value);
      else if (content === DW_LNCT.directory_index) folder = Number(value);
    }
    rows.push({ path, folder });
  }
  return rows;
}

function tableValue(
  sections: DebugSections,
  cursor: Cursor,
  form: number,
  offsetSize: 4 | 8,
): string | number {
  switch (form) {
    case DW_FORM.string:
      return cursor.string();
    case DW_FORM.line_strp:
      return sections.stringAt('.debug_line_str', cursor.unsigned(offsetSize));
    case DW_FORM.strp:
      return sections.stringAt('.debug_str', cursor.unsigned(offsetSize));
    case DW_FORM.udata:
      return cursor.uleb();
    case DW_FORM.data1:
      return cursor.u8();
    case DW_FORM.data2:
      return cursor.u16();
    case DW_FORM.data4:
      return cursor.u32();
    case DW_FORM.data8:
      return cursor.u64();
    case DW_FORM.data16:
      cursor.skip(16);
      return 0;
    case DW_FORM.block:
      cursor.skip(cursor.uleb());
      return 0;
    default:
      return cursor.fail(`form 0x${form.toString(16)} in a table of files`);
  }
}
