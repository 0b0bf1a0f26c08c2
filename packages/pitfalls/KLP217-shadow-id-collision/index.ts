import { idText } from '@klpkit/livepatch';
import type { Pitfall } from '../src/pitfall.ts';
import { isAllocation, type ShadowCall, shadowCalls } from '../src/shadow.ts';
import { list, unique } from '../src/words.ts';

/** Ids below this one are what everybody picks first. */
const smallest = 4096n;

/** Two livepatches use one id for different data. */
export const klp217: Pitfall = {
  id: 'KLP217',
  name: 'shadow-id-collision',
  title: "The id of a shadow variable may be somebody else's",
  severity: 'error',
  statement:
    'A shadow variable is found by its parent and its id, and ids are shared by all livepatches of the system: a second livepatch that picks the same id gets the data of the first, whatever it means.',
  seen: "at run time on Linux 6.1 and 6.12: Duplicate shadow variable, and the other one's memory",
  safeWay:
    'Keep a register of ids in the project, and take large ones that nobody picks by chance, such as one made of the number of the advisory.',
  livepatch: {
    needs: ['code', 'operands'],
    *find({ model, olderModel }) {
      const calls = model ? shadowCalls(model).filter((call) => call.id !== undefined) : [];
      const ids = [...new Set(calls.filter(isAllocation).map(({ id }) => id as bigint))].sort((a, b) =>
        a < b ? -1 : 1,
      );
      const small = ids.filter((id) => id < smallest);
      if (small.length > 0)
        yield {
          severity: 'warning',
          what: `the shadow ${small.length === 1 ? 'id' : 'ids'} ${list(small.map(idText))} ${small.length === 1 ? 'is one' : 'are ones'} that any livepatch may have picked`,
          why: 'ids are shared by all livepatches of the system: another one with the same id and parent gets this data, or this one gets its',
          next: 'take a large id out of a register of the project',
          certainty: 'possible',
          evidence: ['arguments of the calls'],
          at: { symbol: placeOf(calls, small[0]) },
        };
      const before = olderModel ? shadowCalls(olderModel) : [];
      for (const id of ids) {
        const here = sizesOf(calls, id);
        const there = sizesOf(before, id);
        const all = unique([...here, ...there].map(String));
        if (all.length < 2) continue;
        const grows = there.length > 0 && here.some((size) => there.some((old) => size > old));
        yield {
          severity: grows ? 'error' : 'warning',
          what: `shadow variables with the id ${idText(id)} are made with ${list(all)} bytes`,
          why: grows
            ? 'where the older livepatch made one for the same parent, this one gets the smaller memory and writes beyond its end'
            : 'whoever comes second for a parent gets the memory of the first, whatever its size',
          next: 'give each kind of data an id of its own',
          certainty: 'likely',
          evidence: [there.length > 0 ? 'arguments of the calls in both modules' : 'arguments of the calls'],
          at: { symbol: placeOf(calls, id) },
        };
      }
    },
  },
};

function sizesOf(calls: readonly ShadowCall[], id: bigint): bigint[] {
  return calls.flatMap((call) =>
    call.id === id && isAllocation(call) && call.size !== undefined ? [call.size] : [],
  );
}

function placeOf(calls: readonly ShadowCall[], id: bigint): string {
  return calls.find((call) => call.id === id)?.from.name ?? '';
}
