import type { Finding } from '@klpkit/findings';

/** Colours with a meaning; words always say it as well. */
export type Tone = 'good' | 'warning' | 'bad' | 'soft';

/** A cell of a table. */
export type Cell =
  | string
  | {
      readonly text: string;
      /** Shows the code of this function when it is pressed; a key for {@link Request} `code`. */
      readonly code?: string;
      /** An address of the handbook. */
      readonly href?: string;
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

/** What was opened, ready to be shown. */
export interface View {
  readonly kind: 'livepatch' | 'module' | 'object' | 'kernel' | 'comparison' | 'upgrade';
  /** `livepatch-fix.ko: a livepatch`. */
  readonly title: string;
  readonly verdict: { readonly tone: Tone; readonly text: string };
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** Worst first; absent where nothing was judged. */
  readonly findings?: readonly FindingView[];
  /** Pitfalls that were not looked for, by what that would have needed. */
  readonly unchecked?: readonly { readonly missing: string; readonly ids: readonly string[] }[];
  readonly tables: readonly TableView[];
  /** True when a graph of calls and copies can be drawn. */
  readonly hasGraph: boolean;
}

/** A drawn graph: SVG, and the same in words. */
export interface GraphView {
  readonly svg: string;
  readonly words: readonly string[];
}

/** A finding with the page of its pitfall, where it has one, and the code that it is about. */
export type FindingView = Finding & { readonly href?: string; readonly code?: string };

/** One instruction, or two side by side. */
export interface CodeRow {
  readonly kind: 'same' | 'changed' | 'removed' | 'added';
  readonly before?: { readonly offset: number; readonly text: string };
  readonly after?: { readonly offset: number; readonly text: string };
}

/** The code of a function. */
export interface CodeView {
  readonly title: string;
  readonly caption: string;
  /** True for two versions side by side; else `after` holds the only one. */
  readonly isPair: boolean;
  readonly rows: readonly CodeRow[];
}

/** What the page asks of the worker. `id` comes back with the answer. */
export type Request = { readonly id: number } & (
  | { readonly type: 'open'; readonly files: readonly { readonly name: string; readonly blob: Blob }[] }
  | { readonly type: 'search'; readonly table: string; readonly query: string }
  | { readonly type: 'code'; readonly key: string }
  | { readonly type: 'graph' }
);

/** What the worker answers; `refused` is one line for the reader. */
export type Response = { readonly id: number } & (
  | { readonly view: View; readonly milliseconds: number }
  | { readonly table: TableView }
  | { readonly code: CodeView }
  | { readonly graph: GraphView }
  | { readonly refused: string }
);

/** More bytes than this are not read: no module and no kernel image comes near. */
export const largestFile = 512 * 1024 * 1024;

/** Says why a file is not even read; `undefined` when it is. */
export function tooLarge(name: string, bytes: number): string | undefined {
  if (bytes <= largestFile) return undefined;
  return `${name}: ${sizeText(bytes)} are too many, at most ${sizeText(largestFile)} are read; no module and no kernel image is that large`;
}

/** A number of bytes for readers. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return bytes < 1024 ** 3
    ? `${(bytes / 1024 / 1024).toFixed(1)} MiB`
    : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
