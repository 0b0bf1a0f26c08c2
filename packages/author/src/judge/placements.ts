import type { Placement } from '@klpkit/compare';
import { type Finding, UsageError } from '@klpkit/findings';
import type { Kernel, OnProgress } from '@klpkit/kernel';
import type { Livepatch } from '@klpkit/livepatch';
import { placementKey, replacements } from '@klpkit/pitfalls';

/** Where the kernel's compiler put the functions that a livepatch replaces, and which of them could not be looked at. */
export interface Placements {
  /** By `object:name,sympos`, as the pitfalls' rules ask. */
  readonly placement: ReadonlyMap<string, Placement>;
  readonly findings: readonly Finding[];
}

/** Compiles the units that define the replaced functions, from the kernel's source, one after the other. */
export async function placementsOf(
  kernel: Kernel,
  livepatch: Livepatch,
  options: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Placements> {
  // Compiles, which most checks do without.
  const { whoInlines } = await import('../who/index.ts');
  const placement = new Map<string, Placement>();
  const findings: Finding[] = [];
  for (const { object, oldName, sympos } of replacements(livepatch)) {
    options.signal?.throwIfAborted();
    try {
      const { name, units } = await whoInlines(kernel, oldName, { ...options, owner: object });
      const [unit] = units;
      if (!unit) continue;
      placement.set(placementKey({ object, oldName, sympos }), {
        witnesses: unit.witnesses,
        functions: new Map([[name, unit.placement]]),
      });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      findings.push({
        id: 'placement-unknown',
        severity: 'note',
        what: `where the compiler put copies of ${oldName} was not looked at: ${error.message}`,
        next: `klpkit who inlines ${oldName.replace(/\..*$/, '')}, with the --unit that is meant`,
        at: { symbol: oldName },
      });
    }
  }
  return { placement, findings };
}
