import type { Certainty, Place, Severity } from '@klpkit/findings';

/** Colours with a meaning; words always say it as well. */
export type Tone = 'good' | 'warning' | 'bad' | 'soft';

/** A cell of a table. */
export type Cell =
  | string
  | {
      readonly text: string;
      /** The code of a function, by a key that means something to whoever made the table. */
      readonly code?: string;
      readonly tone?: Tone;
    };

/** A table as far as it is shown: the first rows, or those that a search found. */
export interface TableView {
  readonly id: string;
  readonly title: string;
  readonly intro?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** How many rows there are, or were found. */
  readonly total: number;
  /** How many there are without a search. */
  readonly all: number;
}

/** What is said of a fix or a livepatch, and what its readers are given beside it. */
export interface FindingView {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why?: string | undefined;
  readonly next?: string | undefined;
  readonly evidence?: readonly string[] | undefined;
  readonly certainty?: Certainty | undefined;
  readonly at?:
    | { readonly [key in 'unit' | 'file' | 'line' | 'symbol']?: Place[key] | undefined }
    | undefined;
  /** Where its pitfall is explained. */
  readonly href?: string;
  /** The code that it is about, as in {@link Cell}. */
  readonly code?: string;
  /** True when the author let the build go on in spite of it. */
  readonly overridden?: boolean;
}

/** Pitfalls that were not looked for, by what that would have needed; none are named where that is a matter of single questions. */
export interface UncheckedView {
  readonly missing: string;
  readonly ids: readonly string[];
}

/** An instruction in a cell; the offset counts bytes from the start of the function. */
export interface CodeCell {
  readonly offset: number;
  readonly text: string;
}

/** A line of source in a cell; `via` names the inlined calls around it, the outermost first. */
export interface SourceCell {
  readonly path: string;
  readonly line: number;
  /** `undefined` when the file was not at hand. */
  readonly text: string | undefined;
  readonly via: readonly string[];
  /** True for a line that the fix puts in or takes out. */
  readonly edited: boolean;
}

/** A row of code. A source row stands above the instructions of its lines; a side without news has no cell. */
export type CodeRow =
  | {
      readonly kind: 'same' | 'changed' | 'removed' | 'added';
      readonly before?: CodeCell;
      readonly after?: CodeCell;
    }
  | { readonly kind: 'source'; readonly before?: SourceCell; readonly after?: SourceCell };

/** The code of a function: two versions side by side, or the one that there is. */
export interface CodeView {
  readonly title: string;
  readonly caption: string;
  readonly rows: readonly CodeRow[];
  /** Heads of the two sides; `before` and `after` when absent. */
  readonly sides?: readonly [string, string];
}
