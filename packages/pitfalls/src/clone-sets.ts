import type { Comparison, ObjectModel } from '@klpkit/compare';
import { callersOf } from './calls.ts';
import { type CloneKind, cloneOf, isClone, sourceName } from './clones.ts';
import { isTouched } from './unit.ts';
import { unique } from './words.ts';

/** The code that one function of the source has under clones' names of one kind, where the fix touches it. */
export interface CloneSet {
  readonly source: string;
  /** Names of the code that the function has on each side, its plain name included, sorted. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Functions that call any of it on either side, by their names in the source, sorted. */
  readonly callers: readonly string[];
  /** Those of the callers whose code is the same on both sides. */
  readonly unchanged: readonly string[];
}

/** Touched functions that have a clone of `kind` on at least one side, in the order of their names. */
export function touchedCloneSets(comparison: Comparison, kind: CloneKind): CloneSet[] {
  const { before, after } = comparison;
  const sources = unique(
    [before, after].flatMap((model) =>
      model.pieces
        .filter((piece) => piece.kind === 'function' && isClone(piece.name, kind))
        .map((piece) => sourceName(piece.name)),
    ),
  );
  return sources
    .filter((source) => isTouched({ comparison }, source))
    .map((source) => {
      const callers = unique(
        [before, after].flatMap((model) =>
          codeOf(model, source).flatMap((piece) =>
            callersOf(model, piece).map((caller) => sourceName(caller.name)),
          ),
        ),
      ).filter((name) => name !== source);
      return {
        source,
        before: unique(codeOf(before, source).map(({ name }) => name)),
        after: unique(codeOf(after, source).map(({ name }) => name)),
        callers,
        unchanged: callers.filter((name) => !isTouched({ comparison }, name)),
      };
    });
}

function codeOf(model: ObjectModel, source: string) {
  return model.pieces.filter(
    ({ kind, name }) => kind === 'function' && (name === source || cloneOf(name)?.source === source),
  );
}
