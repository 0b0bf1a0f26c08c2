import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { applyHunks, type FilePatch, PatchError, parsePatch } from '@klpkit/formats';
import { kindOf, refusedPlace } from './kinds.ts';
import { withLineDirectives } from './lines.ts';
import type { AppliedFix, Fix, FixedFile } from './types.ts';

/** A patch as text. */
export interface PatchText {
  readonly name: string;
  readonly text: string;
}

interface State {
  readonly original: string | undefined;
  text: string | undefined;
}

/**
 * Applies patches, one after another, to the files of a kernel tree in memory.
 *
 * @throws {Refusal} with every reason at once: what cannot be read, what does not apply, what leaves the tree, what no livepatch reaches
 */
export async function readFix(sourceDir: string, patches: readonly PatchText[]): Promise<Fix> {
  const reader = new FixReader(sourceDir);
  const applied: AppliedFix[] = [];
  for (const patch of patches) {
    const result = await reader.apply(patch);
    if (result) applied.push(result);
  }
  const files = reader.files();
  const findings = reader.findings;
  const touched = files.filter((file) => file.kind === 'source' || file.kind === 'header');
  if (touched.length === 0 && !findings.some((finding) => finding.severity === 'error'))
    findings.push({
      id: 'nothing-to-build',
      severity: 'error',
      what: 'the patch touches no C source or header of the kernel',
      why: 'a livepatch replaces compiled functions; nothing here is compiled into the kernel',
      next: 'give the patch that holds the fix itself',
    });
  if (findings.some((finding) => finding.severity === 'error')) throw new Refusal(findings);
  return { patches: applied, files, findings };
}

class FixReader {
  readonly findings: Finding[] = [];
  readonly #root: string;
  readonly #states = new Map<string, State>();

  constructor(root: string) {
    this.#root = root;
  }

  async apply(patch: PatchText): Promise<AppliedFix | undefined> {
    const name = basename(patch.name);
    let parsed: ReturnType<typeof parsePatch>;
    try {
      parsed = parsePatch(patch.text);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      this.#error(
        'patch-malformed',
        `${name}: ${error.message.replace(/^patch: /, '')}`,
        'give a unified diff as git format-patch, git diff or diff -u writes it',
        { file: name },
      );
      return undefined;
    }
    const files: AppliedFix['files'][number][] = [];
    for (const { line, what } of parsed.notes)
      this.findings.push({
        id: 'patch-note',
        severity: 'note',
        what: `${name} line ${line}: ${what}`,
        at: { file: name },
      });
    for (const file of parsed.files) {
      const done = await this.#applyFile(name, file);
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

  #error(id: string, what: string, next: string, at: Finding['at'], why?: string): undefined {
    this.findings.push({ id, severity: 'error', what, next, ...(why ? { why } : {}), ...(at ? { at } : {}) });
    return undefined;
  }

  async #applyFile(name: string, file: FilePatch): Promise<AppliedFix['files'][number] | undefined> {
    const path = await this.#pathInTree(name, file);
    if (path === undefined) return undefined;
    const at = { file: path };
    if (kindOf(path) === 'other') {
      this.findings.push({
        id: 'patch-file-ignored',
        severity: 'note',
        what: `${path} is not compiled into the kernel and is left out`,
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
    if (kindOf(path) === 'build')
      this.findings.push({
        id: 'patch-build-rules',
        severity: 'warning',
        what: `${path} changes, and a livepatch cannot follow it`,
        why: 'what the running kernel is built from, and with which options, was decided when it was built',
        next: 'make sure that the fix does not need this part',
        at,
      });
    const state = await this.#state(path);
    if (file.kind === 'mode') return undefined;
    if ((file.kind === 'rename' || file.kind === 'copy') && file.oldName !== undefined) {
      const old = await this.#state(file.isBare ? file.oldName : stripPath(file.oldName, 1));
      state.text ??= old.text;
      if (file.kind === 'rename') old.text = undefined;
    }
    if (file.newName === undefined) {
      const before = state.text;
      state.text = undefined;
      return { path, before, after: undefined, hunks: [] };
    }
    if (file.oldName === undefined && state.text !== undefined && state.text !== '')
      return this.#error(
        'patch-does-not-apply',
        `${name} line ${file.patchLine}: the patch adds ${path}, which the kernel's source has already`,
        'check that the patch is for this kernel version',
        at,
      );
    if (file.oldName !== undefined && state.text === undefined)
      return this.#error(
        'patch-does-not-apply',
        `${name} line ${file.patchLine}: the patch changes ${path}, which the kernel's source does not have`,
        'check that the patch is for this kernel version',
        at,
      );
    const before = state.text;
    const result = applyHunks(before ?? '', file.hunks);
    if (result.failed.length > 0 && result.failed.every((hunk) => hunk.isApplied))
      return this.#error(
        'patch-already-applied',
        `${name}: ${path} has this change already`,
        'nothing needs to be livepatched here, or the kernel is newer than the fix',
        at,
      );
    for (const { hunk, at: line, expectedLine: expected, foundLine: found } of result.failed)
      this.#error(
        'patch-does-not-apply',
        `${name} line ${hunk.patchLine}: the hunk does not apply to ${path}: line ${line} should be ${JSON.stringify(expected)}, ${found === undefined ? 'the file ends before it' : `it is ${JSON.stringify(found)}`}`,
        'rebase the patch onto the source of this kernel',
        { ...at, line },
      );
    result.hunks.forEach((hunk, index) => {
      if (hunk.fuzz === 0 && hunk.offset === 0) return;
      this.findings.push({
        id: hunk.fuzz ? 'patch-fuzz' : 'patch-offset',
        severity: hunk.fuzz ? 'warning' : 'note',
        what: `hunk ${index + 1} of ${path} applies at line ${hunk.line}${hunk.offset ? `, ${Math.abs(hunk.offset)} lines ${hunk.offset > 0 ? 'below' : 'above'} where it says` : ''}${hunk.fuzz ? `, with ${hunk.fuzz} lines of context left out` : ''}`,
        ...(hunk.fuzz
          ? {
              why: 'the lines around the change are not those that the author of the patch saw',
              next: 'look whether the change is at the right place, and rebase the patch',
            }
          : {}),
        at: { ...at, line: hunk.line },
      });
    });
    if (result.failed.length > 0) return undefined;
    state.text = result.text;
    return { path, before, after: result.text, hunks: result.hunks };
  }

  async #state(path: string): Promise<State> {
    const known = this.#states.get(path);
    if (known) return known;
    const text = await readFile(join(this.#root, path), 'utf8').catch(() => undefined);
    const state: State = { original: text, text };
    this.#states.set(path, state);
    return state;
  }

  /** The file's path in the tree, its prefix taken off; a finding when it leads elsewhere. */
  async #pathInTree(name: string, file: FilePatch): Promise<string | undefined> {
    const raw = file.newName ?? file.oldName;
    if (raw === undefined)
      return this.#error(
        'patch-malformed',
        `${name} line ${file.patchLine}: the change names no file`,
        'write the patch anew',
        {
          file: name,
        },
      );
    for (const path of [file.oldName, file.newName])
      if (path !== undefined && leavesTree(path))
        return this.#error(
          'patch-leaves-tree',
          `${name} line ${file.patchLine}: ${JSON.stringify(path)} leads out of the kernel tree`,
          'a patch names files relative to the top of the kernel source',
          { file: name },
        );
    const path = this.#stripped(file, raw);
    if (path === undefined)
      return this.#error(
        'patch-does-not-apply',
        `${name} line ${file.patchLine}: the kernel's source has no ${raw.replace(/^[ab]\//, '')}`,
        'check that the patch is for this kernel, and made at the top of its source',
        { file: raw },
      );
    const full = join(this.#root, existsSync(join(this.#root, path)) ? path : dirname(path));
    const real = await realpath(full).catch(() => full);
    const root = await realpath(this.#root);
    if (real !== root && !real.startsWith(root + sep))
      return this.#error(
        'patch-leaves-tree',
        `${name} line ${file.patchLine}: ${path} is a link out of the kernel tree`,
        'name the file itself',
        { file: name },
      );
    return path;
  }

  /** As patch -p: the fewest leading folders off that give a file of the tree; git's own prefix is tried first. */
  #stripped(file: FilePatch, raw: string): string | undefined {
    const depth = raw.split('/').length;
    const order = Array.from({ length: depth }, (_, strip) => strip);
    if (/^[ab]\//.test(raw)) order.sort((a, b) => Number(b === 1) - Number(a === 1) || a - b);
    const exists = (path: string) => this.#states.has(path) || existsSync(join(this.#root, path));
    for (const strip of order) {
      const path = stripPath(raw, strip);
      if (
        file.oldName === undefined
          ? existsSync(join(this.#root, dirname(path))) && path.includes('/')
          : exists(path)
      )
        return path;
    }
    // A renamed file does not exist under its new name; git's prefix is known.
    return file.kind === 'rename' || file.kind === 'copy'
      ? file.isBare
        ? raw
        : stripPath(raw, 1)
      : undefined;
  }
}

function stripPath(path: string, count: number): string {
  return path.split('/').slice(count).join('/');
}

function leavesTree(path: string): boolean {
  return path.startsWith('/') || path.includes('\0') || path.split('/').includes('..');
}
