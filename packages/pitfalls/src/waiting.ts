import type { ObjectModel } from '@klpkit/compare';
import type { Livepatch, WaitingFunction } from '@klpkit/livepatch';
import { replacements } from './evidence.ts';
import { callNames, mayBeAsleepIn } from './kernel-calls.ts';
import { namesOfNew } from './module.ts';
import { unique } from './words.ts';

/** Functions that a livepatch replaces and in whose new code a task may sleep, in the order of its tables. */
export function waitingFunctions(model: ObjectModel, livepatch: Livepatch): WaitingFunction[] {
  return replacements(livepatch).flatMap((one) => {
    const pieces = new Set(namesOfNew(model, one).flatMap((name) => model.named(name)));
    const calls = unique([...pieces].flatMap((piece) => callNames(model, piece)).filter(mayBeAsleepIn));
    return calls.length > 0 ? [{ object: one.object, name: one.oldName, calls }] : [];
  });
}
