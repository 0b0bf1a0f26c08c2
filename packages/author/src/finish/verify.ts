import type { Finding } from '@klpkit/findings';
import { checkRules, type LivepatchPlan, readLivepatch } from '@klpkit/livepatch';
import type { FactsOfKernel } from './facts.ts';

/**
 * Reads a finished module back and says what the kernel would not like, and where its tables differ from the plan. An error here
 * after all other steps is a defect of klpkit or of the objects that it was given.
 */
export function verifyModule(
  ko: Uint8Array,
  plan: LivepatchPlan,
  { facts, layout }: FactsOfKernel,
): Finding[] {
  const livepatch = readLivepatch(ko, layout);
  const findings = checkRules(livepatch, facts);
  const planned = describe(plan);
  const found = describe({
    name: livepatch.name,
    replace: livepatch.patch?.replace ?? false,
    objects: (livepatch.patch?.objects ?? []).map(({ name, functions }) => ({ name, functions })),
  });
  if (planned !== found)
    findings.push({
      id: 'livepatch-not-as-planned',
      severity: 'error',
      what: 'the tables of the finished module are not those of the plan',
      why: `planned: ${planned}; found: ${found}`,
    });
  return findings;
}

interface Described {
  readonly name: string;
  readonly replace: boolean;
  readonly objects: readonly {
    readonly name: string;
    readonly functions: readonly { readonly oldName: string; readonly sympos: number }[];
  }[];
}

/** The new functions are left out: a module may have several symbols at the same code. */
function describe({ name, replace, objects }: Described): string {
  const parts = objects.map(
    (object) =>
      `${object.name}: ${object.functions.map(({ oldName, sympos }) => `${oldName},${sympos}`).join(' ')}`,
  );
  return [`${name}${replace ? ' (replace)' : ''}`, ...parts].join('; ');
}
