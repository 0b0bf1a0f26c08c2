import { join } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { type Kernel, kernelConfig, type Unit, unitKey } from '@klpkit/kernel';
import { type LivepatchPlan, longestObjectName } from '@klpkit/livepatch';
import { assessUnit, type Unchecked, withStepEvidence, worstFirst } from '@klpkit/pitfalls';
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
import { nothingChanged } from './nothing.ts';
import { checkOverrides, isOverridable, type Overrides, withOverrides } from './overrides.ts';
import { extractUnits, planOf, uniquePlaceholders } from './parts.ts';
import { reportBuild } from './report.ts';
import { compileTwins, noTwins, type Twins } from './twins.ts';
import type { BuildOptions, BuildStep, BuiltLivepatch, BuiltUnit, NothingToBuild } from './types.ts';
import { isUnchanged, judgeUnit } from './unit.ts';
import { reachedUnits } from './units.ts';
import { listed, plural } from './words.ts';

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
    try {
      return await this.#make(patches);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(withStepEvidence(error.findings));
    }
  }

  async #make(patches: readonly PatchText[]): Promise<BuiltLivepatch | NothingToBuild> {
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
      findings: this.#told(),
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
      return {
        verdict: 'refused',
        findings: worstFirst(this.#told(error.findings)),
        unchecked: [],
        report: undefined,
        steps: this.#steps,
      };
    }
    const isNothing = judged.units.length === 0 || judged.plan.objects.length === 0;
    const findings = isNothing ? this.#nothing(judged.reached, judged.units).findings : this.#told();
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
    const config = await kernelConfig(kernel);
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
    const { plan, findings } = planOf(this.#options, units, extractions);
    this.#findings.push(...findings);
    return {
      fix,
      reached: reached.units,
      units,
      extractions,
      plan,
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
  /** What was found, with the author's answers and what each rests on. */
  #told(findings: readonly Finding[] = this.#findings): Finding[] {
    return withStepEvidence(withOverrides(findings, this.#overrides));
  }

  #refuseErrors(): void {
    const findings = withOverrides(this.#findings, this.#overrides);
    if (findings.some((finding) => finding.severity === 'error')) throw new Refusal(findings);
  }

  #nothing(units: readonly Unit[], differing: readonly BuiltUnit[]): NothingToBuild {
    const findings = [...this.#told(), nothingChanged(units, differing)];
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
      `${plural(count('same'), 'function')} the same, ${count('changed')} changed, ${count('new')} new, ${count('removed')} gone`,
    );
    return units;
  }

  async #extract(context: KernelContext, units: readonly BuiltUnit[]): Promise<Extraction[]> {
    const { extractions, findings } = await extractUnits(context, units);
    this.#findings.push(...findings);
    const replaced = extractions.flatMap((extraction) => extraction.functions);
    const added = extractions.flatMap((extraction) => extraction.added);
    const relocations = uniquePlaceholders(extractions).length;
    this.#done(
      'extract',
      `${plural(replaced.length, 'function')} to replace (${listed(replaced.map((each) => each.oldName))})${added.length ? `, ${plural(added.length, 'new function')}` : ''}, ${plural(relocations, 'symbol')} by KLP relocation`,
    );
    return extractions;
  }

  async #twins(fix: Fix, units: readonly BuiltUnit[]): Promise<Twins> {
    if (this.#options.sourceLines === false) return noTwins;
    return compileTwins(this.#kernel, fix, units, join(this.#folder, 'shown'), {
      jobs: this.#options.jobs ?? 2,
      signal: this.#options.signal,
    });
  }

  #report(
    { fix, units, extractions, plan }: JudgedFix,
    twins: Twins,
    ko?: Uint8Array,
  ): { report: Report; details: FunctionDetails[] } {
    const result = reportBuild({
      kernel: this.#kernel,
      name: plan.name,
      fix,
      overlays: twins.overlays,
      units: units.map(({ judged, before, after }, index) => {
        const shown = { before: twins.of(judged.unit, 'before'), after: twins.of(judged.unit, 'after') };
        return {
          judged,
          before: before.bytes,
          after: after.bytes,
          extraction: extractions[index],
          debug: { before: shown.before?.debug, after: shown.after?.debug },
          clones: { before: shown.before?.ipaClones, after: shown.after?.ipaClones },
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

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
