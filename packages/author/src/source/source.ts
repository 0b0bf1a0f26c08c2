import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ObjectModel } from '@klpkit/compare';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { BTF_KIND, readBtf } from '@klpkit/formats';
import { inTemporaryFolder } from '@klpkit/host';
import { type Kernel, parseConfig } from '@klpkit/kernel';
import {
  longestObjectName,
  type Manifest,
  type ManifestObject,
  type ManifestSymbol,
  manifestFormat,
  manifestText,
} from '@klpkit/livepatch';
import { type KernelContext, readContext } from '../build/context.ts';
import { assessFix, type BuildOptions, type ComparedUnit } from '../build/index.ts';
import { extractUnits } from '../build/parts.ts';
import { isUnchanged, type JudgedUnit, resolverFor } from '../build/unit.ts';
import type { Extraction, Resolver } from '../extract/index.ts';
import { type Fix, type PatchText, readFix } from '../fix/index.ts';
import { makeOverlay, type Overlay } from '../overlay/index.ts';
import { type KernelNames, kernelNames } from '../symbols/index.ts';
import { type Compiled, compileGenerated, type Diagnostic } from './compile.ts';
import { type Expansion, expand } from './expansion.ts';
import { decideFates, type Fates } from './fates.ts';
import { neededHeaders } from './headers.ts';
import { isIncludedSource, type Part, readUnitText, type UnitText } from './model.ts';
import { planSource, type SourcePlan } from './plan.ts';
import { findSymbols, type Symbols } from './symbols.ts';
import { loadSyntax, type Syntax } from './syntax.ts';
import { tokensOf } from './tokens.ts';
import { prefix, type WrittenUnit, writeUnit } from './write.ts';

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
  /** What is to be written: C files, `klpkit.json` and a `Kbuild`, by name. */
  readonly files: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
  readonly steps: readonly SourceStep[];
  /** Functions and variables that the files have copies of, by their names in the source; sorted. */
  readonly copied: readonly string[];
  /** Lines of code: of the patched functions, and of all that was written. */
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

/** Turns of writing and compiling before it is given up. */
const mostTurns = 8;

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
  return inTemporaryFolder('klpkit-write-', (folder) => new Source(kernel, options, folder).run(patches));
}

interface UnitWork {
  readonly compared: ComparedUnit;
  readonly judged: JudgedUnit;
  readonly extraction: Extraction;
}

interface UnitResult {
  readonly written: WrittenUnit;
  /** The replaced functions as the kernel has them. */
  readonly positions: ReadonlyMap<string, { readonly name: string; readonly sympos: number }>;
  readonly symbols: Symbols;
  readonly copied: readonly string[];
  readonly findings: readonly Finding[];
}

class Source {
  readonly #kernel: Kernel;
  readonly #options: SourceOptions;
  readonly #folder: string;
  readonly #steps: SourceStep[] = [];
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
    const assessed = await assessFix(this.#kernel, patches, {
      ...judging,
      sourceLines: false,
      onUnit: (unit) => compared.push(unit),
    });
    this.#done('judge', `${compared.length} units compared`);
    const judged = assessed.findings.filter(({ id }) => !mended.has(id));
    if (judged.some(({ severity }) => severity === 'error')) throw new Refusal(judged);
    if (assessed.verdict === 'nothing')
      return { outcome: 'nothing', findings: assessed.findings, steps: this.#steps };

    const kernel = this.#kernel;
    const config = parseConfig(await readFile(join(kernel.buildDir, '.config'), 'utf8'));
    const fix = await readFix(kernel.sourceDir, patches, {
      ...(judging.overrides ? { overrides: judging.overrides } : {}),
      isOn: (option) => config.has(option),
    });
    // What a fix says in its own text is for the tables that klpkit makes; those of this folder are the author's.
    if (fix.headers.length > 0)
      throw new Refusal([
        {
          id: 'source-annotations',
          severity: 'error',
          what: 'the fix includes a header of annotations, which a livepatch in C has no use for',
          why: 'callbacks and states belong into the tables of the folder, and what is ignored is left out of its functions',
          next: 'build it with klpkit build, or take the annotations out and write callbacks and states as klpkit new callbacks shows',
        },
      ]);
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
    const overlay = makeOverlay(
      kernel.sourceDir,
      fix.files.map(({ path, after }) => ({ path, text: after })),
      join(this.#folder, 'source'),
    );
    const names = await kernelNames(kernel, objectsOf(work, context));
    const provided = new Set(extractions.flatMap((extraction) => extraction.provides));
    const syntax = await syntaxLoading;
    const results: UnitResult[] = [];
    const taken = new Map<string, string>();
    for (const [number, one] of work.entries()) {
      const writer = new UnitSource(this.#kernel, context, fix, one, {
        overlay,
        names,
        provided,
        syntax,
        folder: this.#folder,
        madeFor: `made for ${kernel.id} from ${patches.map((patch) => basename(patch.name)).join(', ')}`,
        nameOf: uniqueNames(taken, number),
        signal: judging.signal,
      });
      results.push(await writer.run());
      this.#done('write', `${one.judged.unit.source}: ${writer.turns} compilations`);
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
    files.set('klpkit.json', manifestText(manifest));
    files.set('Kbuild', kbuild(manifest));
    return {
      outcome: 'written',
      manifest,
      files,
      findings,
      steps: this.#steps,
      copied: [...new Set(results.flatMap((result) => result.copied))].sort(),
      lines: {
        patched: sum(results.map(({ written }) => written.lines.patched)),
        all: sum(results.map(({ written }) => written.lines.all)),
      },
    };
  }

  #done(step: string, what: string): void {
    const now = performance.now();
    const entry = { step, what, ms: now - this.#since };
    this.#since = now;
    this.#steps.push(entry);
    this.#options.onStep?.(entry);
  }
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

interface UnitTools {
  readonly overlay: Overlay;
  readonly names: KernelNames;
  readonly provided: ReadonlySet<string>;
  readonly syntax: Syntax;
  readonly folder: string;
  readonly madeFor: string;
  readonly nameOf: (name: string) => string;
  readonly signal: AbortSignal | undefined;
}

/** One unit on its way from text to C that compiles. */
class UnitSource {
  readonly #kernel: Kernel;
  readonly #context: KernelContext;
  readonly #fix: Fix;
  readonly #work: UnitWork;
  readonly #tools: UnitTools;
  turns = 0;

  constructor(kernel: Kernel, context: KernelContext, fix: Fix, work: UnitWork, tools: UnitTools) {
    this.#kernel = kernel;
    this.#context = context;
    this.#fix = fix;
    this.#work = work;
    this.#tools = tools;
  }

  async run(): Promise<UnitResult> {
    const { judged, extraction } = this.#work;
    const { unit, comparison } = judged;
    const { overlay, provided, syntax, signal } = this.#tools;
    const changed = new Map(this.#fix.files.map((file) => [file.path, file]));
    const isOwn = (file: string) => file === unit.source || changed.has(file) || isIncludedSource(file);
    const expansion = await expand(this.#kernel, unit, overlay, isOwn, signal);
    if ('problem' in expansion)
      return failed(unit.source, `it cannot be preprocessed: ${expansion.problem.trim().split('\n')[0]}`);
    const text = await this.#readText(expansion, changed, syntax, 'pieces');
    const before = new Set(definedBefore(comparison.before));
    const beforeText = changed.get(unit.source)?.before ?? '';
    const resolver = await resolverFor(this.#context, judged, provided);
    const fates = decideFates(
      unit.source,
      comparison,
      extraction,
      resolver,
      (name) => !before.has(name) && !mentions(beforeText, name),
    );
    const headers = this.#changedHeaders(expansion, changed);
    const result = await this.#settle(expansion, text, fates, resolver, new Map());
    if (headers.length === 0 || !result.findings.some(({ id }) => id === 'source-not-compiled'))
      return result;
    // The old header and what the fix changes in it do not go together: the file takes the whole fixed header along.
    const whole = new Map(headers.map(({ path, after = '' }) => [path, after]));
    this.turns = 0;
    const again = await this.#settle(
      expansion,
      await this.#readText(expansion, changed, syntax, 'whole'),
      fates,
      resolver,
      whole,
    );
    return again.findings.some(({ severity }) => severity === 'error') ? result : again;
  }

  #changedHeaders(
    expansion: Expansion,
    changed: ReadonlyMap<string, Fix['files'][number]>,
  ): Fix['files'][number][] {
    return [...changed.values()].filter(
      ({ path, after }) =>
        after !== undefined && !isIncludedSource(path) && expansion.linesOf(path) !== undefined,
    );
  }

  async #readText(
    expansion: Expansion,
    changed: ReadonlyMap<string, Fix['files'][number]>,
    syntax: Syntax,
    mode: 'pieces' | 'whole',
  ): Promise<UnitText> {
    const { source } = this.#work.judged.unit;
    const texts = new Map<string, string | undefined>();
    for (const file of new Set([source, ...expansion.files.filter(isIncludedSource)])) {
      const fixed = changed.get(file);
      const read = fixed
        ? fixed.after
        : await readFile(join(this.#kernel.sourceDir, file), 'utf8').catch(() =>
            readFile(join(this.#kernel.buildDir, file), 'utf8').catch(() => undefined),
          );
      texts.set(file, read);
    }
    const headers = mode === 'whole' ? [] : this.#changedHeaders(expansion, changed);
    for (const { path, after } of headers) texts.set(path, after);
    return readUnitText({
      source,
      textOf: (file) => texts.get(file),
      beforeOf: (file) => changed.get(file)?.before,
      headers: headers.map(({ path }) => path),
      expansion,
      syntax,
    });
  }

  /** Writes and compiles until nothing is missing. */
  async #settle(
    expansion: Expansion,
    text: UnitText,
    fates: Fates,
    resolver: Resolver,
    headers: ReadonlyMap<string, string>,
  ): Promise<UnitResult> {
    const { judged, compared, extraction } = this.#work;
    const { unit } = judged;
    const { syntax, nameOf, madeFor, names, provided } = this.#tools;
    const lengthOf = arrayLengths(compared.before.types);
    const wanted = new Set(extraction.added.filter(({ binding }) => binding !== 0).map(({ name }) => name));
    const undeclared = new Set<string>();
    const unused = new Set<string>();
    const needed = new Set<string>();
    let readsKeys = false;
    for (;;) {
      const plan = planSource({ unit: unit.source, text, fates, syntax, wanted, unused });
      const found = [...fates.findings, ...plan.findings];
      if (found.some(({ severity }) => severity === 'error'))
        return { ...failed(unit.source, ''), findings: found };
      const write = (dropped: ReadonlySet<Part>, keepsLines: boolean) =>
        writeUnit({
          source: unit.source,
          object: unit.owner,
          text,
          plan,
          syntax,
          isDeclared: (name) => !undeclared.has(name) && expansion.namesInHeaders.has(name),
          lengthOf,
          headers,
          dropped,
          keepsLines,
          readsKeys,
          madeFor,
          nameOf,
        });
      const templates = templatesIn(expansion, text, plan, needed);
      const written = write(templates, true);
      const compiled = await this.#compile(written);
      const isLast = this.turns >= mostTurns;
      if (!compiled.object) {
        if (!isLast && this.#learn(compiled.diagnostics, text, plan, { wanted, undeclared, needed }))
          continue;
        return {
          ...failed(unit.source, ''),
          findings: compileFindings(unit.source, compiled.diagnostics, written.text),
        };
      }
      if (!isLast && prune(compiled.diagnostics, plan, wanted, unused)) continue;
      const symbols = findSymbols({
        unit: unit.source,
        object: compiled.object,
        fates,
        plan,
        written,
        resolver,
        names,
        provided,
      });
      if (!readsKeys && symbols.moduleKeys.length > 0 && !isLast) {
        readsKeys = true;
        continue;
      }
      const positions = positionsOf(fates, resolver, unit.source);
      const dropped = await this.#needless(expansion, text, plan, written, compiled.object, (parts) =>
        write(parts, true),
      );
      return {
        written: write(dropped, false),
        symbols,
        positions: positions.known,
        copied: [...plan.functions, ...plan.variables].flatMap(([name, { kind }]) =>
          kind === 'copy' ? [name] : [],
        ),
        findings: [
          ...found,
          ...symbols.findings,
          ...positions.findings,
          ...(readsKeys ? [keysFinding(unit.source, unit.owner)] : []),
        ],
      };
    }
  }

  async #compile({ text, headers }: WrittenUnit): Promise<Compiled> {
    this.turns++;
    return compileGenerated(
      this.#kernel,
      this.#work.judged.unit,
      { text, headers },
      this.#tools.folder,
      this.#tools.signal,
    );
  }

  /** The `#include`s without which the compiler makes the same object. */
  async #needless(
    expansion: Expansion,
    text: UnitText,
    plan: SourcePlan,
    written: WrittenUnit,
    object: Uint8Array,
    writtenWithout: (dropped: ReadonlySet<Part>) => WrittenUnit,
  ): Promise<Set<Part>> {
    const brought = expansion.brought();
    const needed = neededHeaders(brought, [...usedWords(plan), ...wordsIn(written.text)]);
    const includes = text.parts.filter(({ item }) => item.word === 'include');
    for (let turn = 0; turn < 4; turn++) {
      const dropped = new Set(
        includes.filter(
          ({ item }) =>
            !needed.has(`${item.file}:${item.line}`) &&
            !expansion.ownIncludes.has(`${item.file}:${item.line}`),
        ),
      );
      if (dropped.size === 0) return dropped;
      const compiled = await this.#compile(writtenWithout(dropped));
      if (compiled.object) return equalBytes(compiled.object, object) ? dropped : new Set();
      const missed = new Set(
        compiled.diagnostics.flatMap(({ names }) => names.flatMap((name) => [name, `tag ${name}`])),
      );
      const { size } = needed;
      for (const key of neededHeaders(brought, missed)) needed.add(key);
      if (needed.size === size) return new Set();
    }
    return new Set();
  }

  /** Takes from the compiler's messages what is missing. */
  #learn(
    diagnostics: readonly Diagnostic[],
    text: UnitText,
    plan: SourcePlan,
    { wanted, undeclared, needed }: Record<'wanted' | 'undeclared' | 'needed', Set<string>>,
  ): boolean {
    const size = wanted.size + undeclared.size + needed.size;
    for (const { kind, names } of diagnostics) {
      if (kind !== 'error') continue;
      for (const name of names) {
        for (const key of [name, `tag ${name}`])
          if (text.byKey.has(key) || text.macros.has(key)) wanted.add(key);
        if (plan.functions.has(name) || plan.variables.has(name)) undeclared.add(name);
        else if (!text.byKey.has(name)) needed.add(name);
      }
    }
    return wanted.size + undeclared.size + needed.size > size;
  }
}

/** Leaves out what nothing uses. */
function prune(
  diagnostics: readonly Diagnostic[],
  plan: SourcePlan,
  wanted: ReadonlySet<string>,
  unused: Set<string>,
): boolean {
  const size = unused.size;
  for (const { message, names } of diagnostics) {
    if (!/defined but not used/.test(message)) continue;
    for (const quoted of names) {
      const name = quoted.startsWith(prefix) ? quoted.slice(prefix.length) : quoted;
      const fate = plan.functions.get(name) ?? plan.variables.get(name);
      if (fate && fate.kind !== 'replace' && !wanted.has(name)) unused.add(name);
    }
  }
  return unused.size > size;
}

/** Names in what the kept parts become. */
function usedWords(plan: SourcePlan): Set<string> {
  return new Set([...plan.modes.keys()].flatMap((part) => wordsIn(part.expanded)));
}

/**
 * `#include`s in the middle of a source that bring nothing that is used: templates, whose functions use those of the source under their
 * own names.
 */
function templatesIn(
  expansion: Expansion,
  text: UnitText,
  plan: SourcePlan,
  missed: ReadonlySet<string>,
): Set<Part> {
  const first = text.parts.findIndex(({ item, fromHeader }) => item.kind === 'code' && !fromHeader);
  const late = text.parts.filter(({ item }, index) => item.word === 'include' && first >= 0 && index > first);
  if (late.length === 0) return new Set();
  const all = expansion.brought();
  const keyOf = ({ item }: Part) => `${item.file}:${item.line}`;
  const brought = new Map(
    late.flatMap((part) => {
      const brings = all.get(keyOf(part));
      return brings ? [[keyOf(part), brings] as const] : [];
    }),
  );
  const needed = neededHeaders(brought, [...usedWords(plan), ...missed]);
  return new Set(late.filter((part) => !needed.has(keyOf(part))));
}

/** Names in a text, and keys of tags; those in directives as well. */
function wordsIn(text: string): string[] {
  const words: string[] = [];
  for (const { kind, text: word } of tokensOf(text)) {
    if (kind === 'name') words.push(word, `tag ${word}`);
    else if (kind === 'directive' && !/^#\s*include/.test(word)) words.push(...wordsIn(word.slice(1)));
  }
  return words;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

const noSymbols: Symbols = { symbols: [], moduleKeys: [], findings: [] };

function keysFinding(unit: string, object: string): Finding {
  return {
    id: 'KLP310',
    severity: 'note',
    what: `the file for ${unit} reads static keys in memory`,
    why: `the kernel sets up the jumps of a livepatch before it knows where the keys of ${object} are`,
    at: { unit },
  };
}

function failed(unit: string, what: string): UnitResult {
  return {
    written: {
      text: '',
      replacements: new Map(),
      lines: { patched: 0, all: 0 },
      shared: new Map(),
      headers: new Map(),
    },
    symbols: noSymbols,
    positions: new Map(),
    copied: [],
    findings: [
      {
        id: 'source-failed',
        severity: 'error',
        what: `${unit}: ${what}`,
        next: 'use the binary route: klpkit build',
        at: { unit },
      },
    ],
  };
}

/** Names and positions of the replaced functions in the running kernel; of a function with several names one is listed. */
function positionsOf(
  fates: Fates,
  resolver: Resolver,
  unit: string,
): { known: UnitResult['positions']; findings: Finding[] } {
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

function compileFindings(unit: string, diagnostics: readonly Diagnostic[], text: string): Finding[] {
  const lines = text.split('\n');
  return diagnostics
    .filter(({ kind }) => kind === 'error')
    .slice(0, 5)
    .map(({ message, line }) => ({
      id: 'source-not-compiled',
      severity: 'error' as const,
      what: `what was written for ${unit} does not compile: ${message}`,
      ...(line === undefined ? {} : { evidence: [`line ${line}: ${lines[line - 1]?.trim()}`] }),
      next: 'use the binary route, klpkit build, and report this fix',
      at: { unit },
    }));
}

function definedBefore({ pieces }: ObjectModel): string[] {
  return pieces.flatMap(({ name, aliases }) => [name, ...aliases]);
}

function mentions(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1))
    if (!/\w/.test(text[at - 1] ?? '') && !/\w/.test(text[at + name.length] ?? '')) return true;
  return false;
}

/** Lengths of the arrays among a unit's variables, by its types. */
function arrayLengths(types: Uint8Array): (variable: string) => number | undefined {
  if (types.length === 0) return () => undefined;
  const btf = readBtf(types);
  return (variable) => {
    const [id] = btf.find(BTF_KIND.VAR, variable);
    if (id === undefined) return undefined;
    const array = btf.resolve(btf.references(id)[0] ?? 0);
    if (btf.kind(array) !== BTF_KIND.ARRAY) return undefined;
    const element = btf.sizeOf(btf.references(array)[0] ?? 0);
    const length = element > 0 ? btf.sizeOf(array) / element : 0;
    return length > 0 ? length : undefined;
  };
}

function makeManifest(
  kernel: Kernel,
  { name, replace }: { readonly name: string; readonly replace: boolean },
  patches: readonly PatchText[],
  fix: Fix,
  work: readonly UnitWork[],
  results: readonly UnitResult[],
): Manifest {
  const objects = new Map<string, ManifestObject['functions'][number][]>();
  const symbols = new Map<string, ManifestSymbol>();
  const files = fileNames(work.map(({ judged }) => judged.unit));
  work.forEach(({ judged }, index) => {
    const { written, symbols: found, positions } = results[index] as UnitResult;
    const list = objects.get(judged.unit.owner) ?? [];
    objects.set(judged.unit.owner, list);
    for (const [old, replacement] of written.replacements) {
      const position = positions.get(old);
      if (position) list.push({ old: position.name, new: replacement, sympos: position.sympos });
    }
    for (const symbol of found.symbols) symbols.set(symbol.name, symbol);
  });
  const subjects = fix.patches.flatMap(({ subject }) => subject ?? []);
  return {
    format: manifestFormat,
    name,
    replace,
    kernel: { id: kernel.id, release: kernel.release },
    sources: work.map(({ judged }, index) => ({
      file: files[index] as string,
      object: judged.unit.owner,
      unit: judged.unit.source,
    })),
    objects: [...objects]
      .filter(([, functions]) => functions.length > 0)
      .sort(([a], [b]) => Number(b === 'vmlinux') - Number(a === 'vmlinux') || (a < b ? -1 : 1))
      .map(([object, functions]) => ({ name: object, functions })),
    symbols: [...symbols.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    author: {
      patches: patches.map((patch) => basename(patch.name)),
      ...(subjects.length > 0 ? { subject: subjects.join('; ') } : {}),
    },
  };
}

/** `fs_namei.c` for each unit; a source may be part of two modules. */
function fileNames(units: readonly { readonly source: string; readonly object: string }[]): string[] {
  const taken = new Set<string>();
  return units.map((unit) => {
    const stem = unit.source.replace(/\.c$/, '').replace(/[^A-Za-z0-9]+/g, '_');
    let name = `${stem}.c`;
    for (let number = 2; taken.has(name); number++) name = `${stem}_${number}.c`;
    taken.add(name);
    return name;
  });
}

/** For people who build with Kbuild by hand; klpkit does not read it. */
function kbuild({ name, sources }: Manifest): string {
  return [
    '# SPDX-License-Identifier: GPL-2.0',
    '# klpkit build does not need this file: it takes the flags of the units that klpkit.json names.',
    `obj-m := ${name}.o`,
    `${name}-y := ${sources.map(({ file }) => file.replace(/\.c$/, '.o')).join(' ')}`,
    'ccflags-y += -ffunction-sections -fdata-sections',
    '',
  ].join('\n');
}
