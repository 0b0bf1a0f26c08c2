import type { Finding } from '@klpkit/findings';
import { SHF } from '@klpkit/formats';
import type { ObjectModel, Piece, Target } from '../model/model.ts';
import { carriedFunctions } from './carried.ts';
import { coldParentName, isFreshPiece, isPrefixName } from './names.ts';
import { typeHashOf } from './prefix.ts';
import { describe, maskField, type Sides, sameForm, sameTarget } from './same.ts';
import { scopeOf } from './scopes.ts';
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
  return pullCallers(before, after, changeTogether(changes));
}

function isCode(model: ObjectModel, piece: Piece): boolean {
  // Part of the function behind it.
  if (isPrefixName(piece.name)) return false;
  const kind = model.kindOf(piece.section);
  return kind === 'text' || kind === 'init';
}

function parentOf(model: ObjectModel, piece: Piece): Piece | undefined {
  const name = coldParentName(piece.name);
  if (name === undefined) return undefined;
  const candidates = model.named(name).filter((other) => other.kind === 'function');
  if (candidates.length < 2) return candidates[0];
  const scope = scopeOf(model);
  return candidates.find((other) => scope(other) === scope(piece)) ?? candidates[0];
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

/** Callers of a changed function that ftrace cannot enter change with it, and so on up to those that it can. */
function pullCallers(before: ObjectModel, after: ObjectModel, changes: FunctionChange[]): FunctionChange[] {
  let current = changes;
  for (;;) {
    const causes = new Map<Piece, Piece>();
    for (const [callee, callers] of carriedFunctions(before, after, current))
      for (const caller of callers) causes.set(caller, callee);
    let pulled = false;
    current = current.map((change) => {
      const cause = change.status === 'same' && change.after && causes.get(change.after);
      if (!cause) return change;
      pulled = true;
      return {
        ...change,
        status: 'changed',
        difference: { kind: 'with', offset: 0, before: cause.name, after: cause.name },
      };
    });
    if (!pulled) return current;
    // A caller in a cold part changes its parent too.
    current = changeTogether(current);
  }
}

/** The first difference of two functions that were paired, or `undefined` when they are the same. */
export function differenceOf(sides: Sides, b: Piece, a: Piece): Difference | undefined {
  const { before, after } = sides;
  const x = before.content(b);
  const y = after.content(a);
  const had = operandsOf(before, b);
  const has = operandsOf(after, a);
  const inBefore = maskOf(b, had);
  const inAfter = maskOf(a, has);
  const shared = Math.min(x.length, y.length);
  let offset = 0;
  while (
    offset < shared &&
    inBefore[offset] === inAfter[offset] &&
    ((x[offset] ^ y[offset]) & ~inBefore[offset]) === 0
  )
    offset++;
  const codeDiffers = offset < shared || x.length !== y.length;

  // A reference that differs earlier than the code is the better explanation.
  const count = Math.min(had.length, has.length);
  const identities = new Identities();
  for (let index = 0; index < count; index++) {
    const was = had[index];
    const is = has[index];
    if (codeDiffers && was.at >= offset) break;
    const aligned = was.at === is.at && sameOperand(sides, was, is);
    if (aligned && sameTarget(sides, was.target, is.target) && identities.agree(was.target, is.target))
      continue;
    if (!aligned && codeDiffers) break;
    return { kind: 'reference', offset: was.at, ...operandTexts(sides, was, is) };
  }
  if (offset < shared)
    return {
      kind: 'code',
      offset,
      before: instructionText(before, b, offset, had),
      after: instructionText(after, a, offset, has),
    };
  if (x.length !== y.length)
    return { kind: 'size', offset: shared, before: `${x.length} bytes`, after: `${y.length} bytes` };
  if (had.length !== has.length)
    return {
      kind: 'reference',
      offset: (had[count] ?? has[count]).at,
      before: `${had.length} references`,
      after: `${has.length} references`,
    };
  if (sectionGroup(b.section.name) !== sectionGroup(a.section.name))
    return { kind: 'section', offset: 0, before: b.section.name, after: a.section.name };
  const [hadHash, hasHash] = [typeHashOf(before, b), typeHashOf(after, a)];
  if (hadHash !== hasHash)
    return {
      kind: 'code',
      offset: 0,
      before: `type hash ${hadHash ?? 'none'}`,
      after: `type hash ${hasHash ?? 'none'}`,
    };
  const entries = [before.symbols.other[b.symbol], after.symbols.other[a.symbol]].map(before.arch.entryForm);
  if (entries[0] !== entries[1])
    return {
      kind: 'code',
      offset: 0,
      before: `entry of form ${entries[0]}`,
      after: `entry of form ${entries[1]}`,
    };
  return tableDifference(sides, b, a);
}

/**
 * Variables that two versions of a function may each have of its own (once-flags, rate limits) are told apart by content, and content
 * does not tell whether two uses share one. Within a function one must stand for one.
 */
class Identities {
  readonly #forward = new Map<Piece, Piece>();
  readonly #backward = new Map<Piece, Piece>();

  /** False when one of two targets stood for something else at an earlier use. */
  agree(b: Target, a: Target): boolean {
    if (b.kind !== 'piece' || a.kind !== 'piece' || !isFreshPiece(b.piece)) return true;
    // Equal constants are interchangeable, and variables without a size may share their place.
    if ((b.piece.section.flags & SHF.WRITE) === 0 || b.piece.size === 0) return true;
    const known = this.#forward.get(b.piece);
    if (known ?? this.#backward.get(a.piece)) return known === a.piece;
    this.#forward.set(b.piece, a.piece);
    this.#backward.set(a.piece, b.piece);
    return true;
  }
}

/** A field of a function's code that refers to something. */
interface Operand {
  /** Bytes from the start of the function. */
  readonly at: number;
  readonly width: number;
  /** Its bits of these bytes. */
  readonly mask: Uint8Array | undefined;
  /** Relocation type; `undefined` for a branch to another function of the section, which the assembler has resolved. */
  readonly type: number | undefined;
  readonly target: Target;
}

/** More bytes than this beside the only function of a section are code without a symbol. */
const mostPadding = 32;

function operandsOf(model: ObjectModel, piece: Piece): Operand[] {
  const operands: Operand[] = model.referencesOf(piece).map(({ offset, type, target }) => ({
    at: offset - piece.start,
    width: model.arch.fieldWidth(type) ?? 0,
    mask: model.arch.fieldMask(type),
    type,
    target,
  }));
  // Where functions share a section, a branch from one to another needs no relocation, and its distance changes with any neighbour.
  if (piece.section.size - piece.size <= mostPadding && model.piecesIn(piece.section).length < 2)
    return operands;
  const relocated = new Set(operands.map(({ at }) => at));
  for (const { offset, branch } of model.arch.steps(model.content(piece))) {
    if (!branch || (branch.target >= 0 && branch.target < piece.size)) continue;
    const at = offset + branch.at;
    if (relocated.has(at)) continue;
    const to = piece.start + branch.target;
    const other = model.pieceAt(piece.section, to);
    const target: Target = other
      ? { kind: 'piece', piece: other, offset: to - other.start }
      : { kind: 'place', section: piece.section, offset: to };
    operands.push({ at, width: branch.width, mask: branch.mask, type: undefined, target });
  }
  return operands.sort((x, y) => x.at - y.at);
}

/** True when two operands are of one form; a branch that the assembler resolved is like one that it left to the linker. */
function sameOperand(sides: Sides, b: Operand, a: Operand): boolean {
  if (b.type !== undefined && a.type !== undefined) return sameForm(sides, b.type, a.type);
  const { arch } = sides.before;
  return b.width === a.width && [b, a].every(({ type }) => type === undefined || arch.isPcRelative(type));
}

/** Two operands that differ, in words that differ as well. */
function operandTexts(sides: Sides, b: Operand, a: Operand): { before: string; after: string } {
  const was = describe(b.target);
  const is = describe(a.target);
  if (was !== is) return { before: was, after: is };
  if (!sameOperand(sides, b, a)) {
    const form = (type: number | undefined) =>
      type === undefined ? 'resolved' : sides.before.arch.relocationName(type);
    return { before: `${was} (${form(b.type)})`, after: `${is} (${form(a.type)})` };
  }
  // As written: what a PC-relative field counts from is in it.
  if (b.target.kind === 'external' && a.target.kind === 'external')
    return { before: `${was} (addend ${b.target.offset})`, after: `${is} (addend ${a.target.offset})` };
  // Two static variables or clones of one name, or unnamed content that differs.
  return { before: was, after: `another ${is}` };
}

/**
 * What a section means for the code in it. `.text.F`, `.text.unlikely.F` and `.text.hot.F` mean the same: the compiler sorts
 * functions by how often it expects them to run, and those that only moved need not be replaced. The linker script of the kernel puts
 * `.text.startup` and `.text.exit` to the code of boot and unloading (asm-generic/vmlinux.lds.h), and all other sections are the
 * source's choice.
 */
function sectionGroup(name: string): string {
  const match = /^\.text(?:\.(unlikely|hot|startup|exit))?(?:\.|$)/.exec(name);
  if (!match) return name.startsWith('.text') ? '' : name;
  return match[1] === 'startup' || match[1] === 'exit' ? match[1] : '';
}

/** The bits of the piece that operands fill. */
function maskOf(piece: Piece, operands: readonly Operand[]): Uint8Array {
  const masked = new Uint8Array(piece.size);
  for (const { at, mask } of operands) maskField(masked, at, mask);
  return masked;
}

function instructionText(
  model: ObjectModel,
  piece: Piece,
  offset: number,
  operands: readonly Operand[],
): string {
  const instruction = model.arch.instructionAt(model.content(piece), offset);
  if (!instruction) return `byte 0x${model.content(piece)[offset].toString(16)}`;
  const inside = operands.find(
    ({ at }) => at >= instruction.offset && at < instruction.offset + instruction.length,
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
