import type { Finding } from '@klpkit/findings';
import type { AppliedHunk } from '@klpkit/formats';

/** What a file of the kernel tree is to a livepatch. */
export type FileKind = 'source' | 'header' | 'build' | 'other';

/** One file that a fix touches, after all patches. */
export interface FixedFile {
  /** Relative to the kernel tree: `fs/namei.c`. */
  readonly path: string;
  readonly kind: FileKind;
  /** Absent for a file that the fix adds. */
  readonly before: string | undefined;
  /** Absent for a file that the fix deletes. */
  readonly after: string | undefined;
  /** What is compiled as after: `after` with the old line numbers for what the fix does not touch. */
  readonly compiled: string | undefined;
}

/** One patch of a fix, as given. */
export interface AppliedFix {
  /** File name without its folder. */
  readonly name: string;
  /** Subject of the mail that it came in, without `[PATCH …]`. */
  readonly subject: string | undefined;
  readonly files: readonly {
    readonly path: string;
    readonly before: string | undefined;
    readonly after: string | undefined;
    readonly hunks: readonly AppliedHunk[];
  }[];
}

/** A fix: one or several patches, applied in memory; the kernel's tree stays as it is. */
export interface Fix {
  readonly patches: readonly AppliedFix[];
  /** Files that concern the build, sorted by path. */
  readonly files: readonly FixedFile[];
  /** Headers for authors that klpkit adds to the tree, if the fix includes any. */
  readonly headers: readonly { readonly path: string; readonly text: string }[];
  readonly findings: readonly Finding[];
}
