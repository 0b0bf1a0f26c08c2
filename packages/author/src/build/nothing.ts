import type { Finding } from '@klpkit/findings';
import type { Unit } from '@klpkit/kernel';
import type { BuiltUnit } from './types.ts';
import { listed } from './words.ts';

/**
 * Says why there is nothing to build.
 *
 * @param units all that the fix reaches
 * @param differing those whose objects differ: by functions that nothing calls, say
 */
export function nothingChanged(units: readonly Unit[], differing: readonly BuiltUnit[]): Finding {
  const changes = differing.flatMap(({ judged }) => judged.comparison.functions);
  const named = (status: string) =>
    listed([...new Set(changes.flatMap((change) => (change.status === status ? [change.name] : [])))]);
  const parts = [
    ...(named('new') ? [`it adds ${named('new')}, which nothing calls`] : []),
    ...(named('removed') ? [`it removes ${named('removed')}`] : []),
  ];
  // A source can be part of two modules.
  const sources = listed([...new Set(units.map((unit) => unit.source))]);
  return parts.length > 0
    ? {
        id: 'nothing-changed',
        severity: 'note',
        what: `the fix changes no function that runs in ${sources}: ${parts.join('; ')}`,
        next: 'give the patches that make use of it as well',
      }
    : {
        id: 'nothing-changed',
        severity: 'note',
        what: `the fix changes no code or data of ${sources}`,
        why: 'with line numbers kept, the compiler makes the same of both sides',
        next: 'check whether the change is behind an option that is off in this kernel',
      };
}
