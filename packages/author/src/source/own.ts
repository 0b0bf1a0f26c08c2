import type { ObjectModel, Piece } from '@klpkit/compare';
import type { OwnCode } from './agree.ts';
import { type Fate, sourceName } from './fates.ts';
import { wordsIn } from './includes.ts';
import type { UnitText } from './model.ts';
import type { SourcePlan } from './plan.ts';
import type { Symbols } from './symbols.ts';

/** What the file of a unit has of its own, and what it leaves to the kernel. */
export function ownCode(
  before: ObjectModel,
  { byKey }: UnitText,
  plan: SourcePlan,
  { symbols }: Symbols,
): OwnCode {
  const copied = named(plan, 'copy');
  const inCopies = new Set(
    [...plan.modes].flatMap(([part, mode]) =>
      mode === 'text' && part.definitions.some(({ name }) => copied.includes(name))
        ? wordsIn(part.expanded)
        : [],
    ),
  );
  return {
    copied,
    referred: named(plan, 'refer'),
    fromHeaders: before.pieces.flatMap(({ kind, name }) =>
      kind === 'function' && !byKey.has(sourceName(name)) ? [sourceName(name)] : [],
    ),
    reached: [...reachedFrom(before, plan)],
    usedByCopies: symbols.flatMap(({ name, symbol = name }) => (inCopies.has(name) ? [symbol] : [])),
  };
}

/** Functions and variables of one fate. */
function named({ functions, variables }: SourcePlan, fate: Fate['kind']): string[] {
  return [...functions, ...variables].flatMap(([name, { kind }]) => (kind === fate ? [name] : []));
}

/** Names of all that the functions that stay the kernel's refer to, directly or by way of other functions of the unit. */
function reachedFrom(before: ObjectModel, { functions }: SourcePlan): Set<string> {
  const names = new Set<string>();
  const queue: Piece[] = [...functions.values()].flatMap((fate) => (fate.kind === 'refer' ? fate.piece : []));
  const seen = new Set(queue);
  for (let piece = queue.pop(); piece; piece = queue.pop())
    for (const { target } of before.referencesOf(piece)) {
      if (target.kind === 'external') names.add(target.name);
      if (target.kind !== 'piece') continue;
      names.add(target.piece.name);
      if (target.piece.kind !== 'function' || seen.has(target.piece)) continue;
      seen.add(target.piece);
      queue.push(target.piece);
    }
  return names;
}
