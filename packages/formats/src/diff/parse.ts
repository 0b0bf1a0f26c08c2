import { decodeBody, isFromLine, readMailHeader } from './mail.ts';
import { fileName, gitNames, isEpoch } from './names.ts';
import { type FilePatch, type Hunk, type HunkLine, type Patch, PatchError } from './types.ts';

/**
 * Reads a patch: what `git format-patch`, `git diff`, `git show` and `diff -u` write, mails and mailboxes with them.
 *
 * Throws {@link PatchError} with the line of the patch if it is damaged, or holds no difference at all.
 *
 * @see git-diff(1), "Generating patch text with -p"; POSIX diff, "Diff -u Output Format"
 */
export function parsePatch(text: string): Patch {
  const reader = new Reader(linesOf(text));
  return reader.read();
}

function linesOf(text: string): string[] {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

const hunkHeader = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$/;

/** Most lines of a hunk or numbers in its header: far beyond any source file. */
const mostLines = 10_000_000;

interface Draft {
  kind: FilePatch['kind'];
  oldName?: string;
  newName?: string;
  isBare: boolean;
  readonly hunks: Hunk[];
  readonly patchLine: number;
}

class Reader {
  private readonly lines: string[];
  private at = 0;
  /** Whether the patch went through something that ends lines with carriage returns, so that they are no part of the files. */
  private hasReturns = false;
  private subject: string | undefined;
  private readonly files: FilePatch[] = [];
  private readonly notes: { line: number; what: string }[] = [];

  constructor(lines: string[]) {
    this.lines = lines;
  }

  read(): Patch {
    this.hasReturns = this.lines.some((line) => /^(--- |\+\+\+ |@@ -).*\r$/.test(line));
    if (this.hasReturns)
      this.lines.forEach((line, i) => {
        if (line.endsWith('\r')) this.lines[i] = line.slice(0, -1);
      });
    while ((this.lines[this.at] ?? '-').trim() === '') this.at++;
    if (this.at >= this.lines.length)
      throw new PatchError(1, 'expected a difference between files, found an empty patch');
    this.skipMail();
    while (this.at < this.lines.length) this.readNext();
    if (this.files.length === 0) {
      throw new PatchError(1, 'expected a difference between files (as of git diff or diff -u), found none');
    }
    return {
      ...(this.subject === undefined ? {} : { subject: this.subject }),
      files: this.files,
      notes: this.notes,
    };
  }

  private get line(): string {
    return this.lines[this.at] ?? '';
  }

  /** At the beginning of a mail: goes to where its patch begins, and decodes it if it must. */
  private skipMail(): void {
    const header = readMailHeader(this.lines, this.at);
    if (!header) return;
    this.subject ??= header.subject || undefined;
    this.at = header.body;
    let end = this.at;
    while (end < this.lines.length && !isFromLine(this.lines[end] as string)) end++;
    if (header.encoding === 'quoted-printable' || header.encoding === 'base64') {
      const body = linesOf(decodeBody(this.lines.slice(this.at, end).join('\n'), header.encoding));
      this.lines.splice(this.at, end - this.at, ...body);
      end = this.at + body.length;
    }
    // What stands above the first line of three dashes is the message, and may quote a patch.
    const dashes = this.lines.findIndex((line, i) => i >= this.at && i < end && line === '---');
    if (dashes < 0) return;
    for (let i = this.at; i < dashes; i++) {
      if (!this.beginsFile(i)) continue;
      this.notes.push({ line: i + 1, what: 'the message of the mail quotes a patch, which is not applied' });
      break;
    }
    this.at = dashes + 1;
  }

  /** Whether a file of the patch begins at a line, by what follows it. */
  private beginsFile(i: number): boolean {
    const line = this.lines[i] ?? '';
    if (line.startsWith('diff --git ')) return true;
    return (
      line.startsWith('--- ') &&
      (this.lines[i + 1] ?? '').startsWith('+++ ') &&
      (this.lines[i + 2] ?? '').startsWith('@@ ')
    );
  }

  private readNext(): void {
    const { line } = this;
    if (isFromLine(line)) {
      this.skipMail();
    } else if (this.beginsFile(this.at)) {
      this.readFile();
    } else if (/^diff --(cc|combined) |^@@@+ /.test(line)) {
      throw new PatchError(
        this.at + 1,
        'expected a patch of one commit, found the difference of a merge; give git diff between two commits',
      );
    } else if (/^\*\*\* \S.*/.test(line) && /^--- /.test(this.lines[this.at + 1] ?? '')) {
      throw new PatchError(
        this.at + 1,
        'expected a unified difference, found one with context (diff -c); give diff -u',
      );
    } else if (hunkHeader.test(line)) {
      throw new PatchError(
        this.at + 1,
        'expected the names of the files (--- and +++) before a hunk, found none',
      );
    } else if (/^--- \S/.test(line) && /^\+\+\+ \S/.test(this.lines[this.at + 1] ?? '')) {
      throw new PatchError(
        this.at + 3,
        `expected a hunk (@@ -…) behind the names of the files, found ${shown(this.lines[this.at + 2])}`,
      );
    } else {
      const binary = /^Binary files (.+) and (.+) differ$/.exec(line);
      const only = /^Only in ([^:]+): (.+)$/.exec(line);
      if (binary) {
        this.files.push({
          kind: 'binary',
          oldName: binary[1] as string,
          newName: binary[2] as string,
          isBare: false,
          hunks: [],
          patchLine: this.at + 1,
        });
      } else if (only) {
        this.notes.push({
          line: this.at + 1,
          what: `${only[1]}/${only[2]} is on one side only, and its content is not in the patch (diff -N shows it)`,
        });
      }
      this.at++;
    }
  }

  private readFile(): void {
    const draft: Draft = { kind: 'modify', isBare: false, hunks: [], patchLine: this.at + 1 };
    let hasMode = false;
    if (this.line.startsWith('diff --git ')) {
      const names = gitNames(this.line.slice('diff --git '.length));
      this.at++;
      for (; this.at < this.lines.length; this.at++) {
        const { line } = this;
        const named = /^(rename|copy) (from|to) (.+)$/.exec(line);
        if (named) {
          draft.kind = named[1] as 'rename' | 'copy';
          draft.isBare = true;
          const { name } = fileName(named[3] as string, this.at + 1);
          if (named[2] === 'from') draft.oldName = name;
          else draft.newName = name;
        } else if (line.startsWith('new file mode ')) draft.kind = 'add';
        else if (line.startsWith('deleted file mode ')) draft.kind = 'delete';
        else if (/^(old|new) mode /.test(line)) hasMode = true;
        else if (/^Binary files .* differ$|^GIT binary patch$/.test(line)) {
          this.skipBinary();
          this.push(this.named({ ...draft, kind: 'binary' }, names));
          return;
        } else if (!/^(index |similarity index |dissimilarity index )/.test(line)) break;
      }
      if (draft.oldName === undefined && draft.newName === undefined) this.named(draft, names);
    }
    const isNamed = this.line.startsWith('--- ') && (this.lines[this.at + 1] ?? '').startsWith('+++ ');
    if (isNamed) this.readNames(draft);
    while (this.line.startsWith('@@')) draft.hunks.push(this.readHunk());
    if (draft.hunks.length === 0 && (isNamed || draft.kind === 'modify')) {
      // A git patch without a hunk changes the mode, or was cut.
      if (isNamed || !hasMode)
        throw new PatchError(
          this.at + 1,
          `expected a hunk (@@ -…) of the file at line ${draft.patchLine}, found ${shown(this.lines[this.at])}`,
        );
      draft.kind = 'mode';
    }
    this.push(draft);
  }

  private push(draft: Draft): void {
    if (draft.oldName === undefined && draft.newName === undefined) {
      throw new PatchError(
        draft.patchLine,
        'expected the name of the file, found a line that does not tell the two names apart',
      );
    }
    this.files.push(draft);
  }

  /** Gives a draft the names of its `diff --git` line. */
  private named(draft: Draft, names: readonly [string, string] | undefined): Draft {
    if (!names) return draft;
    if (draft.kind !== 'add') draft.oldName = names[0];
    if (draft.kind !== 'delete') draft.newName = names[1];
    return draft;
  }

  /** The lines `---` and `+++`. */
  private readNames(draft: Draft): void {
    const old = fileName(this.line.slice(4), this.at + 1);
    const fresh = fileName((this.lines[this.at + 1] as string).slice(4), this.at + 2);
    this.at += 2;
    const header = hunkHeader.exec(this.line);
    const isEmpty = (time: string, start: string | undefined, count: string | undefined) =>
      isEpoch(time) && start === '0' && count === '0';
    const hasOld = old.name !== '/dev/null' && !isEmpty(old.time, header?.[1], header?.[2]);
    const hasNew = fresh.name !== '/dev/null' && !isEmpty(fresh.time, header?.[3], header?.[4]);
    if (!hasOld && !hasNew)
      throw new PatchError(this.at - 1, 'expected a file on one side at least, found none');
    if (!hasOld) draft.kind = 'add';
    else if (!hasNew) draft.kind = 'delete';
    if (draft.isBare) return;
    delete draft.oldName;
    delete draft.newName;
    if (hasOld) draft.oldName = old.name;
    if (hasNew) draft.newName = fresh.name;
  }

  private readHunk(): Hunk {
    const patchLine = this.at + 1;
    const match = hunkHeader.exec(this.line);
    if (!match)
      throw new PatchError(patchLine, `expected "@@ -line,count +line,count @@", found ${shown(this.line)}`);
    const number = (text: string | undefined) => {
      const value = text === undefined ? 1 : Number(text);
      if (value > mostLines)
        throw new PatchError(patchLine, `expected at most ${mostLines} lines, found ${text}`);
      return value;
    };
    const oldLines = number(match[2]);
    const newLines = number(match[4]);
    const lines: HunkLine[] = [];
    let old = 0;
    let fresh = 0;
    const promised = () => `the hunk of line ${patchLine} promises ${oldLines} old and ${newLines} new lines`;
    this.at++;
    while (old < oldLines || fresh < newLines) {
      const { line } = this;
      // Mail programs take the space off an empty line.
      const kind = line === '' && this.at < this.lines.length ? ' ' : line.charAt(0);
      const isSign = kind === ' ' || kind === '-' || kind === '+';
      if (line.startsWith('\\')) {
        this.markLast(lines);
      } else if (!isSign) {
        throw new PatchError(
          this.at + 1,
          `${promised()}, found ${old} and ${fresh} before ${shown(this.lines[this.at])}`,
        );
      } else {
        if (kind !== '+') old++;
        if (kind !== '-') fresh++;
        if (old > oldLines || fresh > newLines) {
          throw new PatchError(this.at + 1, `${promised()}, found one more in ${shown(line)}`);
        }
        lines.push({ kind, text: line.slice(1) });
      }
      this.at++;
    }
    if (this.line.startsWith('\\')) {
      this.markLast(lines);
      this.at++;
    }
    const isMore =
      /^[-+ ]/.test(this.line) &&
      !/^-- ?$/.test(this.line) &&
      !this.beginsFile(this.at) &&
      this.line.trim() !== '';
    if (isMore) throw new PatchError(this.at + 1, `${promised()}, found one more in ${shown(this.line)}`);
    if (!lines.some(({ kind }) => kind !== ' ')) {
      throw new PatchError(patchLine, 'expected a hunk that changes something, found only context');
    }
    return {
      oldStart: number(match[1]),
      oldLines,
      newStart: number(match[3]),
      newLines,
      section: (match[5] as string).trim(),
      lines,
      patchLine,
    };
  }

  /** `\ No newline at end of file`: it is said of the line before. */
  private markLast(lines: HunkLine[]): void {
    const last = lines.pop();
    if (!last)
      throw new PatchError(this.at + 1, 'expected a line before "\\ No newline at end of file", found none');
    lines.push({ ...last, noNewline: true });
  }

  private skipBinary(): void {
    this.at++;
    while (
      this.at < this.lines.length &&
      !this.beginsFile(this.at) &&
      !isFromLine(this.line) &&
      !this.line.startsWith('-- ')
    )
      this.at++;
  }
}

function shown(line: string | undefined): string {
  if (line === undefined) return 'the end of the patch';
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line);
}
