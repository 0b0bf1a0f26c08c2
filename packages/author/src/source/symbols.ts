import { type ObjectModel, readObjectModel } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { SHN } from '@klpkit/formats';
import type { ManifestSymbol } from '@klpkit/livepatch';
import type { Location, Resolver } from '../extract/index.ts';
import type { KernelNames } from '../symbols/index.ts';
import type { Fates } from './fates.ts';
import { ownerOf, type SourcePlan } from './plan.ts';
import { functionNamed } from './pointers.ts';
import type { WrittenUnit } from './write.ts';

/** What a generated object refers to, as the manifest says it. */
export interface Symbols {
  readonly symbols: readonly ManifestSymbol[];
  /** Keys of modules that jumps of the object depend on. */
  readonly moduleKeys: readonly string[];
  readonly findings: readonly Finding[];
}

/** What {@link findSymbols} looks at. */
export interface SymbolsInput {
  readonly unit: string;
  readonly object: Uint8Array;
  /** The unit as the kernel has it. */
  readonly before: ObjectModel;
  readonly fates: Fates;
  readonly plan: SourcePlan;
  readonly written: WrittenUnit;
  readonly resolver: Resolver;
  readonly names: KernelNames;
  /** Names that other files of the livepatch define. */
  readonly provided: ReadonlySet<string>;
}

/** Finds for every undefined symbol of a generated object where it is. */
export function findSymbols(input: SymbolsInput): Symbols {
  const { before, fates, plan, written, resolver, names, provided, unit } = input;
  const model = readObjectModel(input.object);
  const symbols: ManifestSymbol[] = [];
  const findings: Finding[] = [];
  const unreached = new Set<string>();
  for (const name of undefinedNames(model)) {
    if (provided.has(name)) continue;
    const { location, why } = locate(name);
    if (location.kind === 'export' || location.kind === 'livepatch') continue;
    if (location.kind === 'unresolved') {
      unreached.add(name);
      findings.push({
        id: 'KLP301',
        severity: 'error',
        what: `${unit} refers to ${name}, which cannot be reached: ${location.reason}`,
        why: 'every reference of a livepatch must lead to exactly one place of the running kernel',
        next: location.next ?? 'avoid the reference in the fix',
        at: { unit, symbol: name },
      });
      continue;
    }
    symbols.push({
      name,
      ...(location.name !== name ? { symbol: location.name } : {}),
      object: location.object,
      sympos: location.sympos,
      kind: names.kindOf(location.object, location.name, location.sympos) ?? 'function',
      how: 'klp-relocation',
      why,
    });
  }
  return { symbols, moduleKeys: moduleKeys(model, symbols), findings };

  function locate(name: string): { location: Location; why: string } {
    const number = written.shared.get(name);
    if (number !== undefined) {
      const { fate, local, part } = plan.shared[number];
      const owner = ownerOf(part, unit);
      return {
        location: fate.location,
        why: `the static variable ${local.name} of ${owner}: found in the shipped code by the references to it`,
      };
    }
    const pointer = written.pointers.get(name);
    const own = pointer === undefined ? undefined : functionNamed(before, pointer);
    if (own)
      return {
        location: resolver.original(own),
        why: `the kernel's own ${own.name}, which a header brings as well: what keeps a pointer to it outlives the livepatch`,
      };
    const fate = plan.functions.get(name) ?? plan.variables.get(name);
    if (fate?.kind === 'refer')
      return {
        location: fate.location,
        why: `defined in ${unit}; found in the shipped code by comparing ${unit} with it`,
      };
    if (fate?.kind === 'replace')
      return {
        location: resolver.original(fate.piece),
        why: `replaced here; a pointer to it stays the kernel's, which leads to the new one`,
      };
    const known = fates.replaced.get(name);
    if (known) return { location: resolver.original(known), why: `defined in ${unit}` };
    return { location: resolver.external(name), why: 'not exported; another unit defines it' };
  }
}

function undefinedNames({ symbols }: ObjectModel): string[] {
  const found = new Set<string>();
  for (let index = 1; index < symbols.count; index++)
    if (symbols.section[index] === SHN.UNDEF && symbols.name(index) !== '') found.add(symbols.name(index));
  return [...found].sort();
}

/** Static keys of modules on which jumps of the object depend: the kernel would set those up before it knows where the keys are. */
function moduleKeys(model: ObjectModel, symbols: readonly ManifestSymbol[]): string[] {
  const ofModules = new Set(symbols.flatMap(({ name, object }) => (object === 'vmlinux' ? [] : [name])));
  const found = new Set<string>();
  for (const section of model.elf.sections) {
    if (section.name !== '__jump_table') continue;
    for (const { target } of model.references(section))
      if (target.kind === 'external' && ofModules.has(target.name)) found.add(target.name);
  }
  return [...found].sort();
}

/** Names and positions of the replaced functions in the running kernel; of a function with several names one is listed. */
export function positionsOf(
  fates: Fates,
  resolver: Resolver,
  unit: string,
): { known: ReadonlyMap<string, { readonly name: string; readonly sympos: number }>; findings: Finding[] } {
  const known = new Map<string, { name: string; sympos: number }>();
  const findings: Finding[] = [];
  for (const [name, piece] of fates.replaced) {
    if (name !== piece.name) continue;
    const location = resolver.position(piece);
    if (location.kind === 'klp') known.set(name, location);
    else
      findings.push({
        id: 'KLP203',
        severity: 'error',
        what: `${name} cannot be found in the shipped kernel: ${location.kind === 'unresolved' ? location.reason : 'it has no position'}`,
        next: 'check that the source and the kernel are of one version',
        at: { unit, symbol: name },
      });
  }
  return { known, findings };
}
