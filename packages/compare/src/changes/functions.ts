import type { Finding } from '@klpkit/findings';
import type { ObjectModel, Piece, Reference } from '../model/model.ts';
import { coldParentName } from './names.ts';
import { describe, type Sides, sameForm, sameTarget } from './same.ts';
import { tableDifference } from './tables.ts';
import type { Difference, FunctionChange } from './types.ts';

/** Pairs of functions with what became of them, cold parts and parents together. */
export function compareFunctions(sides: Sides): FunctionChange[] {
  const { before, after, correlation } = sides;
  const changes: FunctionChange[] = [];
  for (const a of after.pieces) {
    if (a.kind !== 'function' || !isCode(after, a)) continue;
    const parent = parentOf(after, a);
    const base = { name: a.name, after: a, ...(parent ? { parent } : {}) };
    const b = correlation.beforeOf(a);
    if (!b) {
      changes.push({ ...base, status: 'new' });
      continue;
    }
    const difference = differenceOf(sides, b, a);
    changes.push(
      difference
        ? { ...base, status: 'changed', before: b, difference }
        : { ...base, status: 'same', before: b },
    );
  }
  for (const b of before.pieces)
    if (b.kind === 'function' && isCode(before, b) && !correlation.afterOf(b))
      changes.push({ name: b.name, status: 'removed', before: b });
  return changeTogether(changes);
}

function isCode(model: ObjectModel, piece: Piece): boolean {
  const kind = model.kindOf(piece.section);
  return kind === 'text' || kind === 'init';
}

function parentOf(model: ObjectModel, piece: Piece): Piece | undefined {
  const name = coldParentName(piece.name);
  return name === undefined ? undefined : model.named(name).find((other) => other.kind === 'function');
}

/** A cold part and its parent refer to places within each other: they change together. */
function changeTogether(changes: FunctionChange[]): FunctionChange[] {
  const byAfter = new Map(
    changes.flatMap((change) => (change.after ? [[change.after.id, change] as const] : [])),
  );
  const touched = new Map<FunctionChange, FunctionChange>();
  for (const change of changes) {
    const parent = change.parent && byAfter.get(change.parent.id);
    if (!parent) continue;
    if (change.status !== 'same' && parent.status === 'same') touched.set(parent, change);
    if (change.status === 'same' && parent.status !== 'same') touched.set(change, parent);
  }
  return changes.map((change) => {
    const cause = touched.get(change);
    if (!cause) return change;
    return {
      ...change,
      status: 'changed',
      difference: { kind: 'with', offset: 0, before: cause.name, after: cause.name },
    };
  });
}

/** The first difference of two functions that were paired, or `undefined` when they are the same. */
export function differenceOf(sides: Sides, b: Piece, a: Piece): Difference | undefined {
  const { before, after } = sides;
  const x = before.content(b);
  const y = after.content(a);
  const bRefs = before.referencesOf(b);
  const aRefs = after.referencesOf(a);
  const inBefore = maskOf(before, b, bRefs);
  const inAfter = maskOf(after, a, aRefs);
  const shared = Math.min(x.length, y.length);
  let offset = 0;
  while (
    offset < shared &&
    inBefore[offset] === inAfter[offset] &&
    (inBefore[offset] || x[offset] === y[offset])
  )
    offset++;
  const codeDiffers = offset < shared || x.length !== y.length;

  // A reference that differs earlier than the code is the better explanation.
  const count = Math.min(bRefs.length, aRefs.length);
  for (let index = 0; index < count; index++) {
    const rb = bRefs[index];
    const ra = aRefs[index];
    const at = rb.offset - b.start;
    if (codeDiffers && at >= offset) break;
    const aligned = at === ra.offset - a.start && sameForm(sides, rb.type, ra.type);
    if (aligned && sameTarget(sides, rb.target, ra.target)) continue;
    if (!aligned && codeDiffers) break;
    return { kind: 'reference', offset: at, ...referenceTexts(sides, rb, ra) };
  }
  if (offset < shared)
    return {
      kind: 'code',
      offset,
      before: instructionText(before, b, offset),
      after: instructionText(after, a, offset),
    };
  if (x.length !== y.length)
    return { kind: 'size', offset: shared, before: `${x.length} bytes`, after: `${y.length} bytes` };
  if (bRefs.length !== aRefs.length)
    return {
      kind: 'reference',
      offset: 0,
      before: `${bRefs.length} references`,
      after: `${aRefs.length} references`,
    };
  if (sectionGroup(b.section.name) !== sectionGroup(a.section.name))
    return { kind: 'section', offset: 0, before: b.section.name, after: a.section.name };
  return tableDifference(sides, b, a);
}

/** Two references that differ, in words that differ as well. */
function referenceTexts(sides: Sides, b: Reference, a: Reference): { before: string; after: string } {
  const was = describe(b.target);
  const is = describe(a.target);
  if (was !== is) return { before: was, after: is };
  if (!sameForm(sides, b.type, a.type)) {
    const form = (type: number) => sides.before.arch.relocationName(type);
    return { before: `${was} (${form(b.type)})`, after: `${is} (${form(a.type)})` };
  }
  // Two static variables or clones of one name, or unnamed content that differs.
  return { before: was, after: `another ${is}` };
}

/** `.text.F` and `.text.unlikely.F` are one group each; the function's own name plays no part. */
function sectionGroup(name: string): string {
  return (
    /^\.text(\.(unlikely|hot|startup|exit))?(\.|$)/.exec(name)?.[1] ?? (name.startsWith('.text') ? '' : name)
  );
}

/** 1 for each byte of the piece that a relocation fills. */
function maskOf(model: ObjectModel, piece: Piece, references: readonly Reference[]): Uint8Array {
  const mask = new Uint8Array(piece.size);
  for (const reference of references) {
    const width = model.arch.fieldWidth(reference.type) ?? 0;
    const at = reference.offset - piece.start;
    mask.fill(1, at, at + width);
  }
  return mask;
}

function instructionText(model: ObjectModel, piece: Piece, offset: number): string {
  const instruction = model.arch.instructionAt(model.content(piece), offset);
  if (!instruction) return `byte 0x${model.content(piece)[offset].toString(16)}`;
  const inside = model
    .referencesOf(piece)
    .find(
      (reference) =>
        reference.offset - piece.start >= instruction.offset &&
        reference.offset - piece.start < instruction.offset + instruction.length,
    );
  return inside ? `${instruction.text} <${describe(inside.target)}>` : instruction.text;
}

/** What can be said of functions without knowing the kernel. */
export function functionFindings(functions: readonly FunctionChange[]): Finding[] {
  const findings: Finding[] = [];
  for (const change of functions) {
    if (change.status === 'new' && change.parent === undefined && coldParentName(change.name) !== undefined)
      findings.push({
        id: 'KLP109',
        severity: 'error',
        what: `${change.name} is a cold part without its parent`,
        why: 'a cold part has no entry of its own; it can only be replaced together with the function it was split from',
        next: 'report this object: the compiler has not been seen to make one',
        at: { symbol: change.name },
      });
  }
  return findings;
}
