import type { Comparison } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import {
  type LivepatchPlan,
  type PlannedCallback,
  type PlannedFunction,
  type PlannedState,
  patchSymbol,
} from '@klpkit/livepatch';
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
  // The glue has the livepatch itself, for code that asks for its states.
  provided.add(patchSymbol);
  const wanted = new Set(units.flatMap(({ judged }) => externalUses(judged.comparison)));
  const extractions: Extraction[] = [];
  for (const [number, { judged }] of units.entries())
    extractions.push(await extractUnit(context, judged, number, provided, wanted));
  const findings: Finding[] = [];
  for (const [index, extraction] of extractions.entries()) {
    findings.push(...extraction.findings);
    for (const name of extraction.needs)
      if (name === patchSymbol) {
        if (units.every(({ judged }) => judged.annotations.states.length === 0))
          findings.push({
            id: 'annotation-wrong',
            severity: 'error',
            what: 'the fix asks for a state of its livepatch, which has none',
            next: 'declare it with KLPKIT_STATE(id, version)',
            at: { unit: units[index]?.judged.unit.source ?? '' },
          });
      } else if (!extractions.some((other) => other.provides.includes(name)))
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

/** What the tables need of a unit: {@link BuiltUnit} is one. */
export interface PlannedUnit {
  readonly judged: {
    readonly unit: Pick<BuiltUnit['judged']['unit'], 'source' | 'owner'>;
    readonly annotations: BuiltUnit['judged']['annotations'];
  };
}

/** The tables of the livepatch that units' parts make together, and what the kernel would refuse of it. */
export function planOf(
  { name, replace = true }: { readonly name: string; readonly replace?: boolean },
  units: readonly PlannedUnit[],
  extractions: readonly Pick<Extraction, 'functions' | 'callbacks'>[],
): { plan: LivepatchPlan; findings: Finding[] } {
  const objects = new Map<string, { functions: PlannedFunction[]; callbacks: PlannedCallback[] }>();
  const findings: Finding[] = [];
  extractions.forEach((extraction, index) => {
    const owner = units[index]?.judged.unit.owner ?? 'vmlinux';
    for (const { oldName, sympos, newSymbol } of extraction.functions) {
      const object = objects.get(owner) ?? { functions: [], callbacks: [] };
      objects.set(owner, object);
      if (object.functions.some((known) => known.oldName === oldName && known.sympos === sympos))
        findings.push({
          id: 'KLP207',
          severity: 'error',
          what: `${oldName} of ${owner} is replaced twice`,
          why: 'the kernel refuses a livepatch that lists a function twice',
          next: 'two units hold the same function; restrict the livepatch with --unit',
          at: { symbol: oldName },
        });
      object.functions.push({ oldName, sympos, newSymbol });
    }
  });
  extractions.forEach(({ callbacks }, index) => {
    const { unit, annotations } = units[index]?.judged ?? {};
    callbacks.forEach((callback, number) => {
      const owner = unit?.owner ?? 'vmlinux';
      const symbol = annotations?.callbacks[number]?.piece.name ?? callback.symbol;
      const object = objects.get(owner);
      const wrong = (what: string, why: string, next: string) =>
        findings.push({
          id: 'annotation-wrong',
          severity: 'error',
          what,
          why,
          next,
          at: { unit: unit?.source ?? '', symbol },
        });
      if (!object)
        wrong(
          `the ${callback.kind} callback ${symbol} is one of ${owner}, of which the fix changes no function`,
          'callbacks belong to an object that is patched: the kernel has no others',
          `move the callback into a unit of an object that the fix patches${objects.size > 0 ? `: ${[...objects.keys()].sort().join(', ')}` : ''}`,
        );
      else if (object.callbacks.some(({ kind }) => kind === callback.kind))
        wrong(
          `${symbol} is a second ${callback.kind} callback of ${owner}`,
          'an object has one callback of each kind',
          'make one function that does both',
        );
      else object.callbacks.push(callback);
    });
  });
  const { states, findings: stateFindings } = statesOf(units);
  findings.push(...stateFindings);
  if (states.length > 0 && objects.size === 0)
    findings.push({
      id: 'annotation-wrong',
      severity: 'error',
      what: 'the fix has states and changes no function',
      why: 'the kernel refuses a livepatch without functions',
      next: 'give the patches that change functions as well',
    });
  const plan = {
    name,
    replace,
    // vmlinux first, then modules by name.
    objects: [...objects]
      .sort(([a], [b]) => Number(b === 'vmlinux') - Number(a === 'vmlinux') || (a < b ? -1 : 1))
      .map(([object, { functions, callbacks }]) => ({
        name: object,
        functions,
        ...(callbacks.length > 0 ? { callbacks } : {}),
      })),
    ...(states.length > 0 ? { states } : {}),
  };
  return { plan, findings };
}

/** The states that units declare, by id; one that several declare alike is one. */
function statesOf(units: readonly PlannedUnit[]): { states: PlannedState[]; findings: Finding[] } {
  const states = new Map<number, { readonly version: number; readonly unit: string }>();
  const findings: Finding[] = [];
  for (const { judged } of units)
    for (const { id, version } of judged.annotations.states) {
      const known = states.get(id);
      if (!known) states.set(id, { version, unit: judged.unit.source });
      else if (known.version !== version)
        findings.push({
          id: 'annotation-wrong',
          severity: 'error',
          what: `state ${id} has version ${known.version} in ${known.unit} and ${version} in ${judged.unit.source}`,
          why: 'states belong to the livepatch as a whole',
          next: 'give each state once, or everywhere with the same version',
          at: { unit: judged.unit.source },
        });
    }
  return {
    states: [...states].sort(([a], [b]) => a - b).map(([id, { version }]) => ({ id, version })),
    findings,
  };
}
