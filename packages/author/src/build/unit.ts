import {
  type Answer,
  type Comparison,
  compareObjects,
  compareSignatures,
  matchImage,
  matchModule,
  modulePosition,
  type ObjectModel,
  type Position,
  readObjectModel,
  type UnitMatch,
} from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { STB } from '@klpkit/formats';
import type { Unit } from '@klpkit/kernel';
import { type Annotations, readAnnotations, withoutIgnored } from '../annotations/index.ts';
import type { CompiledUnit } from '../compile/index.ts';
import { type Extraction, extract, makeResolver, type Resolver } from '../extract/index.ts';
import { imagePositionByName, type KernelContext, type ShippedModule } from './context.ts';
import { entryProblems } from './entries.ts';

/** A unit whose code or data changes, matched with the shipped kernel and compared. */
export interface JudgedUnit {
  readonly unit: Unit;
  readonly match: UnitMatch;
  /** Without what the author ignores. */
  readonly comparison: Comparison;
  readonly shipped: ShippedModule | undefined;
  /** What the author says in the unit. */
  readonly annotations: Annotations;
  /** Findings of the match, a before object that is not what was shipped, and of annotations. */
  readonly findings: readonly Finding[];
}

/** True when the fix changes nothing in the unit's code or data. */
export function isUnchanged({ comparison, annotations }: JudgedUnit): boolean {
  return (
    annotations.states.length === 0 &&
    annotations.callbacks.length === 0 &&
    annotations.ignored.length === 0 &&
    comparison.functions.every((change) => change.status === 'same') &&
    comparison.data.length === 0 &&
    comparison.findings.length === 0
  );
}

/** Matches a unit's before object with the shipped kernel and compares it with the after object. */
export async function judgeUnit(
  context: KernelContext,
  unit: Unit,
  objects: {
    readonly before: Pick<CompiledUnit, 'bytes' | 'types'>;
    readonly after: Pick<CompiledUnit, 'bytes' | 'types'>;
    /** The before side with the kernel's exact flags, made when functions fail to match. */
    readonly exact: () => Promise<Uint8Array>;
  },
): Promise<JudgedUnit> {
  const before = readObjectModel(objects.before.bytes);
  const shipped = unit.owner === 'vmlinux' ? undefined : await context.module(unit.owner);
  const matchWith = (exact?: ObjectModel) =>
    shipped
      ? matchModule(before, shipped.model, exact ? { exact } : {})
      : matchImage(before, context.image, exact ? { exact } : {});
  let match = matchWith();
  if (match.counts.different > 0) match = matchWith(readObjectModel(await objects.exact()));
  const compared = compareObjects(before, readObjectModel(objects.after.bytes));
  const signatures = signatureFindings(objects.before, objects.after, compared);
  const whole = { ...compared, findings: [...compared.findings, ...signatures] };
  const { annotations, findings } = readAnnotations(unit.source, compared.after);
  return {
    unit,
    match,
    comparison: withoutIgnored(unit.source, whole, annotations),
    shipped,
    annotations,
    findings: [...matchFindings(context, unit, match), ...findings],
  };
}

/** Changed global functions whose types change; none where the compiler writes no types. */
function signatureFindings(
  before: Pick<CompiledUnit, 'types'>,
  after: Pick<CompiledUnit, 'types'>,
  { functions }: Comparison,
): Finding[] {
  if (before.types.length === 0 || after.types.length === 0) return [];
  const names = functions
    .filter((change) => change.status === 'changed' && change.after && change.after.binding !== STB.LOCAL)
    .map((change) => change.name);
  return compareSignatures(before.types, after.types, names);
}

/** How many functions that do not match are named; the rest are counted. */
const namedMismatches = 5;

function matchFindings(context: KernelContext, unit: Unit, match: UnitMatch): Finding[] {
  const different = match.functions.filter((found) => found.verdict === 'different');
  if (different.length === 0) return [];
  const compared = match.functions.length;
  // A wrong flag touches many functions, a wrong source few (10–43 % against single ones).
  const many = different.length * 10 >= compared;
  const next = many
    ? `check that the compiler is ${context.kernel.compilerVersion} and that its flags are the kernel's`
    : 'check that the source is of the very version that the kernel was built from';
  const findings: Finding[] = different.slice(0, namedMismatches).map(({ name, difference }) => ({
    id: 'KLP141',
    severity: 'error',
    what: difference
      ? `${name} is not the code that was shipped: at +0x${difference.offset.toString(16)} ${difference.expected} compiled, ${difference.found} shipped`
      : `${name} is not the code that was shipped`,
    why: 'a livepatch is made from the difference between before and after; when before is not what runs, the difference is wrong',
    next,
    at: { unit: unit.source, symbol: name, ...(difference ? { offset: difference.offset } : {}) },
  }));
  if (different.length > namedMismatches)
    findings.push({
      id: 'KLP141',
      severity: 'error',
      what: `${different.length - namedMismatches} more of the ${compared} functions of ${unit.source} are not the code that was shipped`,
      next,
      at: { unit: unit.source },
    });
  return findings;
}

/**
 * Cuts the unit's part of the livepatch out of its after object.
 *
 * @param provided global names that units of the livepatch add
 * @param wanted global names that its changed functions use
 */
export async function extractUnit(
  context: KernelContext,
  judged: JudgedUnit,
  number: number,
  provided: ReadonlySet<string>,
  wanted: ReadonlySet<string> = new Set(),
): Promise<Extraction> {
  const resolver = await resolverFor(context, judged, provided);
  const { unit, comparison, annotations } = judged;
  return extract({
    unit: unit.source,
    number,
    object: unit.owner,
    comparison,
    resolver,
    wanted,
    callbacks: annotations.callbacks,
  });
}

/**
 * Tells where a livepatch finds what a unit refers to.
 *
 * @param provided global names that units of the livepatch add
 */
export async function resolverFor(
  context: KernelContext,
  { unit, match, comparison, shipped }: JudgedUnit,
  provided: ReadonlySet<string>,
): Promise<Resolver> {
  const others = await exportingModules(context, comparison.after, shipped);
  const known = new Set(externalNames(comparison.before));
  return makeResolver({
    object: unit.owner,
    exports: context.exports,
    depends: shipped?.depends ?? new Set(),
    positionOf: (piece) => match.positionOf(piece),
    inModule: (name) => shipped && modulePositionByName(shipped, name),
    inOther: (owner, name) => {
      const other = others.get(owner);
      const position = other && modulePositionByName(other, name);
      return position ?? { ok: false, reason: `the module ${owner} has no global symbol ${name}` };
    },
    inImage(name) {
      // What the shipped code itself refers to is proof; a name that only the fixed code uses must speak for itself.
      if (!shipped && known.has(name)) {
        const proven = match.externalPosition(name);
        if (proven.ok) return proven;
      }
      return imagePositionByName(context.image, name);
    },
    provided,
    noreturns: context.noreturns,
    ibt: context.ibt,
    entryProblem: entryProblems(context, comparison.before, match, shipped),
  });
}

/** The modules that export what the fixed unit refers to, among those that its own module depends on. */
async function exportingModules(
  context: KernelContext,
  after: ObjectModel,
  shipped: ShippedModule | undefined,
): Promise<Map<string, ShippedModule>> {
  const owners = new Set<string>();
  for (const name of externalNames(after)) {
    const owner = context.exports.get(name)?.owner;
    if (owner !== undefined && shipped?.depends.has(owner)) owners.add(owner);
  }
  const modules = await Promise.all([...owners].sort().map((owner) => context.module(owner)));
  return new Map(modules.map((other) => [other.name, other]));
}

function externalNames(model: ObjectModel): string[] {
  const names: string[] = [];
  for (let index = 1; index < model.symbols.count; index++)
    if (model.symbols.section[index] === 0) names.push(model.symbols.name(index));
  return names;
}

/** Another unit of the module defines the symbol globally; a static one of that name is not meant. */
function modulePositionByName(shipped: ShippedModule, name: string): Answer<Position> | undefined {
  const { symbols } = shipped.model;
  for (const index of globals(shipped.model).get(name) ?? [])
    if (symbols.binding[index] !== STB.LOCAL) return modulePosition(shipped.model, index);
  return undefined;
}

const globalsOf = new WeakMap<ObjectModel, Map<string, number[]>>();

function globals(model: ObjectModel): Map<string, number[]> {
  let known = globalsOf.get(model);
  if (known) return known;
  known = new Map();
  const { symbols } = model;
  for (let index = 1; index < symbols.count; index++) {
    if (symbols.binding[index] === STB.LOCAL || symbols.section[index] === 0) continue;
    const list = known.get(symbols.name(index));
    if (list) list.push(index);
    else known.set(symbols.name(index), [index]);
  }
  globalsOf.set(model, known);
  return known;
}
