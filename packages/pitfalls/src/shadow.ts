import type { ObjectModel, Piece } from '@klpkit/compare';
import type { ShadowUse } from '@klpkit/livepatch';
import { type Argument, type KernelCall, kernelCalls } from './module-calls.ts';

/** A call of the shadow-variable API (include/linux/livepatch.h), with what its arguments are known to be. */
export interface ShadowCall extends KernelCall {
  readonly id: bigint | undefined;
  /** Bytes, of the calls that allocate. */
  readonly size: bigint | undefined;
  /** The constructor or the destructor; `undefined` for NULL and for one that is not known. */
  readonly callback: Piece | undefined;
  /** True when the call certainly has no constructor or destructor. */
  readonly hasNone: boolean;
}

/** Where each function has its id, its size and its callback among the arguments. */
const places: Readonly<Record<string, { id: number; size?: number; callback?: number }>> = {
  klp_shadow_get: { id: 1 },
  klp_shadow_alloc: { id: 1, size: 2, callback: 4 },
  klp_shadow_get_or_alloc: { id: 1, size: 2, callback: 4 },
  klp_shadow_free: { id: 1, callback: 2 },
  klp_shadow_free_all: { id: 0, callback: 1 },
};

const shadowFunctions: ReadonlySet<string> = new Set(Object.keys(places));

/** Calls of the shadow-variable API in a module, in the module's order. */
export function shadowCalls(model: ObjectModel): ShadowCall[] {
  return kernelCalls(model, shadowFunctions).flatMap((call) => {
    const place = places[call.name];
    if (!place) return [];
    const at = (index: number | undefined) => (index === undefined ? undefined : call.args[index]);
    const callback = at(place.callback);
    return [
      {
        ...call,
        id: numberOf(at(place.id)),
        size: numberOf(at(place.size)),
        callback: callback?.kind === 'piece' ? callback.piece : undefined,
        hasNone: numberOf(callback) === 0n,
      },
    ];
  });
}

/** True for the calls that make a shadow variable. */
export function isAllocation({ name }: ShadowCall): boolean {
  return name === 'klp_shadow_alloc' || name === 'klp_shadow_get_or_alloc';
}

function numberOf(argument: Argument | undefined): bigint | undefined {
  return argument?.kind === 'number' ? argument.value : undefined;
}

/** What a module does with shadow variables, by id. Calls whose id is not known are left out. */
export function shadowUses(model: ObjectModel): ShadowUse[] {
  const uses = new Map<bigint, ShadowUse>();
  for (const call of shadowCalls(model)) {
    if (call.id === undefined) continue;
    const known = uses.get(call.id);
    const sizes = new Set([...(known?.sizes ?? []), ...(call.size === undefined ? [] : [call.size])]);
    uses.set(call.id, {
      id: call.id,
      sizes: [...sizes].sort((a, b) => (a < b ? -1 : 1)),
      allocates: (known?.allocates ?? false) || isAllocation(call),
      reads: (known?.reads ?? false) || /^klp_shadow_get/.test(call.name),
      frees: (known?.frees ?? false) || /^klp_shadow_free/.test(call.name),
    });
  }
  return [...uses.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
