import { availableParallelism } from 'node:os';
import {
  type FunctionPlacement,
  hasFtraceEntry,
  type ObjectModel,
  readObjectModel,
  readPlacement,
  sourceName,
  type Witness,
} from '@klpkit/compare';
import { UsageError } from '@klpkit/findings';
import { STB } from '@klpkit/formats';
import { mapParallel } from '@klpkit/host';
import { findUnits, type Kernel, type OnProgress, type Unit, unitsIncluding } from '@klpkit/kernel';
import { assertCompiler, compileUnit } from '../compile/index.ts';
import { type Definitions, findDefinitions, type SourcePlace } from './find.ts';

/** Options of {@link whoInlines}. */
export interface WhoOptions {
  /** Look into this source alone: `fs/namei.c`. Needed for a function of a header, and where several units have one of the name. */
  readonly unit?: string | undefined;
  /** Only what is part of this object is meant: `vmlinux`, or a module's name. */
  readonly owner?: string | undefined;
  /** For a function of a header: compile every unit that includes it. */
  readonly allUnits?: boolean | undefined;
  /** Most units that `allUnits` compiles; default 50. */
  readonly maxUnits?: number | undefined;
  /** Compilers at once; default: the processors. */
  readonly jobs?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A symbol that has code of the function. */
export interface OwnSymbol {
  readonly name: string;
  readonly size: number;
  /** Other units may refer to it by name. */
  readonly isGlobal: boolean;
  /** It has an ftrace entry, so that a livepatch can replace it. */
  readonly isTraceable: boolean;
}

/** What one unit's object says of the function. */
export interface WhoUnit {
  readonly source: string;
  readonly object: string;
  readonly owner: string;
  /** Who was heard. */
  readonly witnesses: readonly Witness[];
  readonly symbols: readonly OwnSymbol[];
  readonly placement: FunctionPlacement;
  /** Out-of-line functions that hold its code, its own among them: those that must change when its source does; sorted. */
  readonly holders: readonly string[];
}

/** The answer of {@link whoInlines}. */
export interface WhoAnswer {
  readonly name: string;
  readonly kernel: string;
  /** Where the source defines it; absent where the debug information of no object tells. */
  readonly defined?: SourcePlace;
  readonly isInline: boolean;
  /** Units whose object knows the function. */
  readonly units: readonly WhoUnit[];
  /** How many units were compiled. */
  readonly compiled: number;
  /** Units that could not be compiled. */
  readonly failed: readonly string[];
}

/** More definitions than this in different sources are listed, not tried. */
const mostTried = 4;

/**
 * Where the compiler put a function: which functions hold a copy of it, by what chain, how it was cloned, split and folded, and who
 * calls it out of line; from the object, its debug information and gcc's dump together. The units are compiled (or come from the cache)
 * as the kernel's were.
 *
 * @throws {UsageError} when the name is no function of this kernel's source, or the question must be narrowed
 */
export async function whoInlines(
  kernel: Kernel,
  asked: string,
  options: WhoOptions = {},
): Promise<WhoAnswer> {
  const name = sourceName(asked);
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new UsageError(
      `${asked} is no name of a C function`,
      'klpkit who inlines path_openat --unit fs/namei.c',
    );
  await assertCompiler(kernel);
  const units = await chooseUnits(kernel, name, options);
  const { jobs = availableParallelism(), onProgress, signal } = options;
  let done = 0;
  const results = await mapParallel(
    units.units,
    jobs,
    async (unit, _, inner) => {
      // Read at once: objects with debug information are large, and only little of each is asked for.
      const found = await askUnit(kernel, unit, name, inner);
      onProgress?.({ label: 'compile', done: ++done, total: units.units.length, unit: 'units' });
      return found;
    },
    signal,
  );
  const known = results.flatMap((result) =>
    typeof result === 'object' && (options.owner ?? result.owner) === result.owner ? [result] : [],
  );
  const failed = units.units.filter((_, at) => results[at] === 'failed').map(({ source }) => source);
  const sources = [...new Set(known.map(({ source }) => source))];
  if (units.isOne && sources.length > 1)
    throw new UsageError(
      `several units define ${name}: ${sources.join(', ')}`,
      `name one: klpkit who inlines ${name} --unit ${sources[0]}`,
    );
  if (known.length === 0 && !options.allUnits)
    throw new UsageError(
      failed.length > 0
        ? `${failed.join(', ')} does not compile with the kernel's own flags`
        : `the object of ${[...new Set(units.units.map(({ source }) => source))].join(', ')} knows no function ${name}: this configuration leaves it out, or the unit does not use it`,
      options.unit
        ? 'name another source with --unit, or leave it out'
        : 'name a source that uses it with --unit FILE.c',
    );
  const declared = known.map(({ placement }) => placement.declared).find((place) => place !== undefined);
  const place = declared ? { file: declared.file, line: declared.line } : units.defined;
  return {
    name,
    kernel: kernel.id,
    ...(place ? { defined: place } : {}),
    isInline: known.some(({ placement }) => placement.declared?.isInline === true),
    units: known,
    compiled: units.units.length - failed.length,
    failed,
  };
}

interface ChosenUnits {
  readonly units: readonly Unit[];
  /** Units of one source are meant; which, the objects tell. */
  readonly isOne: boolean;
  readonly defined?: SourcePlace;
}

async function chooseUnits(kernel: Kernel, name: string, options: WhoOptions): Promise<ChosenUnits> {
  const { onProgress, signal } = options;
  if (options.unit !== undefined) {
    const { units, missing } = await findUnits(kernel, [options.unit], { onProgress, signal });
    const [first] = missing;
    if (first && units.length === 0)
      throw new UsageError(`${first.source} is not built into this kernel: ${first.reason}`);
    return { units, isOne: false };
  }
  onProgress?.({ label: `look for ${name} in the source` });
  const definitions = await findDefinitions(kernel, name, signal);
  const sources = [...new Set(definitions.sources.map(({ file }) => file))];
  if (sources.length === 0) return headerUnits(kernel, name, definitions, options);
  const { units, missing } = await findUnits(kernel, sources, { onProgress, signal });
  const built = [...new Set(units.map(({ source }) => source))];
  if (units.length === 0) {
    if (definitions.headers.length > 0) return headerUnits(kernel, name, definitions, options);
    const [first] = missing;
    throw new UsageError(
      `${name} is defined in ${sources.slice(0, 3).join(', ')}, which ${kernel.id} does not build: ${first?.reason}`,
    );
  }
  if (built.length > mostTried)
    throw new UsageError(
      `the text of ${built.length} units defines ${name}: ${built.slice(0, 12).join(', ')}${built.length > 12 ? ', …' : ''}`,
      `name one: klpkit who inlines ${name} --unit ${built[0]}`,
    );
  return { units, isOne: true, ...firstOf(definitions.sources) };
}

function firstOf(places: readonly SourcePlace[]): { defined?: SourcePlace } {
  return places[0] ? { defined: places[0] } : {};
}

/** Copies of a header's function are in every unit that includes it: one must be named, or all are wanted. */
async function headerUnits(
  kernel: Kernel,
  name: string,
  { headers }: Definitions,
  { allUnits, maxUnits = 50, onProgress, signal }: WhoOptions,
): Promise<ChosenUnits> {
  const paths = [...new Set(headers.map(({ file }) => file))];
  const { sources, count, units, isTooMany } = await unitsIncluding(kernel, paths, {
    most: maxUnits,
    onProgress,
    signal,
  });
  const many = count > 0 ? `${count} units of this kernel` : `${sources} sources`;
  const where = headers.map(({ file, line }) => `${file}:${line}`).join(', ');
  if (!allUnits)
    throw new UsageError(
      `${name} is defined in a header (${where}), which ${many} may include: each has its own copies`,
      `look into one with --unit FILE.c, or into all with --all-units --max-units ${count || sources}`,
    );
  if (isTooMany)
    throw new UsageError(
      `${many} may include ${paths.join(', ')}, more than ${maxUnits}`,
      `raise the limit with --max-units ${count || sources}: about half a CPU second for each`,
    );
  return { units, isOne: false, ...firstOf(headers) };
}

/** What the unit's object says; `unknown` when it has no such function. */
async function askUnit(
  kernel: Kernel,
  unit: Unit,
  name: string,
  signal: AbortSignal,
): Promise<WhoUnit | 'unknown' | 'failed'> {
  const compiled = await compileUnit(kernel, { unit, side: 'before', debug: true }, signal);
  if (!('bytes' in compiled)) return 'failed';
  const model = readObjectModel(compiled.debug ?? compiled.bytes);
  const { witnesses, functions } = readPlacement(model, { ipaClones: compiled.ipaClones });
  const placement = functions.get(name);
  if (!placement) return 'unknown';
  const { source, object, owner } = unit;
  const holders = [
    ...new Set([
      ...(placement.symbols.length > 0 ? [name] : []),
      ...placement.inlined.map(({ into }) => into),
    ]),
  ].sort();
  const { declared, ...rest } = placement;
  return {
    source,
    object,
    owner,
    witnesses,
    symbols: symbolsOf(model, placement),
    placement: {
      ...rest,
      ...(declared ? { declared: { ...declared, file: relative(kernel, declared.file) } } : {}),
    },
    holders,
  };
}

function symbolsOf(model: ObjectModel, { symbols }: FunctionPlacement): OwnSymbol[] {
  return symbols.flatMap((name) =>
    model
      .named(name)
      .filter(({ kind }) => kind === 'function')
      .map((piece) => ({
        name,
        size: piece.size,
        isGlobal: piece.binding !== STB.LOCAL,
        isTraceable: hasFtraceEntry(model, piece),
      })),
  );
}

/** Paths of debug information are relative to the build folder, or stand in it though they are files of the tree. */
function relative(kernel: Kernel, file: string): string {
  const base = [kernel.buildDir, kernel.sourceDir].find((folder) => file.startsWith(`${folder}/`));
  return base === undefined ? file : file.slice(base.length + 1);
}
