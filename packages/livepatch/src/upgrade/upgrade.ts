import type { Finding } from '@klpkit/findings';
import type { Livepatch } from '../read-types.ts';
import {
  upgradedCallbacks,
  upgradedFunctions,
  upgradedObjects,
  upgradedShadows,
  upgradedStates,
} from './facts.ts';
import type { Upgrade, UpgradedFunction, UpgradeSide } from './types.ts';

/**
 * Says what the kernel makes of a livepatch that is enabled while another one is, and what of the older one is left then. What both
 * have in common with a livepatch alone (is it well formed, does the kernel have its functions) is not asked.
 *
 * Of the states, callbacks and sizes of shadow variables the facts alone are here: the pitfalls KLP211, KLP216, KLP217 and KLP222 judge
 * them.
 */
export function compareUpgrade(older: UpgradeSide, newer: UpgradeSide): Upgrade {
  const functions = upgradedFunctions(older.livepatch, newer.livepatch);
  const states = upgradedStates(older.livepatch, newer.livepatch);
  const findings = [
    ...loadFindings(older.livepatch, newer.livepatch),
    ...droppedFindings(older.livepatch, newer.livepatch, functions),
    ...shadowFindings(older, newer),
    ...waitFindings(older, newer, functions),
  ];
  const isRefused =
    states.some(({ isCompatible }) => !isCompatible) || findings.some(({ severity }) => severity === 'error');
  return {
    outcome: isRefused ? 'refused' : newer.livepatch.patch?.replace ? 'replaces' : 'stacks',
    older: older.livepatch.name,
    newer: newer.livepatch.name,
    objects: upgradedObjects(older.livepatch, newer.livepatch),
    functions,
    states,
    callbacks: upgradedCallbacks(older.livepatch, newer.livepatch),
    shadows: upgradedShadows(older, newer),
    findings,
  };
}

const nameOf = ({ name }: Livepatch, otherwise: string) => name || otherwise;

/** What keeps the newer from being loaded beside the older at all. */
function loadFindings(older: Livepatch, newer: Livepatch): Finding[] {
  const findings: Finding[] = [];
  if (older.name !== '' && older.name === newer.name)
    findings.push({
      id: 'upgrade-same-name',
      severity: 'error',
      what: `both livepatches are modules named ${older.name}`,
      why: 'the kernel refuses a second module of a name with EEXIST, so the older would have to go first, and its fixes with it',
      next: 'give the newer one a name of its own, with a version in it',
      at: { section: '.modinfo' },
    });
  const [had, has] = [older.vermagic?.trim(), newer.vermagic?.trim()];
  if (had !== undefined && has !== undefined && had !== has)
    findings.push({
      id: 'KLP224',
      severity: 'error',
      what: `the older livepatch is built for ${JSON.stringify(had)}, the newer for ${JSON.stringify(has)}`,
      why: 'no kernel is right for both: what is installed on one of them is never replaced by the other',
      next: 'compare livepatches that are built for one kernel',
      at: { section: '.modinfo' },
    });
  return findings;
}

/** Functions that go back to the kernel's own code. */
function droppedFindings(
  older: Livepatch,
  newer: Livepatch,
  functions: readonly UpgradedFunction[],
): Finding[] {
  const findings: Finding[] = [];
  const lost = functions.filter(({ runs }) => runs === 'kernel');
  if (lost.length > 0) {
    const names = lost.map(({ object, name }) => (object === 'vmlinux' ? name : `${name} of ${object}`));
    const stays = [
      ...((older.patch?.objects ?? []).some(({ callbacks }) => callbacks.size > 0)
        ? ['what its callbacks changed']
        : []),
      ...(older.undefinedSymbols.some(({ name }) => /^klp_shadow_/.test(name))
        ? ['its shadow variables']
        : []),
      ...((older.patch?.states.length ?? 0) > 0 ? ['its states'] : []),
    ];
    findings.push({
      id: 'KLP411',
      severity: 'warning',
      what: `${some(names)} ${lost.length === 1 ? 'is' : 'are'} replaced by ${nameOf(older, 'the older livepatch')} and not by ${nameOf(newer, 'the newer one')}: the kernel's own code runs again`,
      why: `a fix that only the older one holds is lost${stays.length > 0 ? `, while ${some(stays)} ${stays.length === 1 && stays[0] === 'what its callbacks changed' ? 'stays' : 'stay'}` : '; what its code wrote stays as it is'}`,
      next: "carry the functions over, or make sure that the kernel's code can live with what the older livepatch left",
      evidence: ['klp_patch of both modules'],
      at: { symbol: lost[0]?.name ?? '' },
    });
  }
  return findings;
}

/** Shadow variables that nobody looks after once the older is replaced. */
function shadowFindings(older: UpgradeSide, newer: UpgradeSide): Finding[] {
  if (!newer.livepatch.patch?.replace || !older.shadows || !newer.shadows) return [];
  const known = new Set(newer.shadows.map(({ id }) => id));
  const left = older.shadows.filter(({ id, allocates }) => allocates && !known.has(id));
  if (left.length === 0) return [];
  const ids = left.map(({ id }) => idText(id));
  return [
    {
      id: 'KLP219',
      severity: 'warning',
      what: `the shadow variables with the ${ids.length === 1 ? 'id' : 'ids'} ${some(ids)} of ${nameOf(older.livepatch, 'the older livepatch')} are not known to ${nameOf(newer.livepatch, 'the newer one')}, which replaces it`,
      why: 'nothing frees them any more: they outlive their parents, and a new object at the address of an old one inherits its shadow variable',
      next: 'free them in a callback of the newer livepatch with klp_shadow_free_all(), or go on freeing them with their parents',
      certainty: 'likely',
      evidence: ['arguments of the calls in both modules'],
    },
  ];
}

/** Code that tasks have to leave before the transition can end. */
function waitFindings(
  older: UpgradeSide,
  newer: UpgradeSide,
  functions: readonly UpgradedFunction[],
): Finding[] {
  // A livepatch below another one that does not replace it is not left, but for functions that both replace.
  const isLeft = (one: { readonly object: string; readonly name: string }) =>
    functions.some(
      ({ object, name, runs, change }) =>
        object === one.object && name === one.name && change !== 'added' && runs !== 'older',
    );
  const waiting = (older.waiting ?? []).filter(isLeft);
  if (waiting.length === 0) return [];
  return [
    {
      id: 'KLP406',
      severity: 'note',
      what: `tasks may sleep in ${some(waiting.map(({ name, calls }) => `the ${name} of ${nameOf(older.livepatch, 'the older livepatch')} (${some(calls, 3)})`))}`,
      why: `the transition to ${nameOf(newer.livepatch, 'the newer one')} waits until none does; a task that stays there for long holds it up`,
      next: 'see how long such a wait may last; klpkit prove names the tasks that hold a transition up',
      certainty: 'possible',
      evidence: ['calls of the new functions of the older module'],
      at: { symbol: waiting[0]?.name ?? '' },
    },
  ];
}

/** An id as authors write it. */
export function idText(id: bigint): string {
  return id < 4096n ? `${id}` : `0x${id.toString(16)}`;
}

/** `a`, `a and b`, `a, b and c`, and `a, b and 4 more` beyond `most`. */
function some(names: readonly string[], most = 6): string {
  if (names.length < 2) return names.join();
  if (names.length > most)
    return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
