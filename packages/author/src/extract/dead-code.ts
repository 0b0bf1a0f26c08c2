import type { Comparison, ObjectModel, Piece, TableEntry } from '@klpkit/compare';

/** A stretch of a function, in bytes from its start. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** int3: objtool knows it for code that nothing reaches, and whatever does reach it stops there. */
export const trap = 0xcc;

/**
 * Code of a function that is reached only by some of its jumps: what stays behind, never run, when they are made no-ops. Where it is
 * not certain that nothing else leads to a place, the place counts as reached.
 *
 * @param jumps where those jumps are, in bytes from the function's start
 * @param noreturns functions that never return: nothing is reached past a call of them
 */
export function reachedOnlyBy(
  comparison: Comparison,
  piece: Piece,
  jumps: ReadonlySet<number>,
  noreturns: ReadonlySet<string>,
): Stretch[] {
  const flow = new Flow(comparison, piece, jumps, noreturns);
  const all = flow.reached(true);
  const rest = flow.reached(false);
  return flow.steps.filter(({ start }) => all.has(start) && !rest.has(start));
}

class Flow {
  readonly steps: Stretch[] = [];
  /** Where control goes from an instruction, other than by the jumps in question. */
  readonly #next = new Map<number, number[]>();
  readonly #byJumps = new Map<number, number>();
  readonly #roots: number[] = [0];

  constructor(
    { after, afterTables }: Comparison,
    piece: Piece,
    jumps: ReadonlySet<number>,
    noreturns: ReadonlySet<string>,
  ) {
    const relocated = new Map(
      after.referencesOf(piece).map(({ offset, target }) => [offset - piece.start, target] as const),
    );
    for (const { offset, length, branch, isEnd } of after.arch.steps(after.content(piece))) {
      const end = offset + length;
      this.steps.push({ start: offset, end });
      // The target of a branch with a relocation is elsewhere, or one of the roots.
      const elsewhere = branch && relocated.get(end - branch.width);
      const isElsewhere = elsewhere !== undefined;
      const isLast =
        branch?.kind === 'call' && elsewhere?.kind === 'external' && noreturns.has(elsewhere.name);
      const target = branch && !isElsewhere && branch.kind !== 'call' ? branch.target : undefined;
      const next: number[] = [];
      if (jumps.has(offset)) {
        if (target !== undefined) this.#byJumps.set(offset, target);
        next.push(end);
      } else {
        if (target !== undefined) next.push(target);
        if (branch?.kind !== 'jmp' && !isEnd && !isLast) next.push(end);
      }
      this.#next.set(offset, next);
    }
    for (const entry of afterTables.of(piece)) this.#addEntry(after, piece, entry, jumps);
    this.#addRoots(after, piece);
  }

  /** Offsets of instructions that can be reached, with or without the jumps in question. */
  reached(withJumps: boolean): Set<number> {
    const found = new Set<number>();
    const waiting = [...this.#roots];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const next = this.#next.get(at);
      if (!next || found.has(at)) continue;
      found.add(at);
      waiting.push(...next);
      const jump = withJumps ? this.#byJumps.get(at) : undefined;
      if (jump !== undefined) waiting.push(jump);
    }
    return found;
  }

  /** An exception's fixup, a jump label's target, what follows code that may be replaced: reached from the entry's place. */
  #addEntry(after: ObjectModel, piece: Piece, entry: TableEntry, jumps: ReadonlySet<number>): void {
    const [site, ...others] = entry.references;
    if (site?.target.kind !== 'piece') return;
    const from = site.target.offset;
    const { name } = entry.section;
    if (name === '__jump_table' && jumps.has(from)) return;
    const next = this.#next.get(from) ?? [];
    for (const { target } of others)
      if (target.kind === 'piece' && target.piece === piece) next.push(target.offset);
    const step = this.steps.find(({ start }) => start === from);
    if (name === '__jump_table' && step) next.push(step.end);
    // `instrlen` is the byte before the last one of struct alt_instr.
    if (name === '.altinstructions')
      next.push(from + (after.bytes(entry.section)[entry.start + entry.size - 2] ?? 0));
    this.#next.set(from, next);
  }

  /** Places in the middle of the function that anything but a table refers to. */
  #addRoots(after: ObjectModel, piece: Piece): void {
    for (const section of after.elf.sections) {
      const kind = after.kindOf(section);
      if (kind === 'table' || kind === 'ignored' || kind === 'objtool') continue;
      for (const { target } of after.references(section))
        if (target.kind === 'piece' && target.piece === piece) this.#roots.push(target.offset);
    }
  }
}
