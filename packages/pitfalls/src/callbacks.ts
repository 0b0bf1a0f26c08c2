import type { ObjectModel, Piece } from '@klpkit/compare';
import type { Livepatch } from '@klpkit/livepatch';

/** A callback of a patched object. */
export interface Callback {
  /** The object's name; `vmlinux` where the kernel has NULL. */
  readonly object: string;
  readonly isVmlinux: boolean;
  /** `pre_patch`, `post_patch`, `pre_unpatch` or `post_unpatch`. */
  readonly name: string;
  /** Symbol of its code; empty when there is none. */
  readonly symbol: string;
}

/** Callbacks of a livepatch in the order of its objects. */
export function callbacksOf({ patch }: Livepatch): Callback[] {
  return (patch?.objects ?? []).flatMap(({ name: object, isVmlinux, callbacks }) =>
    [...callbacks].map(([name, symbol]) => ({ object, isVmlinux, name, symbol })),
  );
}

/** The code of a callback; `undefined` when its symbol is not a function of the module. */
export function codeOfCallback(model: ObjectModel, { symbol }: Callback): Piece | undefined {
  return model.named(symbol).find(({ kind }) => kind === 'function');
}
