import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ObjectModel, readObjectModel } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { BTF_KIND, readBtf } from '@klpkit/formats';
import type { Kernel, Unit } from '@klpkit/kernel';
import type { KernelContext } from '../build/context.ts';
import type { ComparedUnit } from '../build/index.ts';
import { type JudgedUnit, resolverFor } from '../build/unit.ts';
import type { Extraction, Resolver } from '../extract/index.ts';
import type { Fix } from '../fix/index.ts';
import type { Overlay } from '../overlay/index.ts';
import type { KernelNames } from '../symbols/index.ts';
import type { OwnCode } from './agree.ts';
import { type Compiled, compileGenerated, type Diagnostic } from './compile.ts';
import { type Expansion, expand } from './expansion.ts';
import { decideFates, type Fates } from './fates.ts';
import { lateIncludes, templatesIn } from './includes.ts';
import { isIncludedSource, type Part, readUnitText, type UnitText } from './model.ts';
import { prefix } from './naming.ts';
import { ownCode } from './own.ts';
import { planSource, type SourcePlan } from './plan.ts';
import { pointedOwn, splitState } from './pointers.ts';
import { findSymbols, positionsOf, type Symbols } from './symbols.ts';
import type { Syntax } from './syntax.ts';
import { startTrimming } from './trim.ts';
import {
  compileFindings,
  keysFinding,
  namesFindings,
  pointerFindings,
  stateFindings,
  templateFindings,
  withTemplates,
} from './unit-findings.ts';
import { type WrittenUnit, writeUnit } from './write.ts';

/** Turns of writing and compiling before it is given up. */
const mostTurns = 8;

/** A unit that gives something to the livepatch. */
export interface UnitWork {
  readonly compared: ComparedUnit;
  readonly judged: JudgedUnit;
  readonly extraction: Extraction;
}

/** What became of a unit. */
export interface UnitResult {
  readonly written: WrittenUnit;
  /** The replaced functions as the kernel has them. */
  readonly positions: ReadonlyMap<string, { readonly name: string; readonly sympos: number }>;
  readonly symbols: Symbols;
  readonly own: OwnCode;
  readonly findings: readonly Finding[];
}

/** Preprocesses a unit with the fix applied. */
export function expandUnit(
  kernel: Kernel,
  unit: Unit,
  fix: Fix,
  overlay: Overlay,
  signal: AbortSignal | undefined,
): Promise<Expansion | { readonly problem: string }> {
  const changed = new Set(fix.files.map(({ path }) => path));
  const isOwn = (file: string) => file === unit.source || changed.has(file) || isIncludedSource(file);
  return expand(kernel, unit, overlay, isOwn, signal);
}

/** What all units share. */
export interface UnitTools {
  readonly overlay: Overlay;
  /** A unit that is being preprocessed already. */
  readonly expansionOf: (unit: Unit) => Promise<Expansion | { readonly problem: string }> | undefined;
  readonly names: KernelNames;
  readonly provided: ReadonlySet<string>;
  readonly syntax: Syntax;
  readonly folder: string;
  readonly madeFor: string;
  readonly nameOf: (name: string) => string;
  readonly signal: AbortSignal | undefined;
}

/** One unit on its way from text to C that compiles. */
export class UnitSource {
  readonly #kernel: Kernel;
  readonly #context: KernelContext;
  readonly #fix: Fix;
  readonly #work: UnitWork;
  readonly #tools: UnitTools;
  compilations = 0;

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
    const expansion = await (this.#tools.expansionOf(this.#work.compared.unit) ??
      expandUnit(this.#kernel, unit, this.#fix, overlay, signal));
    if ('problem' in expansion)
      return failed(unit.source, `it cannot be preprocessed: ${expansion.problem.trim().split('\n')[0]}`);
    const text = await this.#readText(expansion, changed, syntax, 'pieces');
    const before = new Set(definedBefore(comparison.before));
    const resolver = await resolverFor(this.#context, judged, provided);
    const fates = decideFates(
      unit.source,
      comparison,
      extraction,
      resolver,
      (name) =>
        !before.has(name) &&
        (text.byKey.get(name) ?? []).every(
          ({ isEdited, item }) => isEdited && !mentions(changed.get(item.file)?.before ?? '', name),
        ),
    );
    const headers = this.#changedHeaders(expansion, changed);
    const result = await this.#settle(expansion, text, fates, resolver, new Map());
    if (headers.length === 0 || !result.findings.some(({ id }) => id === 'source-not-compiled'))
      return result;
    // The old header and what the fix changes in it do not go together: the file takes the whole fixed header along.
    const whole = new Map(headers.map(({ path, after = '' }) => [path, after]));
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
    const { unit, comparison } = judged;
    const { syntax, nameOf, madeFor, names, provided } = this.#tools;
    const lengthOf = arrayLengths(compared.before.types);
    const wanted = new Set(extraction.added.filter(({ binding }) => binding !== 0).map(({ name }) => name));
    const undeclared = new Set<string>();
    const unused = new Set<string>();
    const needed = new Set<string>();
    const pointed = new Set<string>();
    let readsKeys = false;
    for (let turn = 1; ; turn++) {
      const plan = planSource({ unit: unit.source, text, fates, syntax, wanted, unused });
      const found = [...fates.findings, ...plan.findings];
      if (found.some(({ severity }) => severity === 'error'))
        return {
          ...failed(unit.source, ''),
          findings: withTemplates(found, lateIncludes(text), expansion),
        };
      const write = (dropped: ReadonlySet<Part>, keepsLines: boolean) =>
        writeUnit({
          source: unit.source,
          object: unit.owner,
          text,
          plan,
          syntax,
          isDeclared: (name) => !undeclared.has(name) && expansion.namesInHeaders.has(name),
          keepsName: (name) => undeclared.has(name),
          lengthOf,
          pointed,
          headers,
          dropped,
          keepsLines,
          readsKeys,
          madeFor,
          nameOf,
        });
      const templates = templatesIn(expansion, text, plan, needed);
      const written = write(templates, true);
      const compiling = this.#compile(written);
      const trim = () =>
        startTrimming({
          expansion,
          text,
          plan,
          written,
          compiling,
          without: (dropped) => write(dropped, true),
          compile: (without, until) => this.#compile(without, until),
        });
      // Most units need one turn: tried while gcc is busy with the whole.
      const trimming = turn === 1 ? trim() : undefined;
      const compiled = await compiling;
      const isLast = turn >= mostTurns;
      if (!compiled.object) {
        await trimming?.stop();
        if (!isLast && this.#learn(compiled.diagnostics, text, plan, { wanted, undeclared, needed }))
          continue;
        return {
          ...failed(unit.source, ''),
          findings: [
            ...templateFindings(
              unit.source,
              lateIncludes(text).filter((part) => !templates.has(part)),
            ),
            ...compileFindings(unit.source, compiled.diagnostics, written.text),
          ],
        };
      }
      if (!isLast && prune(compiled.diagnostics, plan, wanted, unused)) {
        await trimming?.stop();
        continue;
      }
      const model = readObjectModel(compiled.object);
      const pointers = pointedOwn(model, comparison.before, plan);
      if (!isLast && [...pointers].some((name) => !pointed.has(name))) {
        for (const name of pointers) pointed.add(name);
        await trimming?.stop();
        continue;
      }
      const symbols = findSymbols({
        unit: unit.source,
        object: compiled.object,
        before: comparison.before,
        fates,
        plan,
        written,
        resolver,
        names,
        provided,
      });
      if (!readsKeys && symbols.moduleKeys.length > 0 && !isLast) {
        readsKeys = true;
        await trimming?.stop();
        continue;
      }
      const positions = positionsOf(fates, resolver, unit.source);
      const dropped = await (trimming ?? trim()).dropped;
      return {
        written: write(dropped, false),
        symbols,
        positions: positions.known,
        own: ownCode(comparison.before, text, plan, symbols),
        findings: [
          ...found,
          ...symbols.findings,
          ...pointerFindings(unit.source, pointers),
          ...stateFindings(unit.source, splitState(model, comparison.before, plan, comparison.isFresh)),
          ...positions.findings,
          ...(readsKeys ? [keysFinding(unit.source, unit.owner)] : []),
          ...namesFindings(unit.source, plan),
        ],
      };
    }
  }

  async #compile({ text, headers }: WrittenUnit, until?: AbortSignal): Promise<Compiled> {
    const folder = join(this.#tools.folder, `compilation${this.compilations++}`);
    const signals = [this.#tools.signal, until].filter((signal) => signal !== undefined);
    const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    return compileGenerated(this.#kernel, this.#work.judged.unit, { text, headers }, folder, signal);
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

const noSymbols: Symbols = { symbols: [], moduleKeys: [], findings: [] };

function failed(unit: string, what: string): UnitResult {
  return {
    written: {
      text: '',
      replacements: new Map(),
      lines: { patched: 0, all: 0 },
      shared: new Map(),
      pointers: new Map(),
      headers: new Map(),
    },
    symbols: noSymbols,
    positions: new Map(),
    own: { copied: [], fromHeaders: [], referred: [], reached: [], usedByCopies: [] },
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
