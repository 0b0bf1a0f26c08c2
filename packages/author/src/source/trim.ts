import type { Compiled } from './compile.ts';
import type { Expansion } from './expansion.ts';
import { neededHeaders } from './headers.ts';
import { usedWords, wordsIn } from './includes.ts';
import type { Part, UnitText } from './model.ts';
import type { SourcePlan } from './plan.ts';
import { isSameObject } from './same-object.ts';
import type { WrittenUnit } from './write.ts';

/** Compilations after which all `#include`s stay. */
const mostTurns = 4;

/** What {@link startTrimming} tries with. */
export interface Trimming {
  readonly expansion: Expansion;
  readonly text: UnitText;
  readonly plan: SourcePlan;
  /** With all `#include`s. */
  readonly written: WrittenUnit;
  /** The same, being compiled. */
  readonly compiling: Promise<Compiled>;
  readonly without: (dropped: ReadonlySet<Part>) => WrittenUnit;
  readonly compile: (written: WrittenUnit, until: AbortSignal) => Promise<Compiled>;
}

/** Looks for the `#include`s without which the compiler makes the same object, until it is stopped. */
export function startTrimming(trimming: Trimming): {
  readonly dropped: Promise<ReadonlySet<Part>>;
  stop(): Promise<void>;
} {
  const trying = new AbortController();
  const dropped = needless(trimming, trying.signal);
  const ended = dropped.then(
    () => {},
    () => {},
  );
  return {
    dropped,
    stop() {
      trying.abort();
      return ended;
    },
  };
}

async function needless(
  { expansion, text, plan, written, compiling, without, compile }: Trimming,
  until: AbortSignal,
): Promise<Set<Part>> {
  const brought = expansion.brought();
  const needed = neededHeaders(brought, [...usedWords(plan), ...wordsIn(written.text)]);
  const includes = text.parts.filter(({ item }) => item.word === 'include');
  for (let turn = 0; turn < mostTurns; turn++) {
    const dropped = new Set(
      includes.filter(
        ({ item }) =>
          !needed.has(`${item.file}:${item.line}`) && !expansion.ownIncludes.has(`${item.file}:${item.line}`),
      ),
    );
    if (dropped.size === 0) return dropped;
    const compiled = await compile(without(dropped), until);
    if (compiled.object) {
      const { object } = await compiling;
      return object && isSameObject(compiled.object, object) ? dropped : new Set();
    }
    const missed = new Set(
      compiled.diagnostics.flatMap(({ names }) => names.flatMap((name) => [name, `tag ${name}`])),
    );
    const { size } = needed;
    for (const key of neededHeaders(brought, missed)) needed.add(key);
    if (needed.size === size) return new Set();
  }
  return new Set();
}
