import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assessFix, type BuiltLivepatch, buildLivepatch, type ComparedUnit } from '@klpkit/author';
import { type Finding, Refusal } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { patchOf } from './changed.ts';
import {
  type Compared,
  countUnit,
  defect,
  nothingCompared,
  type Outcome,
  type Reason,
  reasonsOf,
  type Why,
} from './outcome.ts';

/** Two releases of a kernel, and what differs between their sources. */
export interface Step {
  readonly from: Kernel;
  readonly to: Kernel;
  /** Changed `.c` files, relative to the tree. */
  readonly sources: ReadonlySet<string>;
  /** Changed headers and the like. */
  readonly headers: ReadonlySet<string>;
}

/** What to build. */
export interface FixToBuild {
  readonly file: string;
  readonly kind: 'built-in' | 'module' | 'header';
  /** Most units that a changed header may reach. */
  readonly maxUnits: number;
  /** Compilers at once. */
  readonly jobs: number;
  /** Make the module; else the fix is only judged. */
  readonly makesModule: boolean;
  /** Source lines for the reasons, which cost another compilation. */
  readonly sourceLines: boolean;
}

/** What a fix came to. */
export interface Attempt {
  readonly outcome: Outcome;
  readonly built?: BuiltLivepatch;
  /** Units that were compiled on both sides. */
  readonly units: readonly ComparedUnit[];
}

/** Turns in which changed files may be brought along. */
const mostTurns = 8;

/** A name for the livepatch of a file: the path, shortened with a hash where it is long. */
export function livepatchName(file: string): string {
  const plain = `livepatch_${file.replace(/\.c$/, '').replace(/[^A-Za-z0-9]/g, '_')}`;
  return plain.length <= 55
    ? plain
    : `${plain.slice(0, 46)}_${createHash('sha256').update(file).digest('hex').slice(0, 8)}`;
}

/** Builds the fix of one file, with the other changed files that it does not compile without. */
export async function buildFix(
  step: Step,
  { file, kind, maxUnits, jobs, makesModule, sourceLines }: FixToBuild,
): Promise<Attempt> {
  const start = performance.now();
  let along: string[] = [];
  for (let turn = 0; ; turn++) {
    const units: ComparedUnit[] = [];
    let compared: Compared = nothingCompared;
    const finish = (
      outcome: Outcome['outcome'],
      reasons: readonly Reason[],
      built?: BuiltLivepatch,
    ): Attempt => ({
      outcome: {
        file,
        kind,
        outcome,
        reasons,
        functions: built ? functionsOf(built) : [],
        headers: along,
        ...(compared.units > 0 ? { compared } : {}),
        why: built ? whyOfReport(built) : units.flatMap(whyOfUnit),
        ...(built ? { livepatch: built.plan.name } : {}),
        seconds: { build: (performance.now() - start) / 1000 },
      },
      ...(built ? { built } : {}),
      units,
    });
    const text = await patchOf(step.from.sourceDir, step.to.sourceDir, [...along, file].sort());
    const patches = [{ name: 'fix.patch', text }];
    const options = {
      sourceLines,
      maxUnits,
      jobs,
      onUnit(unit: ComparedUnit) {
        compared = countUnit(compared, unit);
        if (unit.judged) units.push(unit);
      },
      ...(kind !== 'header' && along.length > 0
        ? {
            units: [file],
            overrides: new Map([
              ['header-outside-units', 'the fix of one source; its headers serve this unit alone'],
            ]),
          }
        : {}),
    };
    let errors: readonly Finding[];
    try {
      if (makesModule) {
        const result = await buildLivepatch(step.from, patches, { ...options, name: livepatchName(file) });
        if (result.outcome === 'built') return finish('built', [], result);
        return finish('refused', nothingIn(result.findings));
      }
      const { verdict, findings } = await assessFix(step.from, patches, { ...options, sourceLines: false });
      if (verdict === 'nothing') return finish('refused', nothingIn(findings));
      if (verdict !== 'refused') return finish('buildable', []);
      errors = findings;
    } catch (error) {
      if (!(error instanceof Refusal)) return finish('failed', [defect(error)]);
      errors = error.findings;
    }
    const more = turn < mostTurns ? await missing(step, file, kind, errors, along) : [];
    if (more.length === 0) return finish('refused', reasonsOf(errors));
    along = [...new Set([...along, ...more])].sort();
  }
}

function nothingIn(findings: readonly Finding[]): Reason[] {
  return findings.filter(({ id }) => id === 'nothing-changed').map(({ id, what }) => ({ id, what }));
}

function functionsOf({ plan }: BuiltLivepatch): string[] {
  return plan.objects.flatMap((object) => object.functions.map(({ oldName }) => `${object.name}:${oldName}`));
}

function whyOfReport({ report }: BuiltLivepatch): Why[] {
  return report.units.flatMap((unit) =>
    unit.functions.map(({ name, status, why }) => ({
      function: name,
      status,
      kind: why[0]?.kind ?? 'unknown',
      text: short(why.map(({ text }) => text).join('; ')),
    })),
  );
}

/** Without a report the first difference has to do. */
function whyOfUnit({ judged }: ComparedUnit): Why[] {
  return (judged?.comparison.functions ?? []).flatMap(({ name, status, difference }) =>
    status === 'same'
      ? []
      : [
          {
            function: name,
            status,
            kind: difference ? `differs: ${difference.kind}` : status,
            text: difference
              ? short(`at +0x${difference.offset.toString(16)} ${difference.before} → ${difference.after}`)
              : '',
          },
        ],
  );
}

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)} …` : text;
}

/** Changed files that a fix misses, by what the compiler says of it without them; none when it does not fail by that. */
async function missing(
  step: Step,
  file: string,
  kind: FixToBuild['kind'],
  findings: readonly Finding[],
  along: readonly string[],
): Promise<string[]> {
  const failed = findings.filter(({ id }) => id === 'does-not-compile');
  if (failed.length === 0) return [];
  const isNew = (path: string) => path !== file && !along.includes(path);
  if (kind === 'header') {
    // What a header changes the units that use it have to follow, where the release changed them too.
    const units = failed
      .map(({ at }) => at?.unit ?? '')
      .filter((unit) => step.sources.has(unit) && isNew(unit));
    if (units.length > 0) return units;
  }
  const message = failed.map(({ what, why = '' }) => `${what}\n${why}`).join('\n');
  const unit = kind === 'header' ? (failed[0]?.at?.unit ?? file) : file;
  return (await headersFor(step, unit, message)).filter(isNew);
}

/** Of the changed headers that a source includes, those that bring what the compiler misses; all, when no message names them. */
async function headersFor(step: Step, file: string, message: string): Promise<string[]> {
  const candidates = await changedHeadersOf(step, file);
  const missed = new Set([...message.matchAll(/['‘](\w+)['’]/g)].map((match) => match[1]));
  // Where the message names nothing, the line of source that it shows may.
  const shown = new Set(
    [...message.matchAll(/^ *\d+ \|(.*)$/gm)].flatMap(([, line]) => (line as string).match(/\w{6,}/g) ?? []),
  );
  const bringing: string[] = [];
  const touching: string[] = [];
  for (const path of candidates) {
    const lines = (await patchOf(step.from.sourceDir, step.to.sourceDir, [path])).split('\n');
    // Lines around a change count too: a function's name may stand above the parameter that changes.
    const words = (list: readonly string[]) => list.flatMap((line) => line.match(/\w+/g) ?? []);
    if (message.includes(`${path}:`) || words(lines).some((word) => missed.has(word))) bringing.push(path);
    if (words(lines.filter((line) => /^[+-][^+-]/.test(line))).some((word) => shown.has(word)))
      touching.push(path);
  }
  if (bringing.length === 0 && touching.length > 0) return touching;
  return bringing.length > 0 ? bringing : candidates;
}

/** Changed headers that a source names, directly or through other files. */
async function changedHeadersOf(step: Step, file: string): Promise<string[]> {
  const reached = new Set<string>();
  const queue = [file];
  const seen = new Set(queue);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const text = await readFile(join(step.to.sourceDir, path), 'utf8').catch(() => '');
    for (const [, open, name] of text.matchAll(/^\s*#\s*include\s*(["<])([^">]+)[">]/gm)) {
      const folder = path.slice(0, path.lastIndexOf('/'));
      const places = [
        ...(open === '"' ? [join(folder, name)] : []),
        join('include', name),
        join('arch/x86/include', name),
        join('include/uapi', name),
      ];
      const found = places.find((place) => existsSync(join(step.to.sourceDir, place)));
      if (found === undefined || seen.has(found)) continue;
      seen.add(found);
      queue.push(found);
      if (step.headers.has(found) && existsSync(join(step.from.sourceDir, found))) reached.add(found);
    }
  }
  return [...reached].sort();
}
