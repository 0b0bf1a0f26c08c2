import { type Comparison, type FunctionChange, readObjectModel } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { sha256Hex } from '@klpkit/host';
import type { Kernel, Unit } from '@klpkit/kernel';
import { type LivepatchPlan, namedCallbacks } from '@klpkit/livepatch';
import type { Extraction } from '../extract/index.ts';
import { type EditedBy, editedBy } from '../fix/several.ts';
import type { EditedFile } from './edits.ts';
import type { Reason, Report, ReportFunction, ReportUnit } from './schema.ts';
import { reportVersion } from './version.ts';
import { explainUnit, type UnitSource } from './why.ts';

/** One fix as the report sees it. */
export interface ReportedFix {
  /** File name of the patch, without its folder. */
  readonly name: string;
  readonly subject?: string | undefined;
  readonly files: readonly (EditedFile & {
    readonly hunks: readonly {
      /** Line of the unfixed file at which the hunk was applied. */
      readonly line: number;
      readonly offset: number;
      readonly fuzz: number;
    }[];
  })[];
}

/** One unit as the report sees it. */
export interface ReportedUnit {
  readonly unit: Pick<Unit, 'source' | 'object' | 'owner'>;
  /** The two objects, whole. */
  readonly objects: { readonly before: Uint8Array; readonly after: Uint8Array };
  readonly comparison: Comparison;
  /** The run-pre match of the before object. */
  readonly match?: {
    readonly functions: readonly {
      readonly name: string;
      readonly verdict: string;
      readonly jumpLabels: number;
      readonly targetsChecked: number;
      readonly difference?:
        | { readonly what: string; readonly expected: string; readonly found: string }
        | undefined;
    }[];
  };
  readonly extraction?: Pick<Extraction, 'bytes' | 'functions' | 'data' | 'placeholders' | 'exports'>;
  readonly source: UnitSource;
  readonly dropped?: readonly { readonly what: string; readonly why?: string }[];
}

/** All that a report is made of. Nothing in it depends on when or where the build ran. */
export interface ReportRequest {
  readonly name: string;
  readonly kernel: Pick<Kernel, 'id' | 'release' | 'compilerVersion'>;
  readonly fixes: readonly ReportedFix[];
  /** The files of all fixes together, from before the first to after the last. */
  readonly files: readonly EditedFile[];
  readonly units: readonly ReportedUnit[];
  readonly findings: readonly Finding[];
  /** Ids of findings that the author overrode. */
  readonly overrides: readonly string[];
  /** Absent when the build stopped before the module. */
  readonly module?: { readonly bytes: Uint8Array; readonly plan: LivepatchPlan } | undefined;
  readonly tools: readonly { readonly name: string; readonly version: string }[];
}

/** Puts a report together. Lists are sorted, so that the order of parallel work leaves no trace. */
export function makeReport(request: ReportRequest): Report {
  const overrides = new Set(request.overrides);
  const units = [...request.units].sort((a, b) => order(a.unit.source, b.unit.source));
  const { module } = request;
  return {
    version: reportVersion,
    name: request.name,
    kernel: {
      id: request.kernel.id,
      release: request.kernel.release,
      compiler: request.kernel.compilerVersion,
    },
    fixes: request.fixes.map((fix) => ({
      name: fix.name,
      ...(fix.subject === undefined ? {} : { subject: fix.subject }),
      files: fix.files.map((file) => ({
        path: file.path,
        change: file.before === undefined ? 'added' : file.after === undefined ? 'removed' : 'modified',
        hunks: file.hunks.map(({ line, offset, fuzz }) => ({ line, offset, fuzz })),
      })),
    })),
    units: units.map((unit) => unitOf(unit, request)),
    relocations: relocationsOf(units),
    exports: [...new Set(units.flatMap((unit) => unit.extraction?.exports ?? []))].sort(order),
    findings: request.findings.map((finding) => {
      const { id, severity, what, why, next, evidence, certainty, at } = finding;
      const plain = {
        id,
        severity,
        what,
        ...(why === undefined ? {} : { why }),
        ...(next === undefined ? {} : { next }),
        ...(evidence === undefined ? {} : { evidence: [...evidence] }),
        ...(certainty === undefined ? {} : { certainty }),
        ...(at === undefined ? {} : { at: { ...at } }),
      };
      return { ...plain, overridden: overrides.has(id) };
    }),
    ...(module ? { module: moduleOf(module.bytes, module.plan) } : {}),
    tools: request.tools
      .map(({ name, version }) => ({ name, version }))
      .sort((a, b) => order(a.name, b.name)),
  };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function moduleOf(bytes: Uint8Array, plan: LivepatchPlan): NonNullable<Report['module']> {
  return {
    name: plan.name,
    sha256: sha256Hex(bytes),
    size: bytes.length,
    replace: plan.replace,
    objects: plan.objects.map((object) => ({
      name: object.name,
      functions: object.functions
        .map((entry) => ({ name: entry.oldName, sympos: entry.sympos }))
        .sort((a, b) => order(a.name, b.name) || a.sympos - b.sympos),
      ...(object.callbacks ? { callbacks: namedCallbacks(object.callbacks) } : {}),
    })),
    ...(plan.states ? { states: plan.states.map(({ id, version }) => ({ id, version })) } : {}),
  };
}

function unitOf(reported: ReportedUnit, { files, fixes }: ReportRequest): ReportUnit {
  const edits = fixes.length > 1 ? editedBy(fixes) : [];
  const { unit, comparison, objects } = reported;
  const explainer = explainUnit(comparison, reported.source, files);
  const touched = comparison.functions.filter((change) => change.status !== 'same');
  return {
    source: unit.source,
    object: unit.object,
    owner: unit.owner,
    sha256: { before: sha256Hex(objects.before), after: sha256Hex(objects.after) },
    match: matchOf(reported.match),
    unchanged: comparison.functions.length - touched.length,
    functions: touched
      .map((change) => {
        const why = explainer.why(change);
        const by = fixesBehind(why, unit.source, edits);
        return { ...functionOf(change, why, reported.extraction), ...(by.length > 0 ? { fixes: by } : {}) };
      })
      .sort((a, b) => order(a.status, b.status) || order(a.name, b.name)),
    data: dataOf(reported),
    dropped: (reported.dropped ?? []).map((entry) => ({ ...entry })),
  };
}

/**
 * Of several fixes, those that a function changes by: the ones that edit what the reasons name; where those name nothing, all that edit
 * the unit's source or a header.
 */
function fixesBehind(why: readonly Reason[], source: string, edits: readonly EditedBy[]): string[] {
  const named = edits.filter(({ path, names }) =>
    why.some(
      (reason) => reason.file === path && (reason.function === undefined || names.has(reason.function)),
    ),
  );
  const found =
    named.length > 0 ? named : edits.filter(({ path }) => path === source || !path.endsWith('.c'));
  return [...new Set(found.map(({ fix }) => fix))];
}

function functionOf(
  change: FunctionChange,
  why: Reason[],
  extraction: ReportedUnit['extraction'],
): ReportFunction {
  const { before, after, difference } = change;
  const patched = extraction?.functions.find((entry) => entry.before === before && entry.after === after);
  return {
    name: change.name,
    status: change.status === 'same' ? 'changed' : change.status,
    patched: patched !== undefined,
    ...(patched ? { sympos: patched.sympos } : {}),
    sizes: { ...(before ? { before: before.size } : {}), ...(after ? { after: after.size } : {}) },
    ...(difference ? { difference: { ...difference } } : {}),
    why,
  };
}

function dataOf({ comparison, extraction }: ReportedUnit): ReportUnit['data'] {
  const data: ReportUnit['data'] = comparison.data.flatMap(({ name, status, before, after }) => {
    const piece = after ?? before;
    return piece ? [{ name, status, section: piece.section.name, size: piece.size }] : [];
  });
  for (const { piece, copied } of extraction?.data ?? [])
    if (copied)
      data.push({ name: piece.name, status: 'copied', section: piece.section.name, size: piece.size });
  return data.sort(
    (a, b) => order(a.status, b.status) || order(a.name, b.name) || order(a.section, b.section),
  );
}

function matchOf(match: ReportedUnit['match']): ReportUnit['match'] {
  const verdicts = new Map<string, number>();
  let labels = 0;
  let checked = 0;
  const exceptions: ReportUnit['match']['exceptions'] = [];
  for (const { name, verdict, jumpLabels, targetsChecked, difference } of match?.functions ?? []) {
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    labels += jumpLabels;
    checked += targetsChecked;
    if (verdict === 'identical' || verdict === 'jump-labels') continue;
    const detail =
      difference && `${difference.what}: expected ${difference.expected}, found ${difference.found}`;
    exceptions.push({ name, verdict, ...(detail ? { detail } : {}) });
  }
  return {
    verdicts: [...verdicts]
      .map(([verdict, count]) => ({ verdict, count }))
      .sort((a, b) => b.count - a.count || order(a.verdict, b.verdict)),
    aside:
      labels > 0
        ? [{ what: 'jump labels (static branches) that objtool turned into nops', count: labels }]
        : [],
    checked,
    exceptions: exceptions.sort((a, b) => order(a.verdict, b.verdict) || order(a.name, b.name)),
  };
}

/** KLP relocations, one per symbol and patched object, with who refers to them. */
function relocationsOf(units: readonly ReportedUnit[]): Report['relocations'] {
  const all = new Map<string, { relocation: Report['relocations'][number]; users: Set<string> }>();
  for (const { extraction } of units) {
    if (!extraction) continue;
    const users = usersOf(extraction);
    for (const { symbol, object, name, sympos, patched } of extraction.placeholders) {
      const key = `${patched}\0${object}\0${name}\0${sympos}`;
      let entry = all.get(key);
      if (!entry) {
        entry = { relocation: { object, name, sympos, patched, usedBy: [] }, users: new Set() };
        all.set(key, entry);
      }
      for (const user of users.get(symbol) ?? []) entry.users.add(user);
    }
  }
  return [...all.values()]
    .map(({ relocation, users }) => ({ ...relocation, usedBy: [...users].sort(order) }))
    .sort(
      (a, b) =>
        order(a.patched, b.patched) ||
        order(a.object, b.object) ||
        order(a.name, b.name) ||
        a.sympos - b.sympos,
    );
}

/** Who refers to each undefined symbol of an extracted object: functions by their old names, tables by their sections. */
function usersOf(extraction: NonNullable<ReportedUnit['extraction']>): Map<string, Set<string>> {
  const users = new Map<string, Set<string>>();
  if (!extraction.bytes) return users;
  const model = readObjectModel(extraction.bytes);
  const oldNames = new Map(extraction.functions.map((entry) => [entry.newSymbol, entry.oldName]));
  for (const section of model.elf.sections) {
    for (const { offset, target } of model.references(section)) {
      if (target.kind !== 'external') continue;
      const piece = model.pieceAt(section, offset);
      const names = piece ? [piece.name, ...piece.aliases] : [];
      const user = names.map((name) => oldNames.get(name)).find((name) => name !== undefined);
      const name = user ?? piece?.name ?? section.name;
      const known = users.get(target.name);
      if (known) known.add(name);
      else users.set(target.name, new Set([name]));
    }
  }
  return users;
}
