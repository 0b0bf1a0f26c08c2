import {
  type Comparison,
  carriedFunctions,
  coldParentName,
  type Fragment,
  type FunctionChange,
  isRuntimeConstantTable,
  type ObjectModel,
  obstacleTo,
  type Piece,
  type Reference,
  replacementOf,
  slice,
  type TableEntry,
  type Target,
} from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { SHF, SHT, STB } from '@klpkit/formats';
import { threadMains } from './threads.ts';

/** Everything of an after object that goes into a livepatch. */
export interface Closure {
  /** Changed functions that the livepatch lists, in order of the object. */
  readonly changed: readonly FunctionChange[];
  /** Included functions and variables, in order of the object. */
  readonly pieces: readonly Piece[];
  readonly has: (piece: Piece) => boolean;
  /** Entries of tables that describe included functions, in order of the object. */
  readonly entries: readonly TableEntry[];
  /** Stretches of fragment sections that included code uses, in order of the object. */
  readonly fragments: readonly Fragment[];
  readonly findings: readonly Finding[];
}

/** Tables whose entries do not travel: ftrace finds functions by `__mcount_loc`, and the padding is in the code itself. */
const leftBehind = new Set(['__patchable_function_entries']);

/** Where a reference of included code goes: to a copy in the livepatch or to the original in the running kernel. */
export function goesToCopy(
  comparison: Comparison,
  closure: Pick<Closure, 'has'>,
  code: Uint8Array | undefined,
  reference: Reference,
  start: number,
): boolean {
  const { target } = reference;
  if (target.kind !== 'piece') return true;
  if (!closure.has(target.piece)) return false;
  if (target.piece.kind !== 'function') return true;
  // A pointer to a changed function must outlive the livepatch, so it is the original's; ftrace leads calls through it here.
  if (!comparison.correlation.beforeOf(target.piece)) return true;
  if (target.offset !== 0) return true;
  return (
    code !== undefined &&
    comparison.after.arch.isBranchOperand(code, reference.offset - start, reference.type)
  );
}

/**
 * Finds what a unit's changed functions need, and what keeps them from being extracted.
 *
 * @param wanted global names that changed functions of other units use: what is new of those comes along
 * @param roots functions that come along although nothing refers to them: callbacks
 */
export function closeOver(
  unit: string,
  comparison: Comparison,
  wanted: ReadonlySet<string> = new Set(),
  roots: readonly Piece[] = [],
): Closure {
  const { after, afterTables, correlation } = comparison;
  const findings: Finding[] = [];
  const byAfter = new Map<number, FunctionChange>();
  for (const change of comparison.functions) if (change.after) byAfter.set(change.after.id, change);

  const included = new Set<Piece>();
  const fragments = new Map<string, Fragment>();
  const entries: TableEntry[] = [];
  const queue: Piece[] = [];
  const include = (piece: Piece) => {
    if (included.has(piece)) return;
    included.add(piece);
    queue.push(piece);
  };

  /** Whether what comes along is still there after the livepatch was loaded. */
  const stays = (piece: Piece, user: string): boolean => {
    if (after.kindOf(piece.section) !== 'init') return true;
    const isTold = findings.some(({ id, at }) => id === 'KLP314' && at?.symbol === piece.name);
    if (!isTold) findings.push(initialFinding(unit, user, piece));
    return false;
  };

  const carried = carriedFunctions(comparison.before, after, comparison.functions);
  for (const [callee, callers] of carried)
    findings.push({
      id: 'KLP130',
      severity: 'note',
      what: `${callee.name} has no ftrace entry, so its callers take the fixed copy along: ${[...new Set(callers.map((caller) => caller.name))].sort().join(', ') || 'none is left'}`,
      why: 'inline functions cannot be traced, even where the compiler made a function of them',
      at: { unit, symbol: callee.name },
    });
  const changed = comparison.functions.filter(
    (change) =>
      change.status === 'changed' &&
      coldParentName(change.name) === undefined &&
      !(change.after && carried.has(change.after)),
  );
  const mains = threadMains(comparison.before);
  for (const { before } of changed) {
    const starter = before && mains.get(before);
    if (!before || !starter) continue;
    findings.push({
      id: 'KLP402',
      severity: 'error',
      what: `${before.name} is the main function of a kernel thread, which ${starter.name} starts`,
      why: 'a thread that never returns from a function sleeps in it: as long as the thread runs, the transition cannot complete, and production sees the same as the proof',
      next: `move the change into a function that ${before.name} calls; where the thread never runs while the livepatch is loaded or removed, override KLP402 with that reason`,
      at: { unit, symbol: before.name },
    });
  }
  for (const change of changed)
    if (change.after && allowed(unit, comparison, change, findings)) include(change.after);
  for (const { name, status, after: piece } of [...comparison.functions, ...comparison.data])
    if (
      status === 'new' &&
      piece &&
      piece.binding !== STB.LOCAL &&
      wanted.has(name) &&
      stays(piece, 'another unit')
    )
      include(piece);

  for (const piece of roots) if (stays(piece, 'the livepatch')) include(piece);

  const visit = (references: readonly Reference[], from: Piece) => {
    for (const { target } of references) {
      if (target.kind === 'place') {
        const fragment = isUnnamedConstant(after, target)
          ? unnamedStretch(after, target)
          : after.kindOf(target.section) === 'fragments' && target.section.name !== '.altinstr_replacement'
            ? afterTables.fragmentAt(target.section, target.offset)
            : undefined;
        if (!fragment) continue;
        const key = `${fragment.section.index}:${fragment.start}`;
        if (fragments.has(key)) continue;
        fragments.set(key, fragment);
        visit(referencesIn(comparison, fragment), from);
        continue;
      }
      if (target.kind !== 'piece' || included.has(target.piece)) continue;
      const { piece } = target;
      if (piece.kind === 'function') {
        const change = byAfter.get(piece.id);
        // A cold part and its parent jump into each other; a place inside a function moves with the function.
        const jumpsInside = coldParentName(piece.name) !== undefined || target.offset !== 0;
        if (
          change?.status === 'new' ||
          (change?.status === 'changed' && !isListed(change)) ||
          carried.has(piece) ||
          (jumpsInside && change)
        )
          if (stays(piece, from.name)) include(piece);
        continue;
      }
      if (comparison.isFresh(piece) || !correlation.beforeOf(piece)) {
        if (newVariable(unit, comparison, piece, from, findings)) include(piece);
      }
    }
  };
  for (let piece = queue.shift(); piece; piece = queue.shift()) {
    visit(after.referencesOf(piece), piece);
    if (piece.kind !== 'function') continue;
    for (const entry of afterTables.of(piece)) {
      if (leftBehind.has(entry.section.name)) continue;
      if (isRuntimeConstantTable(entry.section.name)) {
        findings.push({
          id: 'runtime-constant',
          severity: 'error',
          what: `${piece.name} holds the boot-time constant ${entry.section.name.replace(/^runtime_(ptr|shift)_/, '')}`,
          why: 'the kernel writes such a constant into its own code once while it boots; a copy in a livepatch would keep the placeholder',
          next: 'move the fix into a caller that does not use the constant, or leave this function out',
          at: { unit, symbol: piece.name, section: entry.section.name },
        });
        continue;
      }
      entries.push(entry);
      visit(entry.references, piece);
      const replacement = entry.section.name === '.altinstructions' ? replacementOf(after, entry) : undefined;
      if (!replacement) continue;
      fragments.set(`${replacement.section.index}:${replacement.start}:${replacement.end}`, replacement);
      visit(referencesIn(comparison, replacement), piece);
    }
  }
  const order = (
    a: { section: { index: number }; start: number },
    b: { section: { index: number }; start: number },
  ) => a.section.index - b.section.index || a.start - b.start;
  return {
    changed: changed.filter((change) => change.after && included.has(change.after)),
    pieces: [...included].sort(order),
    has: (piece) => included.has(piece),
    entries: entries.sort(order),
    fragments: [...fragments.values()].sort((a, b) => order(a, b) || a.end - b.end),
    findings,
  };
}

type Place = Extract<Target, { kind: 'place' }>;

/** Content that the compiler made and gave no name, such as the initial value of a large local variable. */
function isUnnamedConstant(model: ObjectModel, { section, offset }: Place): boolean {
  return (
    model.kindOf(section) === 'rodata' &&
    (section.flags & SHF.WRITE) === 0 &&
    section.type !== SHT.NOBITS &&
    offset >= 0 &&
    offset < section.size
  );
}

/**
 * Everything around a place up to the variables on both sides: where one unnamed constant ends and the next begins cannot be told.
 * It begins where the section's alignment holds.
 */
function unnamedStretch(model: ObjectModel, { section, offset }: Place): Fragment {
  let start = 0;
  let end = section.size;
  for (const piece of model.piecesIn(section)) {
    if (piece.start + piece.size <= offset) start = Math.max(start, piece.start + piece.size);
    if (piece.start > offset) end = Math.min(end, piece.start);
  }
  return { section, start: start - (start % Math.max(1, section.align)), end };
}

function isListed(change: FunctionChange): boolean {
  return coldParentName(change.name) === undefined;
}

/** References made by a stretch of a section. */
export function referencesIn(comparison: Comparison, part: Fragment): readonly Reference[] {
  return slice(comparison.after.references(part.section), part.start, part.end);
}

/** Whether a changed function can be replaced at all; otherwise a finding says why not. */
function allowed(unit: string, comparison: Comparison, change: FunctionChange, findings: Finding[]): boolean {
  const obstacle = obstacleTo(comparison, change);
  if (obstacle) findings.push({ ...obstacle, at: { unit, ...obstacle.at } });
  return change.before !== undefined && change.after !== undefined && !obstacle;
}

/** Whether a variable that the running kernel does not have may come with the livepatch. */
function newVariable(
  unit: string,
  comparison: Comparison,
  piece: Piece,
  from: Piece,
  findings: Finding[],
): boolean {
  const kind = comparison.after.kindOf(piece.section);
  const at = { unit, symbol: piece.name, section: piece.section.name };
  const refuse = (id: string, what: string, why: string, next: string) => {
    if (!findings.some((finding) => finding.at?.symbol === piece.name && finding.id === id))
      findings.push({ id, severity: 'error', what, why, next, at });
    return false;
  };
  if (piece.section.name.startsWith('.data..percpu'))
    return refuse(
      'KLP313',
      `the new per-CPU variable ${piece.name} cannot come with a livepatch`,
      'per-CPU memory of a module is set up when it loads, in a section of its own that the linker makes',
      'allocate it in a callback with alloc_percpu()',
    );
  if (kind === 'init') {
    if (!findings.some(({ id, at: place }) => id === 'KLP314' && place?.symbol === piece.name))
      findings.push(initialFinding(unit, from.name, piece));
    return false;
  }
  if (kind === 'registration' && !/^__tracepoints/.test(piece.section.name)) return true;
  if (kind === 'registration')
    return refuse(
      'KLP507',
      `${from.name} uses the new tracepoint ${piece.name}`,
      'a tracepoint is registered when the kernel is linked or the module loads',
      'use trace_printk() or printk in the fix',
    );
  return true;
}

function initialFinding(unit: string, user: string, { name, section }: Piece): Finding {
  return {
    id: 'KLP314',
    severity: 'error',
    what: `${user} refers to ${name}, which is initial code or data`,
    why: `${name} would come along in ${section.name}, which the kernel frees as soon as the livepatch is loaded`,
    next: 'copy what is needed into a function of its own',
    at: { unit, symbol: name, section: section.name },
  };
}
