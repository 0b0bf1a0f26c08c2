import type { Finding } from '@klpkit/findings';
import { type Applied, applyHunks, type FailedHunk, type Hunk } from '@klpkit/formats';
import { type EditedFile, editsOf, linesOf } from '../report/edits.ts';
import { functionAround } from './around.ts';
import type { AppliedFix } from './types.ts';

/** A file as one fix after another changes it. */
interface Stage {
  /** The fix that makes `after` of `before`. */
  readonly fix: string;
  readonly before: string;
  readonly after: string;
}

/** What earlier fixes made of a file, in their order. */
export function stagesOf(earlier: readonly AppliedFix[], path: string): Stage[] {
  return earlier.flatMap(({ name, files }) =>
    files.flatMap((file) =>
      file.path === path ? [{ fix: name, before: file.before ?? '', after: file.after ?? '' }] : [],
    ),
  );
}

/**
 * Says which earlier fix keeps a hunk from being applied; `undefined` when it does not fit the kernel's own source either.
 *
 * @param name of the fix that the hunk is of
 */
export function conflictFinding(
  name: string,
  path: string,
  stages: readonly Stage[],
  { hunk, at: line, expectedLine, foundLine, isApplied }: FailedHunk,
): Finding | undefined {
  const fits = (text: string) => applyHunks(text, [hunk]).failed.length === 0;
  const [first] = stages;
  if (!first || !fits(first.before)) return undefined;
  const stage = stages.find(({ after }) => !fits(after));
  if (!stage) return undefined;
  const lines = linesOf(stage.after);
  const inside = functionAround(lines, Math.min(line, lines.length));
  const where = `${inside === undefined ? '' : `${inside} of `}${path}`;
  const is = foundLine === undefined ? 'the file ends before it' : `it is ${JSON.stringify(foundLine)}`;
  return {
    id: 'fixes-conflict',
    severity: 'error',
    what: isApplied
      ? `${name} line ${hunk.patchLine}: ${stage.fix} has made this change of ${where} already`
      : `${name} line ${hunk.patchLine}: the hunk does not apply to ${where} after ${stage.fix}: line ${line} should be ${JSON.stringify(expectedLine)}, ${is}`,
    why: `without ${stage.fix} it applies: both change the same lines`,
    next: isApplied
      ? 'leave one of the two out'
      : "give the fixes in the order of the kernel's history, or rebase the one onto the other",
    at: { file: path, line, ...(inside === undefined ? {} : { symbol: inside }) },
  };
}

/**
 * Says of hunks that found a place only with fuzz, and in another function than in the kernel's own source, that an earlier fix is in
 * their way: what is alike around them is no longer where they belong.
 *
 * @param before the file as the earlier fixes leave it
 */
export function strayedFindings(
  name: string,
  path: string,
  stages: readonly Stage[],
  before: string,
  hunks: readonly Hunk[],
  applied: Pick<Applied, 'hunks'>,
): Finding[] {
  const [first] = stages;
  const alone = first && applyHunks(first.before, hunks);
  if (!alone || alone.failed.length > 0) return [];
  const functionOf = (text: string, index: number, line: number) => {
    const context = hunks[index]?.lines.findIndex(({ kind }) => kind !== ' ') ?? 0;
    return functionAround(linesOf(text), line + context);
  };
  return applied.hunks.flatMap(({ fuzz, line, patchLine }, index): Finding[] => {
    const meant = alone.hunks[index];
    if (fuzz === 0 || !meant || meant.fuzz > 0) return [];
    const [was, is] = [functionOf(first.before, index, meant.line), functionOf(before, index, line)];
    if (was === is) return [];
    const fixes = [...new Set(stages.map((stage) => stage.fix))].join(' and ');
    return [
      {
        id: 'fixes-conflict',
        severity: 'error',
        what: `${name} line ${patchLine}: the hunk is for ${was ?? 'no function'} of ${path} and after ${fixes} fits ${is ?? 'outside of functions'} alone`,
        why: `without ${fixes} it applies as it is: both change the same lines`,
        next: "give the fixes in the order of the kernel's history, or rebase the one onto the other",
        at: { file: path, line, ...(was === undefined ? {} : { symbol: was }) },
      },
    ];
  });
}

/** What one fix edits in one file. */
export interface EditedBy {
  readonly fix: string;
  readonly path: string;
  /** Functions and macros whose text it edits. */
  readonly names: ReadonlySet<string>;
}

/** A fix as far as its texts go: {@link AppliedFix} is one. */
export interface FixTexts {
  readonly name: string;
  readonly files: readonly EditedFile[];
}

/** What each fix edits, in the order of the fixes. */
export function editedBy(fixes: readonly FixTexts[]): EditedBy[] {
  return fixes.flatMap(({ name, files }) =>
    files.map(({ path, before = '', after = '' }) => {
      const [old, now] = [linesOf(before), linesOf(after)];
      const names = editsOf(before, after).flatMap((edit) => [
        functionAround(now, edit.after.first) ?? '',
        functionAround(old, edit.before.first) ?? '',
      ]);
      return { fix: name, path, names: new Set(names.filter((one) => one !== '')) };
    }),
  );
}

/** Functions that several fixes change: the livepatch holds what all of them make of it. */
export function meetingFindings(fixes: readonly FixTexts[]): Finding[] {
  const known = new Map<
    string,
    { readonly path: string; readonly name: string; readonly fixes: Set<string> }
  >();
  for (const { fix, path, names } of editedBy(fixes))
    for (const name of names) {
      const key = `${path}\0${name}`;
      const entry = known.get(key) ?? { path, name, fixes: new Set<string>() };
      known.set(key, entry);
      entry.fixes.add(fix);
    }
  return [...known.values()]
    .filter(({ fixes: all }) => all.size > 1)
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.name < b.name ? -1 : 1))
    .map(({ path, name, fixes: all }) => ({
      id: 'fixes-meet',
      severity: 'note' as const,
      what: `${name} of ${path} is changed by ${[...all].join(' and ')}`,
      why: 'the livepatch holds what they make of it together, in this order',
      at: { file: path, symbol: name },
    }));
}
