import type { ElfFile } from '../elf/read.ts';
import { FormatError } from '../error.ts';
import { DW_TAG } from './constants.ts';
import { skipForm } from './form.ts';
import {
  type LineProgram,
  type LineRow,
  type LineSequence,
  readLineProgram,
  type SourceLine,
} from './line.ts';
import { type DebugSections, openDebugSections } from './sections.ts';
import {
  abbreviationOf,
  type Entry,
  emptyEntry,
  isType,
  readEntry,
  readRanges,
  readUnits,
  type Unit,
} from './unit.ts';

/** A stretch of code: `end` is the byte behind it. */
export interface CodeRange {
  /** Index in the object's section table. */
  readonly section: number;
  readonly start: number;
  readonly end: number;
}

/**
 * A function of the source that the unit defines. The compiler may have inlined it everywhere, cloned it, folded it into an equal one, or
 * left it whole.
 */
export interface SourceFunction {
  readonly name: string;
  /** Where its definition starts: the line of its name. Absent for what the compiler made up. */
  readonly declared?: SourceLine;
  /** Whether the source declares it `inline` (DW_AT_inline 2 or 3); what is not declared so may be inlined as well. clang does not tell. */
  readonly isDeclaredInline: boolean;
  /** DW_CC_nocall: arguments are not passed as the ABI of its type says. clang marks dead arguments so since 16. */
  readonly isNoCall: boolean;
  /** Its bodies in the object: none when it is only inlined, several for clones (`.isra.0`, `.part.0`). */
  readonly instances: readonly FunctionInstance[];
}

/** One body of a function: the code of one symbol, with its cold part. */
export interface FunctionInstance {
  readonly function: SourceFunction;
  readonly ranges: readonly CodeRange[];
  readonly inlined: readonly InlinedCall[];
}

/** A call that the compiler replaced by the callee's code. */
export interface InlinedCall {
  readonly function: SourceFunction;
  /** Where the call stands in the source. */
  readonly call?: SourceLine;
  /** Empty when nothing of it is left in the code. */
  readonly ranges: readonly CodeRange[];
  readonly inlined: readonly InlinedCall[];
}

/** What the debug sections of an object say of its code. Parts are read when they are first asked for. */
export interface Dwarf {
  /** Rows of a section by offset; empty where no line is known. */
  lines(section: number): readonly LineRow[];
  /** The source line of the instruction at `offset`; `undefined` in gaps and where the compiler names none (line 0). */
  lineAt(section: number, offset: number): SourceLine | undefined;
  /** Functions that the unit defines, in the order of .debug_info. */
  readonly functions: readonly SourceFunction[];
  /** The body that covers the offset. */
  instanceAt(section: number, offset: number): FunctionInstance | undefined;
  /** The inlined calls that cover the offset, the outermost first. Empty for a function's own code. */
  inlinesAt(section: number, offset: number): readonly InlinedCall[];
}

/**
 * Opens the debug information of a relocatable object: DWARF 2 to 5 as compilers write it, gcc's `-g` foremost.
 * Split DWARF and compressed debug sections are not read.
 *
 * @throws {FormatError} here and from every method: for whatever the sections contain that the format does not allow
 */
export function readDwarf(elf: ElfFile): Dwarf {
  let dwarf = opened.get(elf);
  if (!dwarf) {
    dwarf = openDwarf(elf);
    opened.set(elf, dwarf);
  }
  return dwarf;
}

/** What is read once serves all who ask. */
const opened = new WeakMap<ElfFile, Dwarf>();

function openDwarf(elf: ElfFile): Dwarf {
  const sections = openDebugSections(elf);
  let units: Unit[] | undefined;
  let sequences: Map<number, PlacedSequence[]> | undefined;
  const rows = new Map<number, LineRow[]>();
  let tree: { functions: SourceFunction[]; instances: Map<number, PlacedInstance[]> } | undefined;
  const programs = new Map<number, LineProgram>();
  const allUnits = () => (units ??= readUnits(sections));
  const programOf = (unit: Unit) => {
    if (unit.lines < 0) return undefined;
    let program = programs.get(unit.lines);
    if (!program) {
      program = readLineProgram(sections, unit.lines, unit.folder);
      programs.set(unit.lines, program);
    }
    return program;
  };
  const rowsOf = (section: number) => {
    let list = rows.get(section);
    if (!list) {
      sequences ??= findSequences(sections, allUnits(), programOf);
      list = readRows(sequences.get(section) ?? [], section);
      rows.set(section, list);
    }
    return list;
  };
  const allFunctions = () => (tree ??= readFunctions(sections, allUnits(), programOf));

  const dwarf: Dwarf = {
    lines: rowsOf,
    lineAt(section, offset) {
      const list = dwarf.lines(section);
      const row = list[countUpTo(list, offset, (candidate) => candidate.offset) - 1];
      return row && !row.end && row.line > 0 ? { file: row.file, line: row.line } : undefined;
    },
    get functions() {
      return allFunctions().functions;
    },
    instanceAt(section, offset) {
      const list = allFunctions().instances.get(section) ?? [];
      const placed = list[countUpTo(list, offset, (candidate) => candidate.start) - 1];
      return placed && offset < placed.end ? placed.instance : undefined;
    },
    inlinesAt(section, offset) {
      const chain: InlinedCall[] = [];
      let calls = dwarf.instanceAt(section, offset)?.inlined ?? [];
      for (;;) {
        const call = calls.find((candidate) =>
          candidate.ranges.some((range) => covers(range, section, offset)),
        );
        if (!call) return chain;
        chain.push(call);
        calls = call.inlined;
      }
    },
  };
  return dwarf;
}

/** Rows of all sections by section index: the whole of .debug_line that the units refer to. */
export function readLines(elf: ElfFile): ReadonlyMap<number, readonly LineRow[]> {
  const dwarf = readDwarf(elf);
  return new Map(
    elf.sections.flatMap(({ index }) => {
      const rows = dwarf.lines(index);
      return rows.length > 0 ? [[index, rows] as const] : [];
    }),
  );
}

function covers(range: CodeRange, section: number, offset: number): boolean {
  return range.section === section && offset >= range.start && offset < range.end;
}

/** How many leading items have a key that is not above `limit`; the list is sorted by that key. */
function countUpTo<T>(list: readonly T[], limit: number, key: (item: T) => number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface PlacedSequence {
  readonly program: LineProgram;
  readonly sequence: LineSequence;
}

/** The sequences that have rows in each section. */
function findSequences(
  sections: DebugSections,
  units: readonly Unit[],
  programOf: (unit: Unit) => LineProgram | undefined,
): Map<number, PlacedSequence[]> {
  const placed = new Map<number, PlacedSequence[]>();
  let budget = sections.open('.debug_line')?.bytes.length ?? 0;
  const done = new Set<number>();
  for (const unit of units) {
    const program = programOf(unit);
    if (!program || done.has(unit.lines)) continue;
    done.add(unit.lines);
    budget -= program.end - unit.lines;
    if (budget < 0) throw new FormatError('dwarf: the line number programs of .debug_line overlap');
    for (const sequence of program.sequences())
      for (const section of sequence.sections) {
        const list = placed.get(section);
        if (list) list.push({ program, sequence });
        else placed.set(section, [{ program, sequence }]);
      }
  }
  return placed;
}

function readRows(sequences: readonly PlacedSequence[], section: number): LineRow[] {
  const rows: LineRow[] = [];
  for (const { program, sequence } of sequences) program.rowsOf(sequence, section, rows);
  // Sequences come in any order; where one ends another may start.
  return rows.sort((a, b) => a.offset - b.offset || Number(b.end) - Number(a.end));
}

interface PlacedInstance {
  readonly start: number;
  readonly end: number;
  readonly instance: FunctionInstance;
}

/** A function while it is read: an instance may come before the function that it is one of. */
interface Draft {
  name: string | undefined;
  declared: SourceLine | undefined;
  origin: number | undefined;
  defined: boolean;
  inline: number;
  convention: number;
  function: Mutable<SourceFunction> & { instances: FunctionInstance[] };
}

/** DW_INL_declared_not_inlined and DW_INL_declared_inlined; DW_CC_nocall. DWARF 5, 7.20 and 7.15. */
const declaredInline = (inline: number) => inline === 2 || inline === 3;
const ccNoCall = 3;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readFunctions(
  sections: DebugSections,
  units: readonly Unit[],
  programOf: (unit: Unit) => LineProgram | undefined,
): { functions: SourceFunction[]; instances: Map<number, PlacedInstance[]> } {
  const drafts = new Map<number, Draft>();
  const bodies: { origin: number; body: Mutable<FunctionInstance> }[] = [];
  const calls: { origin: number; call: Mutable<InlinedCall> }[] = [];
  let budget =
    (sections.open('.debug_info')?.bytes.length ?? 0) +
    (sections.open('.debug_rnglists')?.bytes.length ?? 0) +
    (sections.open('.debug_ranges')?.bytes.length ?? 0);
  const spend = () => {
    if (--budget < 0) throw new FormatError('dwarf: more ranges than the object has room for');
  };
  const draftAt = (offset: number): Draft => {
    let draft = drafts.get(offset);
    if (!draft) {
      draft = {
        name: undefined,
        declared: undefined,
        origin: undefined,
        defined: false,
        inline: 0,
        convention: 0,
        function: { name: '', isDeclaredInline: false, isNoCall: false, instances: [] },
      };
      drafts.set(offset, draft);
    }
    return draft;
  };

  for (const unit of units) {
    const cursor = sections.open('.debug_info');
    if (!cursor) break;
    cursor.at = unit.entries;
    cursor.end = unit.end;
    const entry = emptyEntry();
    const unknown: SourceFunction = { name: '', isDeclaredInline: false, isNoCall: false, instances: [] };
    // The innermost list of inlined calls at each depth: a lexical block passes on the one of its parent.
    const lists: (InlinedCall[] | undefined)[] = [undefined];
    while (cursor.at < unit.end) {
      const at = cursor.at;
      const code = cursor.uleb();
      if (code === 0) {
        if (lists.length > 1) lists.pop();
        continue;
      }
      const abbreviation = abbreviationOf(unit, cursor, code);
      const { tag } = abbreviation;
      let list = lists[lists.length - 1];
      if (tag === DW_TAG.subprogram || tag === DW_TAG.inlined_subroutine) {
        readEntry(sections, unit, cursor, abbreviation, entry);
        const ranges = rangesOf(sections, unit, entry, spend);
        const declared = sourceLine(programOf(unit), entry.declFile, entry.declLine);
        if (tag === DW_TAG.subprogram) {
          const draft = draftAt(at);
          draft.name = entry.name;
          draft.declared = declared;
          draft.origin = entry.origin;
          draft.inline = entry.inline;
          draft.convention = entry.convention;
          // A definition without code and without copies: gcc folded its body into that of another (-fipa-icf).
          const isHollow =
            entry.name !== undefined && entry.declLine !== undefined && entry.origin === undefined;
          draft.defined = !entry.declaration && (entry.inline > 0 || ranges.length > 0 || isHollow);
          const inlined: InlinedCall[] = [];
          if (ranges.length > 0) bodies.push({ origin: at, body: { function: unknown, ranges, inlined } });
          // What is inlined in an abstract instance is there again in each concrete one.
          list = ranges.length > 0 ? inlined : undefined;
        } else if (entry.origin !== undefined) {
          const inlined: InlinedCall[] = [];
          const call: Mutable<InlinedCall> = { function: unknown, ranges, inlined };
          const from = sourceLine(programOf(unit), entry.callFile, entry.callLine);
          if (from) call.call = from;
          calls.push({ origin: entry.origin, call });
          list?.push(call);
          list = inlined;
        }
      } else if (isType(tag) && abbreviation.children) {
        readEntry(sections, unit, cursor, abbreviation, entry);
        if (entry.sibling !== undefined) {
          if (entry.sibling <= at || entry.sibling > unit.end)
            cursor.fail(`an entry whose sibling is at 0x${entry.sibling.toString(16)}`);
          cursor.at = entry.sibling;
          continue;
        }
      } else if (abbreviation.size >= 0) cursor.skip(abbreviation.size);
      else for (const { form } of abbreviation.attributes) skipForm(cursor, form, unit);
      if (abbreviation.children) lists.push(list);
    }
  }
  return assemble(drafts, bodies, calls);
}

function sourceLine(
  program: LineProgram | undefined,
  file: number | undefined,
  line: number | undefined,
): SourceLine | undefined {
  return program && file !== undefined && line !== undefined
    ? { file: program.fileName(file), line }
    : undefined;
}

function rangesOf(sections: DebugSections, unit: Unit, entry: Entry, spend: () => void): CodeRange[] {
  const { low, high } = entry;
  let addresses: [number, number][] = [];
  if (entry.ranges !== undefined) addresses = readRanges(sections, unit, entry.ranges, spend);
  else if (low !== undefined && high !== undefined)
    addresses = [[low, entry.highIsLength ? low + high : high]];
  const ranges: CodeRange[] = [];
  for (const [start, end] of addresses) {
    if (end <= start) continue;
    const place = sections.placeOf(start);
    const last = sections.placeOf(end);
    if (place && last?.section === place.section)
      ranges.push({ section: place.section, start: place.offset, end: last.offset });
  }
  return ranges;
}

/** Ties instances and inlined calls to the functions they come from. */
function assemble(
  drafts: ReadonlyMap<number, Draft>,
  bodies: readonly { origin: number; body: Mutable<FunctionInstance> }[],
  calls: readonly { origin: number; call: Mutable<InlinedCall> }[],
): { functions: SourceFunction[]; instances: Map<number, PlacedInstance[]> } {
  /** Follows DW_AT_abstract_origin and DW_AT_specification to the entry that names the function. */
  const rootOf = (offset: number): Draft | undefined => {
    let draft = drafts.get(offset);
    for (let step = 0; draft?.origin !== undefined; step++) {
      if (step > 16) throw new FormatError(`dwarf: the entry at 0x${offset.toString(16)} is its own origin`);
      const next = drafts.get(draft.origin);
      if (!next) break;
      if (draft.defined) next.defined = true;
      if (draft.convention === ccNoCall) next.convention = ccNoCall;
      next.name ??= draft.name;
      next.declared ??= draft.declared;
      draft = next;
    }
    return draft;
  };
  const instances = new Map<number, PlacedInstance[]>();
  for (const { origin, body } of bodies) {
    const root = rootOf(origin);
    if (!root) continue;
    body.function = root.function;
    root.function.instances.push(body);
    for (const { section, start, end } of body.ranges) {
      const list = instances.get(section);
      const placed = { start, end, instance: body };
      if (list) list.push(placed);
      else instances.set(section, [placed]);
    }
  }
  for (const list of instances.values()) list.sort((a, b) => a.start - b.start || a.end - b.end);
  for (const { origin, call } of calls) {
    const root = rootOf(origin);
    if (!root)
      throw new FormatError(
        `dwarf: an inlined call of the entry at 0x${origin.toString(16)}, which is no function`,
      );
    root.defined = true;
    call.function = root.function;
  }
  const functions: SourceFunction[] = [];
  for (const draft of drafts.values()) {
    const { function: target, name, declared } = draft;
    target.name = name ?? '';
    if (declared) target.declared = declared;
    target.isDeclaredInline = declaredInline(draft.inline);
    target.isNoCall = draft.convention === ccNoCall;
    if (draft.defined && (draft.origin === undefined || !drafts.has(draft.origin))) functions.push(target);
  }
  return { functions, instances };
}
