import type { Finding } from '@klpkit/findings';
import { type Section, SHF, SHT, STT } from '@klpkit/formats';
import { clearField } from '../arch/fields.ts';
import type { ObjectModel, Piece, Reference } from '../model/model.ts';
import { slice } from '../model/model.ts';
import { ignoredBytes, tableShape } from '../model/sections.ts';
import type { Tables } from '../model/tables.ts';
import { targetDigest } from './correlate.ts';
import { debugSections } from './names.ts';
import type { Sides } from './same.ts';
import { silentTables } from './tables.ts';

/** Sections that a variable may be in without meaning more than a variable. */
const ordinary =
  /^\.(data|bss|rodata|ref|init|exit|sdata|sbss|ldata|lbss|lrodata|tdata|tbss|text|noinstr|entry)(\.|$)/;

/**
 * What no function and no variable accounts for, so that nothing of an object is left unseen: bytes without a symbol that nothing
 * refers to, table entries for such code, and variables in sections that something collects.
 */
export function compareRest(sides: Sides): Finding[] {
  const had = restOf(sides.before, sides.beforeTables);
  const has = restOf(sides.after, sides.afterTables);
  const findings: Finding[] = [];
  for (const section of [...new Set([...had.keys(), ...has.keys()])].sort()) {
    const was = had.get(section) ?? [];
    const is = has.get(section) ?? [];
    const gained = without(is, was);
    const lost = without(was, is);
    if (gained.length === 0 && lost.length === 0) continue;
    const change = gained.length === 0 ? 'are gone' : lost.length === 0 ? 'are new' : 'change';
    const bytes = (gained.length === 0 ? lost : gained).reduce((sum, rest) => sum + rest.size, 0);
    const label = [...gained, ...lost].find((rest) => rest.label !== undefined)?.label;
    findings.push({
      id: 'unknown-content',
      severity: 'error',
      what: `${bytes} bytes${label === undefined ? ' without a symbol' : ` at ${label}`} in ${section} ${change}`,
      why: 'they are neither a function nor a variable that something refers to, so what they do to the running kernel cannot be told',
      next: 'leave this part (usually inline assembly) out of the livepatch, or override this finding when it does not matter at run time',
      at: { section, ...(label === undefined ? {} : { symbol: label }) },
    });
  }
  return [...findings, ...collected(sides)];
}

/** Something that no piece accounts for. */
interface Rest {
  readonly digest: string;
  readonly size: number;
  /** The label that it starts with. */
  readonly label: string | undefined;
}

/** `list` less `taken`, counting repeated ones. */
function without(list: readonly Rest[], taken: readonly Rest[]): Rest[] {
  const counts = new Map<string, number>();
  for (const { digest } of taken) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return list.filter(({ digest }) => {
    const count = counts.get(digest) ?? 0;
    counts.set(digest, count - 1);
    return count <= 0;
  });
}

function restOf(model: ObjectModel, tables: Tables): Map<string, Rest[]> {
  const all = new Map<string, Rest[]>();
  const add = (section: Section, rest: Rest) => {
    const known = all.get(section.name);
    if (known) known.push(rest);
    else all.set(section.name, [rest]);
  };
  const marks = marksOf(model, tables);
  for (const section of model.elf.sections) {
    const kind = model.kindOf(section);
    if (kind !== 'text' && kind !== 'data' && kind !== 'rodata' && kind !== 'bss' && kind !== 'init')
      continue;
    for (const rest of uncovered(model, section, marks.get(section.index) ?? [])) add(section, rest);
  }
  for (const { section, start, size, references } of tables.homeless)
    if (!silentTables.has(section.name)) {
      const ignore = ignoredBytes(tableShape(section.name, undefined, model.arch), size);
      const bytes = model.bytes(section).slice(start, start + size);
      for (const [from, to] of ignore) bytes.fill(0, from, to);
      add(section, { digest: digestOf(model, bytes, start, references), size, label: undefined });
    }
  return all;
}

/** A place in a section that something refers to or that a label of the assembler's names. */
interface Mark {
  readonly offset: number;
  readonly label: string | undefined;
}

function marksOf(model: ObjectModel, tables: Tables): Map<number, Mark[]> {
  const marks = new Map<number, Mark[]>();
  const add = (section: Section, mark: Mark) => {
    const known = marks.get(section.index);
    if (known) known.push(mark);
    else marks.set(section.index, [mark]);
  };
  const { symbols, elf } = model;
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.reserved[index] || symbols.section[index] === 0) continue;
    const type = symbols.type[index];
    const isLabel = type === STT.NOTYPE || (type === STT.FUNC && symbols.size[index] === 0);
    const name = isLabel ? symbols.name(index) : '';
    // The compiler's own labels, which clang keeps where a table refers to them, say nothing.
    const isMute = name.startsWith('.L') || model.arch.isMappingSymbol(name);
    if (isLabel && !isMute && symbols.value[index] >= 0)
      add(elf.sections[symbols.section[index]], { offset: symbols.value[index], label: name });
  }
  const lookAt = (references: readonly Reference[]) => {
    for (const { target } of references)
      if (target.kind === 'place') add(target.section, { offset: target.offset, label: undefined });
      else if (target.kind === 'piece' && target.isBehind)
        add(target.piece.section, { offset: target.piece.start + target.offset, label: undefined });
  };
  for (const section of elf.sections) {
    const kind = model.kindOf(section);
    // What a table or objtool says of a place is no use of it: nobody compares what is there.
    if ((section.flags & SHF.ALLOC) !== 0 && kind !== 'table' && kind !== 'objtool')
      lookAt(model.references(section));
  }
  // An alternative leads to replacement code, which is compared with the function that it is for.
  for (const { owner, section, references } of tables.entries)
    if (owner && !silentTables.has(section.name)) lookAt(references);
  for (const list of marks.values()) list.sort((a, b) => a.offset - b.offset);
  return marks;
}

/** Stretches that no symbol of a size covers and nothing refers to; padding is nobody's loss. */
function uncovered(model: ObjectModel, section: Section, marks: readonly Mark[]): Rest[] {
  const pieces = model.piecesIn(section);
  if (section.type === SHT.NOBITS) {
    const used = pieces.length > 0 || marks.length > 0 || section.size === 0;
    return used ? [] : [{ digest: `${section.size} zeroes`, size: section.size, label: undefined }];
  }
  const bytes = model.bytes(section);
  const references = model.references(section);
  const executable = (section.flags & SHF.EXECINSTR) !== 0;
  const rest: Rest[] = [];
  let next = 0;
  for (const [start, end] of gapsOf(pieces, bytes.length)) {
    while (next < marks.length && marks[next].offset < start) next++;
    let from = start;
    let mark: Mark | undefined;
    for (;;) {
      const following = next < marks.length && marks[next].offset < end ? marks[next] : undefined;
      const to = following?.offset ?? end;
      // What something refers to is compared where the reference is; code between functions is their padding.
      const seen = mark !== undefined && mark.label === undefined;
      const padding =
        executable && pieces.length > 0 && mark === undefined && isPadding(model, bytes.subarray(from, to));
      if (to > from && !seen && !padding) {
        const own = slice(references, from, to);
        const content = bytes.slice(from, own.length > 0 ? to : endOfContent(bytes, from, to));
        if (content.length > 0 || own.length > 0)
          rest.push({
            digest: digestOf(model, content, from, own),
            size: content.length,
            label: mark?.label,
          });
      }
      if (!following) break;
      // Of several marks at one place a label tells more, and a reference less.
      mark = following.offset === from && mark?.label !== undefined ? mark : following;
      from = to;
      next++;
    }
  }
  return rest;
}

/** Between functions the compiler puts nops, and before them a type hash or the distance to the TOC; more is code without a symbol. */
function isPadding(model: ObjectModel, code: Uint8Array): boolean {
  if (code.length < 16) return true;
  return model.arch
    .steps(code)
    .every(
      ({ offset, length, isNop }) =>
        isNop || code.subarray(offset, offset + length).every((byte) => byte === 0 || byte === 0xcc),
    );
}

/** Ranges between pieces, which may nest. */
function gapsOf(pieces: readonly Piece[], size: number): [number, number][] {
  const gaps: [number, number][] = [];
  let covered = 0;
  for (const piece of pieces) {
    if (piece.start > covered) gaps.push([covered, piece.start]);
    covered = Math.max(covered, piece.start + piece.size);
  }
  if (covered < size) gaps.push([covered, size]);
  return gaps;
}

/** The end of a stretch without the bytes that align what follows: zero, nop, int3. */
function endOfContent(bytes: Uint8Array, start: number, end: number): number {
  let last = end;
  while (last > start && (bytes[last - 1] === 0 || bytes[last - 1] === 0x90 || bytes[last - 1] === 0xcc))
    last--;
  return last;
}

/** Content and what it refers to, with what moves left out; `bytes` is a copy that may be changed. */
function digestOf(
  model: ObjectModel,
  bytes: Uint8Array,
  start: number,
  references: readonly Reference[],
): string {
  const targets = references.map((reference) => {
    const at = reference.offset - start;
    clearField(bytes, at, model.arch.fieldMask(reference.type));
    return `${at} ${targetDigest(reference.target)}`;
  });
  return `${[...bytes].join()}/${targets.join()}`;
}

/** Variables that come or go in sections whose purpose is not known: someone collects them. */
function collected({ before, after, correlation }: Sides): Finding[] {
  const changes = new Map<string, string[]>();
  const look = (model: ObjectModel, partnerOf: (piece: Piece) => Piece | undefined, verb: string) => {
    for (const piece of model.pieces) {
      const { name } = piece.section;
      const kind = model.kindOf(piece.section);
      if (piece.kind !== 'object' || (kind !== 'data' && kind !== 'rodata' && kind !== 'bss')) continue;
      if (ordinary.test(name) || debugSections.has(name) || partnerOf(piece)) continue;
      const known = changes.get(name);
      if (known) known.push(`${verb} ${piece.name}`);
      else changes.set(name, [`${verb} ${piece.name}`]);
    }
  };
  look(after, correlation.beforeOf, 'adds');
  look(before, correlation.afterOf, 'removes');
  return [...changes].map(([section, told]) => ({
    id: 'unknown-section',
    severity: 'error',
    what: `the fix ${told.slice(0, 4).join(', ')}${told.length > 4 ? ' …' : ''} in ${section}, whose purpose klpkit does not know`,
    why: 'a section of its own usually means that the kernel collects what is in it when it is linked or booted; a livepatch comes later',
    next: 'find out who reads the section, and do the same by hand in a callback; or override this finding when nobody does',
    at: { section },
  }));
}
