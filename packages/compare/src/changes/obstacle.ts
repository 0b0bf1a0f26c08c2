import type { Finding } from '@klpkit/findings';
import type { Section } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { carriedFunctions, hasFtraceEntry } from './carried.ts';
import { coldParentName, isPrefixName } from './names.ts';
import type { Comparison, FunctionChange } from './types.ts';

/** Why a changed function cannot be replaced by a livepatch; `undefined` when the two objects know of nothing. */
export function obstacleTo({ before, after }: Comparison, change: FunctionChange): Finding | undefined {
  const b = change.before;
  const a = change.after;
  if (!b || !a) return undefined;
  const at = { symbol: change.name };
  if (before.kindOf(b.section) === 'init' || after.kindOf(a.section) === 'init')
    return {
      id: 'KLP407',
      severity: 'error',
      what: `${change.name} runs only while the kernel boots or the module loads or unloads (${a.section.name}), and it changes`,
      why: 'it has run already, and its memory may be gone; a livepatch of it would have no effect',
      next: 'redo its effect in a callback, or leave this part out of the livepatch',
      at,
    };
  // Padding before a function belongs to it, with or without a symbol; any other neighbour means a section that the source chose.
  const neighbours = functionsIn(after, a.section);
  if (neighbours.length > 1 || !a.section.name.startsWith('.text'))
    return {
      id: 'KLP408',
      severity: 'error',
      what: `${change.name} is in ${a.section.name}, together with other functions`,
      why: 'the source put it there (noinstr, __sched, __lockfunc, __cpuidle, entry code …); such code is not traceable or cannot be cut out safely',
      next: 'fix its callers instead, or move the change into a function of its own',
      at: { ...at, section: a.section.name },
    };
  if (!hasFtraceEntry(before, b))
    return {
      id: 'KLP130',
      severity: 'error',
      what: `${change.name} has no ftrace entry`,
      why: 'a livepatch takes over a function at its ftrace entry; the kernel refuses a patch that names one without',
      next: 'patch its callers instead: make the changed part __always_inline in the fix',
      at,
    };
  return undefined;
}

/**
 * Why changed functions of two objects cannot be replaced, cold parts and those that travel with their callers apart. In objects that were
 * not compiled for function sections or for tracing, that is one finding about the object.
 */
export function obstacles(comparison: Comparison): Finding[] {
  const { before, after, functions } = comparison;
  const carried = carriedFunctions(before, after, functions);
  const changed = functions.filter(
    ({ status, name, after: piece }) =>
      status === 'changed' && coldParentName(name) === undefined && !(piece && carried.has(piece)),
  );
  if (changed.length === 0) return [];
  const text = after.elf.sections.find(({ name }) => name === '.text');
  const together = text ? functionsIn(after, text) : [];
  if (together.length > 1)
    return [
      {
        id: 'no-function-sections',
        severity: 'warning',
        what: `${together.length} functions share .text, so what can be cut out of it is not known`,
        next: 'compile both sides with -ffunction-sections -fdata-sections',
        at: { section: '.text' },
      },
    ];
  const all = before.pieces.filter(
    (piece) => piece.kind === 'function' && before.kindOf(piece.section) === 'text',
  );
  if (!all.some((piece) => hasFtraceEntry(before, piece)))
    return [
      {
        id: 'not-traceable-object',
        severity: 'warning',
        what: 'no function of the before object has an ftrace entry, so which can be replaced is not known',
        next: "compile both sides with the kernel's own flags, -pg -mfentry or -fpatchable-function-entry among them",
      },
    ];
  return changed.flatMap((change) => obstacleTo(comparison, change) ?? []);
}

function functionsIn(model: ObjectModel, section: Section): Piece[] {
  return model.piecesIn(section).filter(({ kind, name }) => kind === 'function' && !isPrefixName(name));
}
