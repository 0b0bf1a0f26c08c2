import {
  compareTypes,
  type EnumChange,
  enumFinding,
  type LayoutChange,
  layoutFinding,
  nameOfType,
} from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { readBtf } from '@klpkit/formats';
import type { Kernel, KernelImage, Unit } from '@klpkit/kernel';
import type { CompiledUnit } from '../compile/index.ts';
import type { Fix } from '../fix/index.ts';
import type { Overlay } from '../overlay/index.ts';
import { crcFindings } from './crc.ts';
import { enumInWords, type ObjectTypes, shippedInWords, shippedType, typesOfKernel } from './kernel-types.ts';
import { macroFindings } from './macros.ts';
import { livesOnStackOnly } from './private.ts';
import { sourcesNaming } from './scan.ts';
import { mayDeclareOtherwise } from './text.ts';
import { usersInWords } from './words.ts';

/** What {@link typeFindings} looks at. */
export interface TypeRequest {
  readonly kernel: Kernel;
  /** Asked for only when a type changes. */
  readonly image: () => Promise<Pick<KernelImage, 'btf'>>;
  readonly fix: Fix;
  readonly sides: readonly {
    readonly unit: Unit;
    readonly before: CompiledUnit;
    readonly after: CompiledUnit;
  }[];
  readonly overlay: Overlay;
  /** The author named the units, so others that include a changed header keep it as it was. */
  readonly isRestricted: boolean;
  readonly jobs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A changed type with the first unit that shows it. */
interface Seen<Change> {
  readonly change: Change;
  readonly unit: Unit;
  readonly before: Uint8Array;
}

/**
 * What a fix changes in types and constants that more than its own functions know: layouts (KLP502), enumerators and macros
 * (KLP504), checksums and prototypes of exports (KLP505). Each is held against the shipped kernel's own types, and says who else
 * relies on it. A type that many units see is told once.
 */
export async function typeFindings(request: TypeRequest): Promise<Finding[]> {
  const { kernel, fix, sides, signal } = request;
  const layouts = new Map<string, Seen<LayoutChange>>();
  const enums = new Map<string, Seen<EnumChange>>();
  for (const { unit, before, after } of sides) {
    if (after.isBefore) continue;
    const changes = compareTypes(before.types, after.types);
    const seen = { unit, before: before.types };
    for (const change of changes.layouts) {
      const key = `${nameOfType(change)} ${change.difference}`;
      const known = layouts.get(key);
      // Of several units, the one that knows most of what holds it tells most.
      if (!known || known.change.holders.length < change.holders.length)
        layouts.set(key, { change, ...seen });
    }
    for (const change of changes.enums) {
      const key = JSON.stringify([change.name, change.changed, change.sizes]);
      if (!enums.has(key)) enums.set(key, { change, ...seen });
    }
  }
  const compiled = new Set(sides.map(({ unit }) => unit.source));
  const found = [
    ...(await changedTypes(request, [...layouts.values()], [...enums.values()])),
    ...(await macroFindings(kernel, fix.files, compiled, request.isRestricted, signal)),
  ];
  const names = new Set([
    ...[...layouts.values()].flatMap(({ change }) => [nameOfType(change), ...change.holders]),
    ...[...enums.values()].flatMap(({ change }) => [
      `enum ${change.name}`,
      ...change.changed.map(({ name }) => name),
    ]),
  ]);
  return [...found, ...(await exportFindings(request, names))];
}

async function changedTypes(
  request: TypeRequest,
  layouts: readonly Seen<LayoutChange>[],
  enums: readonly Seen<EnumChange>[],
): Promise<Finding[]> {
  if (layouts.length === 0 && enums.length === 0) return [];
  const { kernel, fix, signal } = request;
  const words = [
    ...layouts.map(({ change }) => nameOfType(change)),
    ...enums.flatMap(({ change }) => change.changed.slice(0, 4).map(({ name }) => name)),
  ];
  const naming = await sourcesNaming(kernel, words, signal);
  const touched = new Set(fix.files.map((file) => file.path));
  const othersOf = (names: readonly string[]) =>
    [...new Set(names.flatMap((name) => naming.get(name)?.files ?? []))]
      .filter((file) => !touched.has(file))
      .sort();
  const sources = [...new Set(words.flatMap((word) => othersOf([word])))].sort();
  const objects = [...layouts, ...enums].map(({ unit }) => unit.owner);
  const types = await typesOfKernel(kernel, await request.image(), objects, sources, signal);
  return [
    ...layouts.map((seen) => changedLayout(request, seen, types, othersOf([nameOfType(seen.change)]))),
    ...enums.map((seen) =>
      changedEnum(request, seen, types, othersOf(seen.change.changed.map(({ name }) => name))),
    ),
  ];
}

function changedLayout(
  { fix }: TypeRequest,
  { change, unit, before }: Seen<LayoutChange>,
  types: readonly ObjectTypes[],
  others: readonly string[],
): Finding {
  const btf = readBtf(before);
  const shipped = shippedType(types, change, btf);
  const evidence = [shippedInWords(types, shipped, change), "text of the kernel's source"];
  const source = fix.files.find((file) => file.path === unit.source);
  // Elsewhere another type may have the name; this one is the unit's own when only its source defines and names it.
  const isOwn = others.length === 0 && source?.before !== undefined && source.after !== undefined;
  const assumed = isOwn
    ? livesOnStackOnly(change, btf, source.before ?? '') && livesOnStackOnly(change, btf, source.after ?? '')
    : undefined;
  return layoutFinding(change, {
    users: usersInWords(shipped.users, others),
    evidence,
    ...definedIn(
      fix,
      change.kind === 'typedef' ? `\\}\\s*${change.name}\\s*;` : `\\b${change.kind}\\s+${change.name}\\s*\\{`,
    ),
    ...(assumed === undefined ? {} : { assumed }),
  });
}

function changedEnum(
  { fix }: TypeRequest,
  { change }: Seen<EnumChange>,
  types: readonly ObjectTypes[],
  others: readonly string[],
): Finding {
  const [first] = change.changed;
  const evidence = enumInWords(types, change);
  return enumFinding(change, {
    users: usersInWords(undefined, others),
    evidence: [...evidence, "text of the kernel's source"],
    ...(first ? definedIn(fix, `\\b${first.name}\\s*[,=}]`) : {}),
  });
}

/** The file of the fix whose text has a definition. */
function definedIn(fix: Fix, pattern: string): { readonly file?: string } {
  const found = fix.files.find(({ after }) => after !== undefined && new RegExp(pattern).test(after));
  return found ? { file: found.path } : {};
}

/** Checksums of exports are made of declarations, so a fix within functions cannot change them. */
async function exportFindings(request: TypeRequest, names: ReadonlySet<string>): Promise<Finding[]> {
  const { kernel, fix, sides, overlay, jobs, signal } = request;
  const declaring = fix.files
    .filter(({ kind }) => kind === 'source' || kind === 'header')
    .filter(({ before, after }) => mayDeclareOtherwise(before, after))
    .map(({ path }) => path);
  if (declaring.length === 0) return [];
  const units = sides
    .filter(({ after }) => !after.isBefore)
    .filter(({ unit, after }) =>
      declaring.some((path) => path === unit.source || after.dependencies.includes(path)),
    )
    .map(({ unit, after }) => ({ unit, bytes: after.bytes }));
  return crcFindings(kernel, units, overlay, names, { jobs, signal });
}
