import type { Livepatch, LivepatchTables } from '../read-types.ts';
import type {
  Change,
  UpgradedCallback,
  UpgradedFunction,
  UpgradedObject,
  UpgradedShadow,
  UpgradedState,
  UpgradeSide,
} from './types.ts';

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const byObject = (a: string, b: string) => Number(b === 'vmlinux') - Number(a === 'vmlinux') || order(a, b);

const changeOf = (hasOlder: boolean, hasNewer: boolean): Change =>
  hasOlder && hasNewer ? 'kept' : hasNewer ? 'added' : 'dropped';

const objectName = ({ isVmlinux, name }: LivepatchTables['objects'][number]) =>
  isVmlinux ? 'vmlinux' : name;

/** The objects that the two patch. */
export function upgradedObjects(older: Livepatch, newer: Livepatch): UpgradedObject[] {
  const namesOf = ({ patch }: Livepatch) => new Set((patch?.objects ?? []).map(objectName));
  const [had, has] = [namesOf(older), namesOf(newer)];
  return [...new Set([...had, ...has])]
    .sort(byObject)
    .map((name) => ({ name, change: changeOf(had.has(name), has.has(name)) }));
}

interface Place {
  readonly object: string;
  readonly name: string;
  readonly sympos: number;
}

/** The kernel takes positions 0 and 1 for the same function (kernel/livepatch/core.c, klp_find_func()). */
function placesOf({ patch }: Livepatch): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const object of patch?.objects ?? [])
    for (const { oldName, sympos } of object.functions) {
      const place = { object: objectName(object), name: oldName, sympos };
      places.set(`${place.object}:${oldName},${Math.max(1, sympos)}`, place);
    }
  return places;
}

/** The functions that the two replace, and whose code runs when the newer is enabled. */
export function upgradedFunctions(older: Livepatch, newer: Livepatch): UpgradedFunction[] {
  const [had, has] = [placesOf(older), placesOf(newer)];
  const isReplaced = newer.patch?.replace ?? false;
  return [...new Map([...had, ...has])]
    .map(([key, place]) => {
      const change = changeOf(had.has(key), has.has(key));
      const runs: UpgradedFunction['runs'] = has.has(key) ? 'newer' : isReplaced ? 'kernel' : 'older';
      return { ...place, change, runs };
    })
    .sort((a, b) => byObject(a.object, b.object) || order(a.name, b.name) || a.sympos - b.sympos);
}

/**
 * The states of both, by the rule of `klp_is_state_compatible()` (kernel/livepatch/state.c, the same from 5.5 to 7.1): a state that is
 * installed needs a version at least as high in the newer livepatch, and may be absent there only if that does not replace.
 */
export function upgradedStates(older: Livepatch, newer: Livepatch): UpgradedState[] {
  const versionsOf = ({ patch }: Livepatch) =>
    new Map((patch?.states ?? []).map(({ id, version }) => [id, version]));
  const [had, has] = [versionsOf(older), versionsOf(newer)];
  return [...new Set([...had.keys(), ...has.keys()])]
    .sort((a, b) => a - b)
    .map((id) => {
      const [before, after] = [had.get(id), has.get(id)];
      const isCompatible =
        before === undefined || (after === undefined ? !newer.patch?.replace : after >= before);
      return {
        id,
        ...(before === undefined ? {} : { older: before }),
        ...(after === undefined ? {} : { newer: after }),
        isCompatible,
      };
    });
}

/**
 * The callbacks of both. When a livepatch is replaced, none of its own run any more (kernel/livepatch/transition.c,
 * `klp_complete_transition()`: the callbacks of the livepatch in transition only).
 */
export function upgradedCallbacks(older: Livepatch, newer: Livepatch): UpgradedCallback[] {
  const isReplaced = newer.patch?.replace ?? false;
  const of = (who: 'older' | 'newer', { patch }: Livepatch) =>
    (patch?.objects ?? []).flatMap((object) =>
      [...object.callbacks.keys()].map((name): UpgradedCallback => {
        const unpatches = name.endsWith('_unpatch');
        const runs = !unpatches
          ? who === 'older'
            ? 'ran'
            : 'now'
          : who === 'older' && isReplaced
            ? 'never'
            : 'when-disabled';
        return { of: who, object: objectName(object), name, runs };
      }),
    );
  return [...of('older', older), ...of('newer', newer)];
}

/** The shadow variables of both, by id. */
export function upgradedShadows(older: UpgradeSide, newer: UpgradeSide): UpgradedShadow[] {
  const [had, has] = [older, newer].map(
    ({ shadows = [] }) => new Map(shadows.map((one) => [one.id, one] as const)),
  );
  return [...new Set([...had.keys(), ...has.keys()])]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((id) => {
      const [before, after] = [had.get(id), has.get(id)];
      return { id, ...(before ? { older: before } : {}), ...(after ? { newer: after } : {}) };
    });
}
