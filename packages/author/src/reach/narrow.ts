import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { contentKey, mapParallel, run, sha256Hex, writeFileAtomic } from '@klpkit/host';
import { compileEnvironment, type Kernel, type OnProgress, type Unit, unitKey } from '@klpkit/kernel';
import { argumentsFor } from '../compile/argv.ts';
import { missedIn, type Overlay } from '../overlay/index.ts';
import { filesOf, meaningOf } from './meaning.ts';

/** Options of {@link narrowUnits}. */
export interface NarrowOptions {
  /** Preprocessors at once. */
  readonly jobs: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the preprocessed text of a unit says, before the fix. */
interface UnitText {
  /** Files of the tree that it is made of, relative to it. */
  readonly files: readonly string[];
  /** A hash of what of it can become code. */
  readonly meaning: string;
}

/** The units whose code a fix can change, and what it took to find them. */
export interface NarrowedUnits {
  readonly units: readonly Unit[];
  /** Units that do not read a changed file at all. */
  readonly unread: number;
  /** Units that read one, and of whose text nothing that can become code differs. */
  readonly untouched: number;
  /** Mean wall time of preprocessing and reading one unit on one side, in seconds; absent when all was known. */
  readonly secondsPerText?: number;
}

/** Version of what is kept for each unit. */
const layout = 'reach-1';

/** Units that are looked at before the rest is estimated. */
const firstOnes = 8;

/**
 * Of the units that may include a changed header, those whose code can change by it: units that read a changed file, and whose
 * preprocessed text differs in something that can become code. A superset of the units whose code changes, for about a fifth of the
 * time that compiling them would take.
 */
export async function narrowUnits(
  kernel: Kernel,
  units: readonly Unit[],
  overlay: Overlay,
  { jobs, onProgress, signal }: NarrowOptions,
): Promise<NarrowedUnits> {
  const names = new Set(
    [...overlay.files.keys()].filter((path) => !existsSync(join(kernel.sourceDir, path))).map(lastPart),
  );
  const timer = { texts: 0, ms: 0 };
  const begin = performance.now();
  let done = 0;
  const verdicts = await mapParallel(
    units,
    jobs,
    async (unit, _, inner) => {
      const verdict = await judge(kernel, unit, overlay, names, timer, inner);
      done++;
      const left = ((performance.now() - begin) / done) * (units.length - done);
      const estimate =
        done >= firstOnes && units.length > 4 * firstOnes ? `, about ${Math.ceil(left / 1000)} s left` : '';
      onProgress?.({
        label: `see which units the header concerns${estimate}`,
        done,
        total: units.length,
        unit: 'units',
      });
      return verdict;
    },
    signal,
  );
  const count = (verdict: Verdict) => verdicts.filter((each) => each === verdict).length;
  return {
    units: units.filter((_, index) => verdicts[index] === 'touched'),
    unread: count('unread'),
    untouched: count('untouched'),
    ...(timer.texts > 0 ? { secondsPerText: timer.ms / timer.texts / 1000 } : {}),
  };
}

type Verdict = 'unread' | 'untouched' | 'touched';

async function judge(
  kernel: Kernel,
  unit: Unit,
  overlay: Overlay,
  newNames: ReadonlySet<string>,
  timer: { texts: number; ms: number },
  signal: AbortSignal,
): Promise<Verdict> {
  if (overlay.files.has(unit.source)) return 'touched';
  const before = await textBefore(kernel, unit, timer, signal);
  // Whatever is wrong with a unit, compiling it says so.
  if (!before) return 'touched';
  // A new file may be found before the one of the same name that was meant so far.
  const reads = before.files.some((path) => overlay.files.has(path) || newNames.has(lastPart(path)));
  if (!reads) return 'unread';
  const after = await preprocess(kernel, unit, overlay, timer, signal);
  if (!after || missedIn(overlay, filesOf(after.text), after.cwd)) return 'touched';
  return hashOf(after.text) === before.meaning ? 'untouched' : 'touched';
}

/** What the unit's text says before the fix; kept in the kernel's folder where its files do not change. */
async function textBefore(
  kernel: Kernel,
  unit: Unit,
  timer: { texts: number; ms: number },
  signal: AbortSignal,
): Promise<UnitText | undefined> {
  const key = contentKey(unitKey(unit), unit.source, ...unit.argv);
  const path = join(kernel.dir, layout, key.slice(0, 2), `${key.slice(2, 34)}.json`);
  const isFixed = kernel.sourceVersion !== undefined;
  if (isFixed) {
    const known = await readFile(path, 'utf8').catch(() => undefined);
    if (known !== undefined) return JSON.parse(known) as UnitText;
  }
  const printed = await preprocess(kernel, unit, undefined, timer, signal);
  if (!printed) return undefined;
  const files = filesOf(printed.text)
    .map((file) => normalize(isAbsolute(file) ? file : join(printed.cwd, file)))
    .filter((file) => file.startsWith(`${kernel.sourceDir}/`))
    .map((file) => file.slice(kernel.sourceDir.length + 1));
  const text: UnitText = { files: [...new Set(files)].sort(), meaning: hashOf(printed.text) };
  if (isFixed) await writeFileAtomic(path, JSON.stringify(text));
  return text;
}

function hashOf(text: string): string {
  return sha256Hex(meaningOf(text).join('\n'));
}

/** The preprocessed text of one side, or undefined when the preprocessor fails. */
async function preprocess(
  kernel: Kernel,
  unit: Unit,
  overlay: Overlay | undefined,
  timer: { texts: number; ms: number },
  signal: AbortSignal,
): Promise<{ text: string; cwd: string } | undefined> {
  const root = overlay?.folder ?? kernel.sourceDir;
  const side = overlay ? ('after' as const) : ('before' as const);
  const argv = argumentsFor(unit, { side }, kernel.sourceDir, root, kernel.compilerVersion);
  const source = [root, kernel.buildDir]
    .map((base) => join(base, unit.source))
    .find((path) => existsSync(path));
  if (source === undefined) return undefined;
  const cwd = kernel.buildDir === kernel.sourceDir ? root : kernel.buildDir;
  const env = await compileEnvironment(kernel);
  const begin = performance.now();
  const { code, stdout } = await run([...argv, '-w', '-E', source], { cwd, env, check: false, signal });
  timer.texts++;
  timer.ms += performance.now() - begin;
  return code === 0 ? { text: stdout, cwd } : undefined;
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
