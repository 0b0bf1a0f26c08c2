import { type CallbackName, callbackNames } from './layout.ts';
import type { LivepatchObject } from './read-types.ts';
import type { PlannedCallback } from './types.ts';

/** A callback of an object, for people. */
export interface NamedCallback {
  readonly kind: CallbackName;
  /** The function as its author calls it. */
  readonly function: string;
}

/** What the extraction puts before the name of a callback, so that the glue finds it. */
const prefix = /^__klpkit_callback_\d+_\d+_/;

/** Callbacks of a plan in the order in which they run. */
export function namedCallbacks(callbacks: readonly PlannedCallback[]): NamedCallback[] {
  return callbackNames.flatMap((kind) =>
    callbacks
      .filter((one) => one.kind === kind)
      .map(({ symbol }) => ({ kind, function: symbol.replace(prefix, '') })),
  );
}

/** Callbacks of an object that was read back; the function is empty for one without a symbol. */
export function callbacksIn({ callbacks }: LivepatchObject): NamedCallback[] {
  return namedCallbacks(
    callbackNames.flatMap((kind) => {
      const symbol = callbacks.get(kind);
      return symbol === undefined ? [] : [{ kind, symbol }];
    }),
  );
}
