import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Finding, type Place, Refusal } from '@klpkit/findings';
import {
  type Applied,
  applyHunks,
  type FilePatch,
  type Patch,
  PatchError,
  parsePatch,
  stripName,
} from '@klpkit/formats';
import { annotationHeaders } from '../annotations/headers.ts';
import { kindOf, notCompiled, refusedPlace, ruleChanges } from './kinds.ts';
import { withLineDirectives } from './lines.ts';
import { checkPath, readTreeFile, stripLevel } from './paths.ts';
import { conflictFinding, meetingFindings, stagesOf, strayedFindings } from './several.ts';
import type { AppliedFix, Fix, FixedFile } from './types.ts';

/** A patch as text. */
export interface PatchText {
  readonly name: string;
  readonly text: string;
}

/** Options of {@link readFix}. */
export interface ReadOptions {
  /** Ids of errors that the author answers for: they stay errors in `findings`, and do not stop the reading. */
  readonly overrides?: ReadonlyMap<string, unknown>;
  /** Whether the kernel's configuration has an option (`CONFIG_SMP`); absent: all may be on. */
  readonly isOn?: (option: string) => boolean;
}

/**
 * Applies patches, one after another, to the files of a kernel tree in memory. Whatever they are, they leave the tree alone.
 *
 * @throws {Refusal} with every reason at once: what cannot be read, what does not apply, what leaves the tree, what no livepatch reaches
 */
export async function readFix(
  sourceDir: string,
  patches: readonly PatchText[],
  options: ReadOptions = {},
): Promise<Fix> {
  const reader = new FixReader(sourceDir, options);
  const applied: AppliedFix[] = [];
  for (const patch of patches) {
    const result = await reader.apply(patch, applied);
    if (result) applied.push(result);
  }
  reader.findings.push(...meetingFindings(applied));
  const files = reader.files();
  const { findings } = reader;
  const isError = ({ severity, id }: Finding) => severity === 'error' && !options.overrides?.has(id);
  const touched = files.filter((file) => file.kind === 'source' || file.kind === 'header');
  if (touched.length === 0 && !findings.some(isError))
    findings.push({
      id: 'nothing-to-build',
      severity: 'error',
      what: 'the patch touches no C source or header of the kernel',
      why: 'a livepatch replaces compiled functions; nothing here is compiled into the kernel',
      next: 'give the patch that holds the fix itself',
    });
  if (findings.some(isError)) throw new Refusal(findings);
  return { patches: applied, files, headers: await annotationHeaders(sourceDir, files), findings };
}

interface State {
  readonly original: string | undefined;
  text: string | undefined;
}

/** The paths of one file of a patch; `from` is the one that is read, which for a renamed or copied file is another. */
interface Paths {
  readonly path: string;
  readonly from: string;
}

type AppliedFile = AppliedFix['files'][number];

/** A patch that does not fit the source has one way out. */
const otherVersion = 'check that the patch is for this kernel version';

class FixReader {
  readonly findings: Finding[] = [];
  readonly #root: string;
  readonly #options: ReadOptions;
  readonly #states = new Map<string, State>();
  /** The fixes before the one under way. */
  #earlier: readonly AppliedFix[] = [];

  constructor(root: string, options: ReadOptions) {
    this.#root = root;
    this.#options = options;
  }

  async apply(patch: PatchText, earlier: readonly AppliedFix[]): Promise<AppliedFix | undefined> {
    const name = basename(patch.name);
    this.#earlier = earlier;
    const parsed = this.#parse(name, patch.text);
    if (!parsed) return undefined;
    for (const { line, what } of parsed.notes)
      this.findings.push({
        id: 'patch-note',
        severity: 'note',
        what: `${name} line ${line}: ${what}`,
        at: { file: name, line },
      });
    const level = await stripLevel(parsed.files, (path) => this.#exists(path));
    const files: AppliedFile[] = [];
    for (const file of parsed.files) {
      const paths = await this.#paths(name, file, level);
      const done = paths && (await this.#applyFile(name, file, paths));
      if (done) files.push(done);
    }
    return { name, subject: parsed.subject, files };
  }

  files(): FixedFile[] {
    return [...this.#states]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .filter(([, state]) => state.text !== state.original)
      .map(([path, state]) => {
        const kind = kindOf(path);
        const { original: before, text: after } = state;
        const numbered = kind === 'source' || kind === 'header';
        const compiled =
          before !== undefined && after !== undefined && numbered ? withLineDirectives(before, after) : after;
        return { path, kind, before, after, compiled };
      });
  }

  #parse(name: string, text: string): Patch | undefined {
    try {
      return parsePatch(text);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      return this.#error(
        'patch-malformed',
        `${name}: ${error.message.replace(/^patch: /, '')}`,
        'give a unified diff as git format-patch, git diff or diff -u writes it',
        { file: name, line: error.line },
      );
    }
  }

  #error(id: string, what: string, next: string, at: Place, why?: string): undefined {
    this.findings.push({ id, severity: 'error', what, ...(why ? { why } : {}), next, at });
    return undefined;
  }

  async #exists(path: string): Promise<boolean> {
    const known = this.#states.get(path);
    if (known) return known.text !== undefined;
    const found = await stat(join(this.#root, path)).catch(() => undefined);
    return found !== undefined;
  }

  /** Where in the tree a file of a patch is; a finding if that is outside. */
  async #paths(name: string, file: FilePatch, level: number): Promise<Paths | undefined> {
    const strip = (raw: string | undefined) =>
      raw === undefined ? undefined : file.isBare ? raw : (stripName(raw, level) ?? raw);
    const [old, fresh] = [strip(file.oldName), strip(file.newName)];
    for (const path of [old, fresh]) {
      const bad = path === undefined ? undefined : checkPath(path);
      if (bad) return this.#leavesTree(name, file, path as string, bad.reason);
    }
    // An absolute name is fine as long as its end is a file of the tree, as of diff -u /usr/src/linux/….
    for (const [raw, path] of [
      [file.oldName, old],
      [file.newName, fresh],
    ])
      if (raw?.startsWith('/') && !(await this.#exists(path ?? '')))
        return this.#leavesTree(name, file, raw, 'it is absolute');
    if (file.kind === 'rename' || file.kind === 'copy')
      return old === undefined || fresh === undefined ? undefined : { path: fresh, from: old };
    // diff -u x.c.orig x.c has the name on one side, diff -u x.c x.c.new on the other.
    const path =
      old !== undefined && fresh !== undefined && !(await this.#exists(fresh)) && (await this.#exists(old))
        ? old
        : (fresh ?? old);
    return path === undefined ? undefined : { path, from: path };
  }

  #leavesTree(name: string, file: FilePatch, path: string, reason: string): undefined {
    return this.#error(
      'patch-leaves-tree',
      `${name} line ${file.patchLine}: ${JSON.stringify(path)} is not taken: ${reason}`,
      'a patch names files relative to the top of the kernel source',
      { file: name, line: file.patchLine },
      'a patch may change files of the kernel source only',
    );
  }

  async #applyFile(name: string, file: FilePatch, { path, from }: Paths): Promise<AppliedFile | undefined> {
    const at = { file: path };
    const ignored = notCompiled(path) ?? (kindOf(path) === 'other' ? 'is no C source or header' : undefined);
    if (ignored !== undefined) {
      this.findings.push({
        id: 'patch-file-ignored',
        severity: kindOf(path) === 'other' && notCompiled(path) === undefined ? 'warning' : 'note',
        what: `${path} ${ignored}; its change is left out`,
        at,
      });
      return undefined;
    }
    const refused = refusedPlace(path);
    if (refused) return this.#error(refused.id, refused.what, refused.next, at, refused.why);
    if (file.kind === 'binary')
      return this.#error(
        'patch-binary',
        `${name} line ${file.patchLine}: the change of ${path} is binary`,
        'leave binary files out of the patch',
        at,
      );
    if (file.kind === 'mode') {
      this.findings.push({
        id: 'patch-file-ignored',
        severity: 'note',
        what: `${name} line ${file.patchLine}: only the permissions of ${path} change, which makes no code`,
        at,
      });
      return undefined;
    }
    if (kindOf(path) === 'build') this.#judgeRules(file, path);
    const states: State[] = [];
    for (const each of new Set([path, from])) {
      const state = await this.#state(each);
      if ('reason' in state) return this.#leavesTree(name, file, each, state.reason);
      states.push(state);
    }
    const [state, source = state] = states as [State, State?];
    return this.#change(name, file, path, state, source);
  }

  /** Applies one file's hunks; `source` is where a renamed or copied file comes from, else `state` itself. */
  #change(name: string, file: FilePatch, path: string, state: State, source: State): AppliedFile | undefined {
    const at = { file: path };
    const where = `${name} line ${file.patchLine}: `;
    const isNew = file.oldName === undefined;
    const before = isNew ? undefined : source.text;
    if (!isNew && before === undefined)
      return this.#error(
        'patch-does-not-apply',
        `${where}the kernel's source has no ${path}`,
        otherVersion,
        at,
      );
    const result = applyHunks(before ?? '', file.hunks);
    if ((isNew || source !== state) && state.text !== undefined && (state.text !== '' || !isNew)) {
      if (state.text === result.text) return this.#alreadyApplied(name, path);
      const what = `${where}the patch adds ${path}, which the kernel's source has already`;
      return this.#error('patch-does-not-apply', what, otherVersion, at);
    }
    if (result.failed.length > 0) return this.#failed(name, path, result);
    this.#moved(name, file, path, result);
    this.findings.push(
      ...strayedFindings(name, path, stagesOf(this.#earlier, path), before ?? '', file.hunks, result),
    );
    if (file.kind === 'rename') source.text = undefined;
    if (file.kind !== 'delete') state.text = result.text;
    else if (result.text === '') state.text = undefined;
    else
      return this.#error(
        'patch-does-not-apply',
        `${where}the patch removes ${path}, which has more lines than the patch knows`,
        otherVersion,
        at,
      );
    return { path, before, after: state.text, hunks: result.hunks };
  }

  #alreadyApplied(name: string, path: string): undefined {
    return this.#error(
      'patch-already-applied',
      `${name}: ${path} has this change already`,
      'nothing needs to be livepatched here, or the kernel is newer than the fix',
      { file: path },
    );
  }

  #failed(name: string, path: string, { failed, hunks }: Applied): undefined {
    const stages = stagesOf(this.#earlier, path);
    const conflicts = failed.map((hunk) => conflictFinding(name, path, stages, hunk));
    if (hunks.length === 0 && failed.every((hunk, index) => hunk.isApplied && conflicts[index] === undefined))
      return this.#alreadyApplied(name, path);
    for (const [
      index,
      { hunk, at: line, expectedLine: expected, foundLine: found, isApplied },
    ] of failed.entries()) {
      const conflict = conflicts[index];
      if (conflict) {
        this.findings.push(conflict);
        continue;
      }
      this.#error(
        'patch-does-not-apply',
        isApplied
          ? `${name} line ${hunk.patchLine}: ${path} has the change of this hunk already`
          : `${name} line ${hunk.patchLine}: the hunk does not apply to ${path}: ${whatDiffers(line, expected, found)}`,
        'rebase the patch onto the source of this kernel',
        { file: path, line },
      );
    }
    return undefined;
  }

  /** Says where hunks were put, unless that is where they say. */
  #moved(name: string, file: FilePatch, path: string, { hunks }: Applied): void {
    for (const [index, hunk] of hunks.entries()) {
      const { line, offset, fuzz, patchLine } = hunk;
      const at = { file: path, line };
      const isBlind =
        file.hunks[index]?.lines.every(({ kind }) => kind === '+') && file.oldName !== undefined;
      if (isBlind && file.hunks[index]?.oldStart !== 0)
        this.findings.push({
          id: 'patch-without-context',
          severity: 'warning',
          what: `${name} line ${patchLine}: the hunk only adds lines and has no context that says where in ${path} they belong`,
          next: `look at line ${line} of the file, or make the patch with context (diff -U3)`,
          at,
        });
      if (fuzz === 0 && offset === 0) continue;
      const moved = offset
        ? `, ${Math.abs(offset)} line${Math.abs(offset) > 1 ? 's' : ''} ${offset > 0 ? 'below' : 'above'} where it says`
        : '';
      this.findings.push({
        id: fuzz ? 'patch-fuzz' : 'patch-offset',
        severity: fuzz ? 'warning' : 'note',
        what: `hunk ${index + 1} of ${path} applies at line ${line}${moved}${fuzz ? `, with ${fuzz} line${fuzz > 1 ? 's' : ''} of context left out at each end` : ''}`,
        ...(fuzz
          ? {
              why: 'the lines around the change are not those that the author of the patch saw',
              next: 'look whether the change is at the right place, and rebase the patch',
            }
          : {}),
        at,
      });
    }
  }

  /** A livepatch cannot follow the rules of a build; that matters when they decide what is compiled. */
  #judgeRules(file: FilePatch, path: string): void {
    const { objects, options } = path.includes('Kconfig')
      ? { objects: [], options: [] }
      : ruleChanges(file.hunks.flatMap((hunk) => hunk.lines));
    const { isOn } = this.#options;
    const isOff = options.length > 0 && isOn !== undefined && options.every((option) => !isOn(option));
    const isError = objects.length > 0 && !isOff;
    this.findings.push({
      id: 'patch-build-rules',
      severity: isError ? 'error' : 'warning',
      what: isError
        ? `${path} changes what is built: ${objects.join(', ')}`
        : `${path} changes${isOff ? ` for ${options.join(' and ')}, which ${options.length > 1 ? 'are' : 'is'} off in this kernel` : ''}; a livepatch does not follow it`,
      why: 'what the running kernel is built from, and with which options, was decided when it was built',
      next: isError
        ? 'move the new code into a file that is built already, or take this part out of the patch'
        : 'make sure that the fix does not need this part',
      at: { file: path },
    });
  }

  async #state(path: string): Promise<State | { readonly reason: string }> {
    const known = this.#states.get(path);
    if (known) return known;
    const text = await readTreeFile(this.#root, path);
    if (typeof text === 'object') return text;
    const state: State = { original: text, text };
    this.#states.set(path, state);
    return state;
  }
}

function whatDiffers(line: number, expected: string, found: string | undefined): string {
  // As patch(1): less context at one end than at the other says that the hunk touches that end of the file.
  if (expected === found)
    return 'it has less context at one end than at the other, so it belongs at that end of the file, where it does not fit';
  const is = found === undefined ? 'the file ends before it' : `it is ${JSON.stringify(found)}`;
  return `line ${line} should be ${JSON.stringify(expected)}, ${is}`;
}
