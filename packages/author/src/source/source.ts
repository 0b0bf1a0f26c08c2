import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { findUnits, type Kernel, parseConfig, type Unit, unitKey } from '@klpkit/kernel';
import { longestObjectName, type Manifest, manifestText } from '@klpkit/livepatch';
import { type KernelContext, readContext } from '../build/context.ts';
import { assessFix, type BuildOptions, type ComparedUnit } from '../build/index.ts';
import { extractUnits } from '../build/parts.ts';
import { isUnchanged } from '../build/unit.ts';
import type { Extraction } from '../extract/index.ts';
import { type PatchText, readFix } from '../fix/index.ts';
import { makeOverlay } from '../overlay/index.ts';
import { kernelNames } from '../symbols/index.ts';
import type { OwnCode } from './agree.ts';
import { mainFile, mainSource } from './main-file.ts';
import { kbuild, makeManifest } from './manifest.ts';
import { prefix } from './naming.ts';
import { loadSyntax } from './syntax.ts';
import { expandUnit, type UnitResult, UnitSource, type UnitWork } from './unit.ts';

/** Options of {@link writeSource}. */
export interface SourceOptions
  extends Pick<
    BuildOptions,
    'name' | 'replace' | 'overrides' | 'units' | 'maxUnits' | 'jobs' | 'onProgress' | 'signal'
  > {
  readonly onStep?: (step: SourceStep) => void;
}

/** What writing says while it runs, one for each step that ended. */
export interface SourceStep {
  readonly step: string;
  /** One sentence without a full stop. */
  readonly what: string;
  /** Wall time in milliseconds. */
  readonly ms: number;
}

/** A livepatch as a folder of C. */
export interface SourceLivepatch {
  readonly outcome: 'written';
  readonly manifest: Manifest;
  /** What is to be written: C files, that with the tables among them, `klpkit.json` and a `Kbuild`, by name. */
  readonly files: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
  readonly steps: readonly SourceStep[];
  /** What the files have of their own, for the comparison of the routes. */
  readonly own: OwnCode;
  /** Lines of code: of the functions that are replaced or that the fix edits, and of all that was written. */
  readonly lines: { readonly patched: number; readonly all: number };
}

/** A fix that changes nothing that this kernel runs. */
export interface NothingToWrite {
  readonly outcome: 'nothing';
  readonly findings: readonly Finding[];
  readonly steps: readonly SourceStep[];
}

/**
 * What only the binary route has to refuse or warn of: static keys of modules (KLP310), which C can read.
 */
const mended: ReadonlySet<string> = new Set(['KLP310']);

/**
 * Writes a livepatch as C that can be read and edited: for each unit that the fix changes a file with the fixed functions and what they
 * need of its own text, and a manifest that says where the kernel's private symbols are.
 *
 * Which functions are replaced is what the comparison of the objects says, as in a build.
 *
 * @throws {Refusal} with every reason at once
 * @throws {UsageError} for a name that no module can have
 */
export async function writeSource(
  kernel: Kernel,
  patches: readonly PatchText[],
  options: SourceOptions,
): Promise<SourceLivepatch | NothingToWrite> {
  if (!/^[A-Za-z0-9_]+$/.test(options.name) || options.name.length > longestObjectName)
    throw new UsageError(
      `${JSON.stringify(options.name)} cannot be the name of a livepatch`,
      `give another with --name: letters, digits and underscores, at most ${longestObjectName}`,
    );
  return inTemporaryFolder('klpkit-write-', async (folder) => {
    const source = new Source(kernel, options, folder);
    try {
      return await source.run(patches);
    } finally {
      await source.end();
    }
  });
}

class Source {
  readonly #kernel: Kernel;
  readonly #options: SourceOptions;
  readonly #folder: string;
  readonly #steps: SourceStep[] = [];
  /** Units that are being preprocessed, by key. */
  readonly #expansions = new Map<string, ReturnType<typeof expandUnit>>();
  #since = performance.now();

  constructor(kernel: Kernel, options: SourceOptions, folder: string) {
    this.#kernel = kernel;
    this.#options = options;
    this.#folder = folder;
  }

  async run(patches: readonly PatchText[]): Promise<SourceLivepatch | NothingToWrite> {
    const { name, replace = true, onStep, ...judging } = this.#options;
    const compared: ComparedUnit[] = [];
    // Loaded while gcc is busy.
    const syntaxLoading = loadSyntax();
    syntaxLoading.catch(() => {});
    const kernel = this.#kernel;
    const config = parseConfig(await readFile(join(kernel.buildDir, '.config'), 'utf8'));
    const fix = await readFix(kernel.sourceDir, patches, {
      ...(judging.overrides ? { overrides: judging.overrides } : {}),
      isOn: (option) => config.has(option),
    });
    const overlay = makeOverlay(
      kernel.sourceDir,
      fix.files.map(({ path, after }) => ({ path, text: after })),
      join(this.#folder, 'source'),
    );
    const expansions = this.#expansions;
    const expandOne = (unit: Unit) => {
      const key = unitKey(unit);
      if (expansions.has(key)) return;
      const expanding = expandUnit(kernel, unit, fix, overlay, judging.signal);
      expanding.catch(() => {});
      expansions.set(key, expanding);
    };
    const [only] = fix.files;
    if (fix.files.length === 1 && only?.path.endsWith('.c')) {
      // A processor that compiling leaves idle preprocesses meanwhile.
      const { units } = await findUnits(kernel, [only.path], { signal: judging.signal });
      if (units.length === 1) expandOne(units[0] as Unit);
    }
    const assessed = await assessFix(kernel, patches, {
      ...judging,
      sourceLines: false,
      onUnit: (unit) => {
        compared.push(unit);
        // Preprocessed while this process compares; further units would keep much in memory for long.
        if (unit.judged && expansions.size === 0) expandOne(unit.unit);
      },
    });
    this.#done('judge', `${compared.length} units compared`);
    const judged = assessed.findings.filter(({ id }) => !mended.has(id));
    if (judged.some(({ severity }) => severity === 'error')) throw new Refusal(judged);
    if (assessed.verdict === 'nothing')
      return { outcome: 'nothing', findings: assessed.findings, steps: this.#steps };

    const context = await readContext(kernel);
    const units = compared.flatMap(({ unit, before, after, judged }) =>
      judged && !isUnchanged(judged) ? [{ unit, before, after, judged }] : [],
    );
    const { extractions } = await extractUnits(context, units);
    const work = units.flatMap((one, index): UnitWork[] => {
      const extraction = extractions[index] as Extraction;
      const gives = extraction.functions.length > 0 || extraction.provides.length > 0;
      return gives ? [{ compared: one, judged: one.judged, extraction }] : [];
    });
    const names = await kernelNames(kernel, objectsOf(work, context));
    const provided = new Set(extractions.flatMap((extraction) => extraction.provides));
    const syntax = await syntaxLoading;
    const results: UnitResult[] = [];
    const taken = new Map<string, string>();
    for (const [number, one] of work.entries()) {
      const writer = new UnitSource(this.#kernel, context, fix, one, {
        overlay,
        expansionOf: (unit) => expansions.get(unitKey(unit)),
        names,
        provided,
        syntax,
        folder: this.#folder,
        madeFor: `made for ${kernel.id} from ${patches.map((patch) => basename(patch.name)).join(', ')}`,
        nameOf: uniqueNames(taken, number),
        signal: judging.signal,
      });
      results.push(await writer.run());
      this.#done('write', `${one.judged.unit.source}: ${writer.compilations} compilations`);
    }
    const findings = [...judged, ...results.flatMap((result) => result.findings)];
    if (
      findings.some(({ severity }) => severity === 'error') &&
      results.some((result) => result.findings.some(({ severity }) => severity === 'error'))
    )
      throw new Refusal(findings);
    const manifest = makeManifest(kernel, { name, replace }, patches, fix, work, results);
    const files = new Map<string, string>();
    manifest.sources.forEach(({ file }, index) => {
      const { written } = results[index] as UnitResult;
      files.set(file, written.text);
      for (const [path, text] of written.headers) files.set(path, text);
    });
    files.set(mainFile, mainSource(manifest));
    files.set('klpkit.json', manifestText(manifest));
    files.set('Kbuild', kbuild(manifest));
    return {
      outcome: 'written',
      manifest,
      files,
      findings,
      steps: this.#steps,
      own: ownOf(results),
      lines: {
        patched: sum(results.map(({ written }) => written.lines.patched)),
        all: sum(results.map(({ written }) => written.lines.all)),
      },
    };
  }

  /** Waits for what works in the folder, which is removed next. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#expansions.values());
  }

  #done(step: string, what: string): void {
    const now = performance.now();
    const entry = { step, what, ms: now - this.#since };
    this.#since = now;
    this.#steps.push(entry);
    this.#options.onStep?.(entry);
  }
}

function ownOf(results: readonly UnitResult[]): OwnCode {
  const all = (key: keyof OwnCode) => [...new Set(results.flatMap(({ own }) => own[key]))].sort();
  return {
    copied: all('copied'),
    fromHeaders: all('fromHeaders'),
    referred: all('referred'),
    reached: all('reached'),
    usedByCopies: all('usedByCopies'),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The objects whose symbols are asked for: those that are patched, and what exports to them. */
function objectsOf(work: readonly UnitWork[], context: KernelContext): Set<string> {
  const objects = new Set(['vmlinux', ...work.map(({ judged }) => judged.unit.owner)]);
  for (const { judged } of work)
    for (const { target } of judged.comparison.after.pieces.flatMap((piece) =>
      judged.comparison.after.referencesOf(piece),
    ))
      if (target.kind === 'external') {
        const owner = context.exports.get(target.name)?.owner;
        if (owner !== undefined && judged.shipped?.depends.has(owner)) objects.add(owner);
      }
  return objects;
}

/** Names of functions: two files may replace static functions of one name. */
function uniqueNames(taken: Map<string, string>, number: number): (name: string) => string {
  return (name) => {
    const own = `${number}:${name}`;
    const plain = `${prefix}${name}`;
    const holder = taken.get(plain);
    if (holder === undefined) taken.set(plain, own);
    return holder === undefined || holder === own ? plain : `${plain}_${number}`;
  };
}
