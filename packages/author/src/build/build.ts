import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Comparison } from '@klpkit/compare';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { type Kernel, type OnProgress, parseConfig, type Unit, unitKey } from '@klpkit/kernel';
import { type LivepatchPlan, longestObjectName, type PlannedFunction } from '@klpkit/livepatch';
import { assessUnit, type Unchecked, worstFirst } from '@klpkit/pitfalls';
import { assertCompiler, type CompiledUnit, compileAll, compileUnit } from '../compile/index.ts';
import type { Extraction } from '../extract/index.ts';
import { finishModule } from '../finish/index.ts';
import { type Fix, type PatchText, readFix } from '../fix/index.ts';
import { editsOfFix, kernelEvidence, unitEvidence } from '../judge/index.ts';
import { derivedFindings, makeOverlay, type Overlay } from '../overlay/index.ts';
import type { FunctionDetails, Report } from '../report/index.ts';
import { typeFindings } from '../types/index.ts';
import { type AssessedFix, verdictOf } from './assess.ts';
import { type KernelContext, readContext } from './context.ts';
import { type CompiledText, compiledText } from './lines.ts';
import { checkOverrides, isOverridable, type Overrides, withOverrides } from './overrides.ts';
import { reportBuild } from './report.ts';
import { extractUnit, isUnchanged, type JudgedUnit, judgeUnit } from './unit.ts';
import { reachedUnits } from './units.ts';

/** What a build says while it runs, one for each step that ended. */
export interface BuildStep {
  readonly step: 'read' | 'units' | 'compile' | 'match' | 'compare' | 'extract' | 'finish' | 'report';
  /** One sentence without a full stop. */
  readonly what: string;
  /** Wall time in milliseconds. */
  readonly ms: number;
}

/** Options of {@link buildLivepatch}. */
export interface BuildOptions {
  /** The module's name, with underscores: `livepatch_namei`. */
  readonly name: string;
  /** Atomic replace; default true. */
  readonly replace?: boolean;
  readonly overrides?: Overrides;
  /** Sources that the livepatch is restricted to; absent: all that the fix reaches. */
  readonly units?: readonly string[];
  /** Most units that a changed header may reach; default 64. */
  readonly maxUnits?: number;
  /** Source lines in the report, for which changed units are compiled with debug information; default true. */
  readonly sourceLines?: boolean;
  /** Compilers at once; default 2. */
  readonly jobs?: number;
  readonly onProgress?: OnProgress | undefined;
  readonly onStep?: (step: BuildStep) => void;
  /** Called with each unit that was compiled on both sides, before anything is refused. */
  readonly onUnit?: (unit: ComparedUnit) => void;
  readonly signal?: AbortSignal | undefined;
}

/** One unit's two objects, and what became of the comparison. */
export interface ComparedUnit {
  readonly unit: Unit;
  readonly before: CompiledUnit;
  readonly after: CompiledUnit;
  /** Absent when both sides are the same bytes, which are neither matched nor compared. */
  readonly judged?: JudgedUnit;
}

/** A livepatch that was built. */
export interface BuiltLivepatch {
  readonly outcome: 'built';
  readonly plan: LivepatchPlan;
  readonly ko: Uint8Array;
  readonly report: Report;
  /** Code side by side, for the report's page. */
  readonly details: readonly FunctionDetails[];
  readonly findings: readonly Finding[];
  readonly steps: readonly BuildStep[];
}

/** A fix that changes nothing that this kernel runs. */
export interface NothingToBuild {
  readonly outcome: 'nothing';
  readonly findings: readonly Finding[];
  readonly steps: readonly BuildStep[];
}

const defaultMaxUnits = 64;

/**
 * Builds a livepatch from a fix by the binary route: compile both sides, match before with what was shipped, compare, extract,
 * and let the kernel's own tools finish the module.
 *
 * @throws {Refusal} with every reason at once
 * @throws {UsageError} for overrides that cannot be
 * @throws {MissingTool} when a program is not installed
 */
export async function buildLivepatch(
  kernel: Kernel,
  patches: readonly PatchText[],
  options: BuildOptions,
): Promise<BuiltLivepatch | NothingToBuild> {
  checkOverrides(options.overrides ?? new Map());
  // Before minutes of compiling rather than after.
  if (
    !/^[A-Za-z0-9_]+$/.test(options.name) ||
    options.name.length > longestObjectName ||
    options.name === 'vmlinux'
  )
    throw new UsageError(
      `${JSON.stringify(options.name)} cannot be the name of a livepatch`,
      `give another with --name: letters, digits and underscores, at most ${longestObjectName}`,
    );
  return inTemporaryFolder('klpkit-build-', (folder) => new Build(kernel, options, folder).run(patches));
}

/**
 * Judges a fix as {@link buildLivepatch} does, without making the module: can it be livepatched, what must be patched with it, what
 * must the author decide. What stands in the way is part of the answer and is not thrown.
 *
 * @throws {UsageError} for overrides that cannot be
 * @throws {MissingTool} when a program is not installed
 */
export async function assessFix(
  kernel: Kernel,
  patches: readonly PatchText[],
  options: Omit<BuildOptions, 'name' | 'replace'> = {},
): Promise<AssessedFix> {
  checkOverrides(options.overrides ?? new Map());
  return inTemporaryFolder('klpkit-assess-', (folder) =>
    new Build(kernel, { ...options, name: 'livepatch_assessed' }, folder).assess(patches),
  );
}

interface BuiltUnit {
  readonly judged: JudgedUnit;
  readonly before: CompiledUnit;
  readonly after: CompiledUnit;
}

/** A fix whose units are compiled, matched, compared, extracted and weighed. */
interface JudgedFix {
  readonly fix: Fix;
  /** Every unit that the fix reaches. */
  readonly reached: readonly Unit[];
  /** Those whose code or data changes. */
  readonly units: readonly BuiltUnit[];
  /** One for each of `units`. */
  readonly extractions: readonly Extraction[];
  readonly plan: LivepatchPlan;
  readonly unchecked: readonly Unchecked[];
}

/** Units compiled once more with debug information, and the views of the tree that they were compiled from. */
interface Twins {
  readonly compiled: readonly CompiledUnit[];
  readonly overlays: readonly string[];
}

class Build {
  readonly #kernel: Kernel;
  readonly #options: BuildOptions;
  readonly #overrides: Overrides;
  readonly #folder: string;
  readonly #steps: BuildStep[] = [];
  readonly #findings: Finding[] = [];
  #since = performance.now();

  constructor(kernel: Kernel, options: BuildOptions, folder: string) {
    this.#kernel = kernel;
    this.#options = options;
    this.#overrides = options.overrides ?? new Map();
    this.#folder = folder;
  }

  async run(patches: readonly PatchText[]): Promise<BuiltLivepatch | NothingToBuild> {
    const judged = await this.#judgeFix(patches);
    const { fix, reached, units, extractions, plan } = judged;
    this.#refuseErrors();
    if (plan.objects.length === 0) return this.#nothing(reached, units);

    // The module is finished by one program after another; what the report needs is compiled beside that.
    const [finishing, twinning] = await Promise.allSettled([
      finishModule(this.#kernel, {
        plan,
        objects: extractions.flatMap((extraction) => (extraction.bytes ? [extraction.bytes] : [])),
        placeholders: uniquePlaceholders(extractions),
        signal: this.#options.signal,
      }),
      this.#twins(fix, units),
    ]);
    if (finishing.status === 'rejected') throw finishing.reason;
    if (twinning.status === 'rejected') throw twinning.reason;
    const finished = finishing.value;
    this.#findings.push(...finished.findings);
    const spent = finished.commands.map((command) => `${command.step} ${Math.round(command.ms)} ms`);
    this.#done('finish', `${finished.ko.length} bytes (${spent.join(', ')})`);
    this.#refuseErrors();
    const { report, details } = this.#report(judged, twinning.value, finished.ko);
    return {
      outcome: 'built',
      plan,
      ko: finished.ko,
      report,
      details,
      findings: withOverrides(this.#findings, this.#overrides),
      steps: this.#steps,
    };
  }

  /** Everything but the module; nothing is refused, all that was found is said. */
  async assess(patches: readonly PatchText[]): Promise<AssessedFix> {
    let judged: JudgedFix;
    try {
      judged = await this.#judgeFix(patches);
    } catch (error) {
      // A step that cannot go on says everything that it knows.
      if (!(error instanceof Refusal)) throw error;
      const findings = withOverrides(error.findings, this.#overrides);
      return {
        verdict: 'refused',
        findings: worstFirst(findings),
        unchecked: [],
        report: undefined,
        steps: this.#steps,
      };
    }
    const isNothing = judged.units.length === 0 || judged.plan.objects.length === 0;
    const findings = isNothing
      ? this.#nothing(judged.reached, judged.units).findings
      : withOverrides(this.#findings, this.#overrides);
    const report = isNothing
      ? undefined
      : this.#report(judged, await this.#twins(judged.fix, judged.units)).report;
    return {
      verdict: verdictOf(findings, isNothing),
      findings: worstFirst(findings),
      unchecked: judged.unchecked,
      report,
      steps: this.#steps,
    };
  }

  /** From the patches to what each unit gives to the livepatch, judged. */
  async #judgeFix(patches: readonly PatchText[]): Promise<JudgedFix> {
    const kernel = this.#kernel;
    const config = parseConfig(await readFile(join(kernel.buildDir, '.config'), 'utf8'));
    const [fix] = await Promise.all([
      readFix(kernel.sourceDir, patches, {
        overrides: this.#overrides,
        isOn: (option) => config.has(option),
      }),
      assertCompiler(kernel),
    ]);
    this.#findings.push(...fix.findings);
    this.#done(
      'read',
      `${plural(fix.files.length, 'file')} changed by ${plural(patches.length, 'patch', 'patches')}`,
    );

    const reached = await reachedUnits(kernel, fix, {
      only: this.#options.units ?? [],
      most: this.#options.maxUnits ?? defaultMaxUnits,
      overrides: this.#overrides,
      onProgress: this.#options.onProgress,
      signal: this.#options.signal,
    });
    this.#findings.push(...reached.findings);
    this.#done(
      'units',
      `${plural(reached.units.length, 'unit')}: ${listed(reached.units.map((unit) => unit.source))}`,
    );

    // The kernel's symbols are read while gcc is busy.
    const context = readContext(kernel);
    context.catch(() => {});
    const text = compiledText(kernel, fix, reached.units, this.#options.sourceLines !== false);
    const overlay = makeOverlay(kernel.sourceDir, text.files, join(this.#folder, 'source'));
    const sides = await this.#compile(reached.units, overlay, text);
    this.#findings.push(...(await derivedFindings(kernel, overlay, this.#options.signal)));
    // Other programs do most of it, while this one compares.
    const types = typeFindings({
      kernel,
      image: async () => (await context).image,
      fix,
      sides,
      overlay,
      isRestricted: (this.#options.units ?? []).length > 0,
      jobs: this.#options.jobs ?? 2,
      signal: this.#options.signal,
    });
    types.catch(() => {});
    const units = await this.#judge(await context, sides);
    this.#findings.push(...(await types));
    const extractions = units.length === 0 ? [] : await this.#extract(await context, units);
    const unchecked = units.length === 0 ? [] : await this.#weigh(fix, units, extractions);
    return {
      fix,
      reached: reached.units,
      units,
      extractions,
      plan: this.#plan(units, extractions),
      unchecked,
    };
  }

  /** Runs the pitfalls' rules over each unit; what the steps found themselves is there already. */
  async #weigh(
    fix: Fix,
    units: readonly BuiltUnit[],
    extractions: readonly Extraction[],
  ): Promise<Unchecked[]> {
    const owners = [...new Set(units.map(({ judged }) => judged.unit.owner))];
    const { evidence } = await kernelEvidence(this.#kernel, owners);
    const edits = editsOfFix(fix.files);
    const unchecked = new Map<string, Unchecked>();
    for (const [index, { judged, before, after }] of units.entries()) {
      const own = [...judged.findings, ...(extractions[index]?.findings ?? [])];
      const weighed = assessUnit(
        unitEvidence(judged, { before, after, edits, kernel: evidence, found: own }),
      );
      const known = new Set(own);
      this.#findings.push(...weighed.findings.filter((finding) => !known.has(finding)));
      for (const one of weighed.unchecked) unchecked.set(one.id, one);
    }
    return [...unchecked.values()];
  }

  #done(step: BuildStep['step'], what: string): void {
    const now = performance.now();
    const entry: BuildStep = { step, what, ms: now - this.#since };
    this.#since = now;
    this.#steps.push(entry);
    this.#options.onStep?.(entry);
  }

  /** Everything that is known to be wrong, at once. */
  #refuseErrors(): void {
    const findings = withOverrides(this.#findings, this.#overrides);
    if (findings.some((finding) => finding.severity === 'error')) throw new Refusal(findings);
  }

  #nothing(units: readonly Unit[], differing: readonly BuiltUnit[]): NothingToBuild {
    const findings = withOverrides(this.#findings, this.#overrides);
    const changes = differing.flatMap(({ judged }) => judged.comparison.functions);
    const named = (status: string) =>
      listed([...new Set(changes.flatMap((change) => (change.status === status ? [change.name] : [])))]);
    const parts = [
      ...(named('new') ? [`it adds ${named('new')}, which nothing calls`] : []),
      ...(named('removed') ? [`it removes ${named('removed')}`] : []),
    ];
    // A source can be part of two modules.
    const sources = listed([...new Set(units.map((unit) => unit.source))]);
    findings.push(
      parts.length > 0
        ? {
            id: 'nothing-changed',
            severity: 'note',
            what: `the fix changes no function that runs in ${sources}: ${parts.join('; ')}`,
            next: 'give the patches that make use of it as well',
          }
        : {
            id: 'nothing-changed',
            severity: 'note',
            what: `the fix changes no code or data of ${sources}`,
            why: 'with line numbers kept, the compiler makes the same of both sides',
            next: 'check whether the change is behind an option that is off in this kernel',
          },
    );
    return { outcome: 'nothing', findings, steps: this.#steps };
  }

  async #compile(
    units: readonly Unit[],
    overlay: Overlay,
    text: CompiledText,
  ): Promise<{ unit: Unit; before: CompiledUnit; after: CompiledUnit }[]> {
    const jobs = this.#options.jobs ?? 2;
    const compilations = units.flatMap((unit) => [
      { unit, side: 'before' as const, debug: text.debugOf(unit).before },
      { unit, side: 'after' as const, overlay, debug: text.debugOf(unit).after },
    ]);
    const { compiled, failed } = await compileAll(this.#kernel, compilations, {
      jobs,
      onProgress: this.#options.onProgress,
      signal: this.#options.signal,
    });
    if (failed.length > 0) throw new Refusal([...this.#findings, ...failed.map((entry) => entry.finding)]);
    const cpu = compiled.reduce((sum, entry) => sum + entry.ms, 0);
    const cached = compiled.filter((entry) => entry.cached).length;
    this.#done(
      'compile',
      `${plural(compiled.length, 'object')} before and after, ${(cpu / 1000).toFixed(1)} s of gcc${cached ? `, ${cached} from the cache` : ''}`,
    );
    const byUnit = new Map<string, CompiledUnit[]>();
    for (const entry of compiled) {
      const list = byUnit.get(unitKey(entry.unit));
      if (list) list.push(entry);
      else byUnit.set(unitKey(entry.unit), [entry]);
    }
    return units.flatMap((unit) => {
      const [before, after] = byUnit.get(unitKey(unit)) ?? [];
      return before && after ? [{ unit, before, after }] : [];
    });
  }

  async #judge(
    context: KernelContext,
    sides: readonly { unit: Unit; before: CompiledUnit; after: CompiledUnit }[],
  ): Promise<BuiltUnit[]> {
    const units: BuiltUnit[] = [];
    let functions = 0;
    const counts = new Map<string, number>();
    for (const { unit, before, after } of sides) {
      this.#options.signal?.throwIfAborted();
      // The same bytes on both sides need no judgement.
      if (equalBytes(before.bytes, after.bytes)) {
        this.#options.onUnit?.({ unit, before, after });
        continue;
      }
      const judged = await judgeUnit(context, unit, {
        before,
        after,
        exact: async () => {
          const exact = await compileUnit(this.#kernel, { unit, side: 'exact' }, this.#options.signal);
          if ('finding' in exact) throw new Refusal([exact.finding]);
          return exact.bytes;
        },
      });
      this.#options.onUnit?.({ unit, before, after, judged });
      if (isUnchanged(judged)) continue;
      units.push({ judged, before, after });
      functions += judged.match.functions.length;
      for (const [verdict, count] of Object.entries(judged.match.counts))
        if (count > 0) counts.set(verdict, (counts.get(verdict) ?? 0) + count);
      this.#findings.push(...judged.findings);
    }
    if (units.length === 0) return units;
    const verdicts = [...counts].sort((a, b) => b[1] - a[1]).map(([verdict, count]) => `${count} ${verdict}`);
    this.#done(
      'match',
      `${plural(functions, 'function')} of ${plural(units.length, 'unit')} against the shipped code: ${verdicts.join(', ')}`,
    );
    const changes = units.flatMap((unit) => unit.judged.comparison.functions);
    const count = (status: string) => changes.filter((change) => change.status === status).length;
    this.#done(
      'compare',
      `${count('same')} functions the same, ${count('changed')} changed, ${count('new')} new, ${count('removed')} gone`,
    );
    return units;
  }

  async #extract(context: KernelContext, units: readonly BuiltUnit[]): Promise<Extraction[]> {
    const provided = new Set<string>();
    for (const { judged } of units)
      for (const piece of judged.comparison.after.pieces)
        if (piece.binding !== 0 && !judged.comparison.correlation.beforeOf(piece)) provided.add(piece.name);
    const wanted = new Set(units.flatMap(({ judged }) => externalUses(judged.comparison)));
    const extractions: Extraction[] = [];
    for (const [number, { judged }] of units.entries())
      extractions.push(await extractUnit(context, judged, number, provided, wanted));
    for (const [index, extraction] of extractions.entries()) {
      this.#findings.push(...extraction.findings);
      for (const name of extraction.needs)
        if (!extractions.some((other) => other.provides.includes(name)))
          this.#findings.push({
            id: 'KLP301',
            severity: 'error',
            what: `${name}, which the fix adds, is used but not part of the livepatch`,
            why: 'no changed function of the unit that defines it refers to it',
            next: 'report this fix: the extraction should have taken it along',
            at: { unit: units[index]?.judged.unit.source ?? '', symbol: name },
          });
    }
    const listedFunctions = extractions.flatMap((extraction) => extraction.functions);
    const added = extractions.flatMap((extraction) => extraction.added);
    const relocations = uniquePlaceholders(extractions).length;
    this.#done(
      'extract',
      `${plural(listedFunctions.length, 'function')} to replace (${listed(listedFunctions.map((each) => each.oldName))})${added.length ? `, ${plural(added.length, 'new function')}` : ''}, ${plural(relocations, 'symbol')} by KLP relocation`,
    );
    return extractions;
  }

  #plan(units: readonly BuiltUnit[], extractions: readonly Extraction[]): LivepatchPlan {
    const objects = new Map<string, PlannedFunction[]>();
    extractions.forEach((extraction, index) => {
      const owner = units[index]?.judged.unit.owner ?? 'vmlinux';
      for (const { oldName, sympos, newSymbol } of extraction.functions) {
        const list = objects.get(owner) ?? [];
        objects.set(owner, list);
        if (list.some((known) => known.oldName === oldName && known.sympos === sympos))
          this.#findings.push({
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
    return {
      name: this.#options.name,
      replace: this.#options.replace ?? true,
      // vmlinux first, then modules by name.
      objects: [...objects]
        .sort(([a], [b]) => Number(b === 'vmlinux') - Number(a === 'vmlinux') || (a < b ? -1 : 1))
        .map(([name, functions]) => ({ name, functions })),
    };
  }

  /**
   * Compiles what has no debug information yet, which says what source line an instruction comes from; a failure costs those lines
   * only. It is made of the fixed text as it is, whose line numbers are those that a reader sees.
   */
  async #twins(fix: Fix, units: readonly BuiltUnit[]): Promise<Twins> {
    if (this.#options.sourceLines === false) return { compiled: [], overlays: [] };
    const known = units.flatMap(({ before, after }) => [before, after]).filter(({ debug }) => debug);
    if (known.length === 2 * units.length) return { compiled: known, overlays: [] };
    const overlay = makeOverlay(
      this.#kernel.sourceDir,
      fix.files.map((file) => ({ path: file.path, text: file.after })),
      join(this.#folder, 'shown'),
    );
    const { compiled } = await compileAll(
      this.#kernel,
      units.flatMap(({ judged: { unit }, before, after }) => [
        ...(before.debug ? [] : [{ unit, side: 'before' as const, debug: true }]),
        ...(after.debug ? [] : [{ unit, side: 'after' as const, overlay, debug: true }]),
      ]),
      { jobs: this.#options.jobs ?? 2, signal: this.#options.signal },
    );
    return { compiled: [...known, ...compiled], overlays: [overlay.folder] };
  }

  #report(
    { fix, units, extractions, plan }: JudgedFix,
    { compiled, overlays }: Twins,
    ko?: Uint8Array,
  ): { report: Report; details: FunctionDetails[] } {
    const twinOf = (unit: Unit, side: 'before' | 'after') =>
      compiled.find((entry) => unitKey(entry.unit) === unitKey(unit) && entry.side === side);
    const result = reportBuild({
      kernel: this.#kernel,
      name: plan.name,
      fix,
      overlays,
      units: units.map(({ judged, before, after }, index) => {
        const twins = { before: twinOf(judged.unit, 'before'), after: twinOf(judged.unit, 'after') };
        return {
          judged,
          before: before.bytes,
          after: after.bytes,
          extraction: extractions[index],
          debug: { before: twins.before?.debug, after: twins.after?.debug },
          clones: { before: twins.before?.ipaClones, after: twins.after?.ipaClones },
        };
      }),
      findings: withOverrides(this.#findings, this.#overrides),
      overrides: this.#findings
        .filter((finding) => finding.severity === 'error' && isOverridable(finding.id))
        .map((finding) => finding.id),
      module: ko && { bytes: ko, plan },
    });
    this.#done('report', 'source lines and reasons');
    return result;
  }
}

/** Names outside of the unit that its changed and new functions use. */
function externalUses({ after, functions }: Comparison): string[] {
  return functions.flatMap(({ status, after: piece }) =>
    piece && (status === 'changed' || status === 'new')
      ? after.referencesOf(piece).flatMap(({ target }) => (target.kind === 'external' ? [target.name] : []))
      : [],
  );
}

function uniquePlaceholders(extractions: readonly Extraction[]): Extraction['placeholders'][number][] {
  const all = new Map(
    extractions.flatMap((extraction) => extraction.placeholders.map((each) => [each.symbol, each] as const)),
  );
  return [...all.values()];
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

/** A few names, and how many more there are. */
function listed(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
