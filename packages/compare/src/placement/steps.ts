import { FormatError } from '@klpkit/formats';
import { type Drafts, sourceName } from './draft.ts';
import type { Witness } from './types.ts';

/** Steps that one object may take in all; a unit of the kernel takes some ten thousand. */
const mostSteps = 1 << 21;

/** Direct inlinings as a compiler lists them, in the order in which it did them. Names are those of symbols. */
export class StepGraph {
  readonly by: Witness;
  readonly #callers = new Map<string, Set<string>>();
  readonly #callees = new Map<string, Set<string>>();
  #taken = 0;

  constructor(by: Witness) {
    this.by = by;
  }

  /** Counts a step. @throws {FormatError} when there are more than any compiler makes */
  take(): void {
    if (++this.#taken > mostSteps)
      throw new FormatError(`${this.by}: joining the inlined calls takes more than ${mostSteps} steps`);
  }

  inline(callee: string, caller: string): void {
    if (callee === caller) return;
    this.take();
    put(this.#callers, callee, caller);
    put(this.#callees, caller, callee);
  }

  /**
   * A specialised copy, or a part, is made: it starts with what is inlined into the original so far. Of a part that may be too much,
   * since the original keeps some of it. From now on the two go their own ways.
   */
  clone(original: string, clone: string): void {
    for (const callee of [...(this.#callees.get(original) ?? [])]) this.inline(callee, clone);
  }

  /** Into what a function was inlined. */
  callersOf(callee: string): Iterable<string> {
    return this.#callers.get(callee) ?? [];
  }

  /** Symbols that were inlined somewhere. */
  callees(): Iterable<string> {
    return this.#callers.keys();
  }

  *steps(): Generator<readonly [callee: string, caller: string]> {
    for (const [callee, callers] of this.#callers) for (const caller of callers) yield [callee, caller];
  }
}

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key);
  if (known) known.add(value);
  else map.set(key, new Set([value]));
}

/** Joins single steps to the shortest chain from each function to each out-of-line function that holds a copy of it. */
export function joinSteps(drafts: Drafts, graph: StepGraph, by: Witness): void {
  const symbolsOf = Map.groupBy(graph.callees(), sourceName);
  for (const [name, symbols] of symbolsOf) {
    const previous = new Map<string, string | undefined>(symbols.map((symbol) => [symbol, undefined]));
    // A map gives what is added while it is walked: the nearest first.
    for (const [symbol, from] of previous) {
      for (const caller of graph.callersOf(symbol)) {
        graph.take();
        if (!previous.has(caller)) previous.set(caller, symbol);
      }
      const into = sourceName(symbol);
      if (from === undefined || into === name || !drafts.of(into).symbols.has(symbol)) continue;
      const chain: string[] = [];
      for (let at: string | undefined = from; at !== undefined; at = previous.get(at)) {
        const step = sourceName(at);
        if (step !== name && step !== into && step !== chain.at(-1)) chain.push(step);
      }
      drafts.copy(name, into, chain.reverse(), by, false);
    }
  }
}
