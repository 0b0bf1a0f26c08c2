import type { ObjectModel } from '@klpkit/compare';
import { reachedCalls } from '../src/module-calls.ts';
import type { Observation, Pitfall } from '../src/pitfall.ts';
import { isAllocation, type ShadowCall, shadowCalls } from '../src/shadow.ts';
import { whySleeps } from '../src/sleeping.ts';

/** A constructor or destructor that sleeps. */
export const klp218: Pitfall = {
  id: 'KLP218',
  name: 'shadow-constructor-atomic',
  title: 'The constructor of a shadow variable runs with interrupts off',
  severity: 'error',
  statement:
    'klp_shadow_alloc(), klp_shadow_get_or_alloc() and the two functions that free call the constructor or destructor under a spinlock with interrupts off: whatever sleeps in it is a bug.',
  seen: 'at run time on Linux 6.1 and 6.12: in_atomic 1 and irqs_disabled 1 in the constructor; scheduling while atomic when it sleeps',
  safeWay:
    'Allocate before the call and hand the memory over as ctor_data; in a destructor, put the object on a list and free it later.',
  livepatch: {
    needs: ['code', 'operands'],
    *find({ model }) {
      const seen = new Set<string>();
      for (const call of model ? shadowCalls(model) : []) {
        if (!model || !call.callback || seen.has(call.callback.name)) continue;
        seen.add(call.callback.name);
        const found = sleeps(model, call);
        if (found) yield found;
      }
    },
  },
};

function sleeps(model: ObjectModel, call: ShadowCall): Observation | undefined {
  const { callback, name, from } = call;
  for (const reached of callback ? reachedCalls(model, callback) : []) {
    const why = whySleeps(reached);
    if (why === undefined) continue;
    return {
      what: `${callback?.name}, the ${isAllocation(call) ? 'constructor' : 'destructor'} that ${from.name} hands to ${name}, calls ${why}${reached.way.length > 1 ? ` (through ${reached.way.slice(1).join(', ')})` : ''}`,
      why: 'it runs under a spinlock with interrupts off, where sleeping can hang the machine',
      next: isAllocation(call)
        ? 'do it before the call, and hand the result over as ctor_data'
        : 'remember the object in the destructor and finish with it later',
      evidence: ["code of the module, and the register that holds the function's address at the call"],
      at: { section: reached.from.section.name, offset: reached.offset, symbol: callback?.name ?? '' },
    };
  }
  return undefined;
}
