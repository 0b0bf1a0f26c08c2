import type { Comparison } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { LivepatchPlan, PlannedFunction } from '@klpkit/livepatch';
import type { Extraction } from '../extract/index.ts';
import type { KernelContext } from './context.ts';
import type { BuiltUnit } from './types.ts';
import { extractUnit } from './unit.ts';

/** Cuts out what each unit gives to the livepatch, in the order of the units; they see each other's new functions. */
export async function extractUnits(
  context: KernelContext,
  units: readonly BuiltUnit[],
): Promise<{ extractions: Extraction[]; findings: Finding[] }> {
  const provided = new Set<string>();
  for (const { judged } of units)
    for (const piece of judged.comparison.after.pieces)
      if (piece.binding !== 0 && !judged.comparison.correlation.beforeOf(piece)) provided.add(piece.name);
  const wanted = new Set(units.flatMap(({ judged }) => externalUses(judged.comparison)));
  const extractions: Extraction[] = [];
  for (const [number, { judged }] of units.entries())
    extractions.push(await extractUnit(context, judged, number, provided, wanted));
  const findings: Finding[] = [];
  for (const [index, extraction] of extractions.entries()) {
    findings.push(...extraction.findings);
    for (const name of extraction.needs)
      if (!extractions.some((other) => other.provides.includes(name)))
        findings.push({
          id: 'KLP301',
          severity: 'error',
          what: `${name}, which the fix adds, is used but not part of the livepatch`,
          why: 'no changed function of the unit that defines it refers to it',
          next: 'report this fix: the extraction should have taken it along',
          at: { unit: units[index]?.judged.unit.source ?? '', symbol: name },
        });
  }
  return { extractions, findings };
}

/** Names outside of the unit that its changed and new functions use. */
function externalUses({ after, functions }: Comparison): string[] {
  return functions.flatMap(({ status, after: piece }) =>
    piece && (status === 'changed' || status === 'new')
      ? after.referencesOf(piece).flatMap(({ target }) => (target.kind === 'external' ? [target.name] : []))
      : [],
  );
}

/** What becomes KLP relocations, each symbol once. */
export function uniquePlaceholders(extractions: readonly Extraction[]): Extraction['placeholders'][number][] {
  const all = new Map(
    extractions.flatMap((extraction) => extraction.placeholders.map((each) => [each.symbol, each] as const)),
  );
  return [...all.values()];
}

/** The tables of the livepatch that units' parts make together, and what the kernel would refuse of it. */
export function planOf(
  { name, replace = true }: { readonly name: string; readonly replace?: boolean },
  units: readonly BuiltUnit[],
  extractions: readonly Extraction[],
): { plan: LivepatchPlan; findings: Finding[] } {
  const objects = new Map<string, PlannedFunction[]>();
  const findings: Finding[] = [];
  extractions.forEach((extraction, index) => {
    const owner = units[index]?.judged.unit.owner ?? 'vmlinux';
    for (const { oldName, sympos, newSymbol } of extraction.functions) {
      const list = objects.get(owner) ?? [];
      objects.set(owner, list);
      if (list.some((known) => known.oldName === oldName && known.sympos === sympos))
        findings.push({
          id: 'KLP207',
          severity: 'error',
          what: `${oldName} of ${owner} is replaced twice`,
          why: 'the kernel refuses a livepatch that lists a function twice',
          next: 'two units hold the same function; restrict the livepatch with --unit',
          at: { symbol: oldName },
        });
      list.push({ oldName, sympos, newSymbol });
    }
  });
  const plan = {
    name,
    replace,
    // vmlinux first, then modules by name.
    objects: [...objects]
      .sort(([a], [b]) => Number(b === 'vmlinux') - Number(a === 'vmlinux') || (a < b ? -1 : 1))
      .map(([object, functions]) => ({ name: object, functions })),
  };
  return { plan, findings };
}
