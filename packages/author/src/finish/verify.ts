import type { Finding } from '@klpkit/findings';
import { checkRules, type LivepatchPlan, readLivepatch } from '@klpkit/livepatch';
import type { FactsOfKernel } from './facts.ts';

/**
 * Reads a finished module back and says what the kernel would not like, and where its tables differ from the plan. An error here
 * after all other steps is a defect of klpkit or of the objects that it was given.
 *
 * @param isHandWritten true when the tables are C of the author's, with callbacks and states that no plan knows
 */
export function verifyModule(
  ko: Uint8Array,
  plan: LivepatchPlan,
  { facts, layout }: FactsOfKernel,
  isHandWritten = false,
): Finding[] {
  const livepatch = readLivepatch(ko, layout);
  const findings = checkRules(livepatch, facts);
  const tables: Described = {
    name: livepatch.name,
    replace: livepatch.patch?.replace ?? false,
    objects: (livepatch.patch?.objects ?? []).map(({ name, functions, callbacks }) => ({
      name,
      functions,
      callbacks: [...callbacks.keys()].map((kind) => ({ kind })),
    })),
    states: livepatch.patch?.states ?? [],
  };
  const planned = describe(isHandWritten ? functionsOnly(plan) : plan);
  const found = describe(isHandWritten ? functionsOnly(tables) : tables);
  if (planned !== found)
    findings.push({
      id: 'livepatch-not-as-planned',
      severity: 'error',
      what: isHandWritten
        ? 'the tables that are written in C are not those of the manifest'
        : 'the tables of the finished module are not those of the plan',
      ...(isHandWritten ? { next: 'make both say the same' } : {}),
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
    readonly callbacks?: readonly { readonly kind: string }[];
  }[];
  readonly states?: readonly { readonly id: number; readonly version: number }[];
}

/** What a manifest knows of tables that are written by hand, whose order is free. */
function functionsOnly({ name, replace, objects }: Described): Described {
  const byName = (a: { oldName: string }, b: { oldName: string }) => (a.oldName < b.oldName ? -1 : 1);
  return {
    name,
    replace,
    objects: objects
      .map((object) => ({ name: object.name, functions: [...object.functions].sort(byName) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** The new functions are left out: a module may have several symbols at the same code. */
function describe({ name, replace, objects, states = [] }: Described): string {
  const parts = objects.map((object) => {
    const functions = object.functions.map(({ oldName, sympos }) => `${oldName},${sympos}`);
    const callbacks = (object.callbacks ?? []).map(({ kind }) => kind).sort();
    return [`${object.name}:`, ...functions, ...callbacks].join(' ');
  });
  const versions = states.map(({ id, version }) => `state ${id} version ${version}`);
  return [`${name}${replace ? ' (replace)' : ''}`, ...parts, ...versions].join('; ');
}
