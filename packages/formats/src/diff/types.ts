import { FormatError } from '../error.ts';

/** One line of a hunk. `text` has no line end, but keeps a carriage return that belongs to the file. */
export interface HunkLine {
  readonly kind: ' ' | '-' | '+';
  readonly text: string;
  /** The file ends with this line, without a newline (`\ No newline at end of file`). */
  readonly noNewline?: true;
}

/** One `@@` block. Line numbers count from 1; a side without lines has the number of the line before, or 0. */
export interface Hunk {
  readonly oldStart: number;
  readonly oldLines: number;
  readonly newStart: number;
  readonly newLines: number;
  /** What stands behind the second `@@`: mostly the function around the hunk. */
  readonly section: string;
  readonly lines: readonly HunkLine[];
  /** Line of the patch that the `@@` is in, from 1. */
  readonly patchLine: number;
}

/** One file of a patch. Names are as they stand in the patch, with `a/` and `b/`; the reader decides how much of them is path. */
export interface FilePatch {
  /** `mode`: nothing changes but the permissions. `binary`: the content is not shown, or not as text. */
  readonly kind: 'modify' | 'add' | 'delete' | 'rename' | 'copy' | 'mode' | 'binary';
  /** Absent if the patch makes the file. */
  readonly oldName?: string;
  /** Absent if the patch deletes the file. */
  readonly newName?: string;
  /** True for `rename` and `copy` names, which git writes without `a/` and `b/`. */
  readonly isBare: boolean;
  /** In the order of the patch; empty for a rename without changes, an empty new file, `mode` and `binary`. */
  readonly hunks: readonly Hunk[];
  /** Line of the patch that the file begins at, from 1. */
  readonly patchLine: number;
}

/** What a patch holds. */
export interface Patch {
  /** The subject of the first mail without `[PATCH …]`; absent outside mails. */
  readonly subject?: string;
  readonly files: readonly FilePatch[];
  /** What looks like a part of the patch and was not taken for one; sentences without a full stop. */
  readonly notes: readonly { readonly line: number; readonly what: string }[];
}

/** A patch that cannot be read. `line` is the line of the patch, from 1. */
export class PatchError extends FormatError {
  readonly line: number;
  constructor(line: number, what: string) {
    super(`patch: line ${line}: ${what}`);
    this.line = line;
  }
}
