import type {
  CodeView,
  FindingView,
  TableView,
  Tone,
  UncheckedView,
} from '../../../packages/author/src/report/parts/index.ts';

/** What was opened, ready to be shown. */
export interface View {
  readonly kind: 'livepatch' | 'module' | 'object' | 'kernel' | 'comparison' | 'upgrade';
  /** `livepatch-fix.ko: a livepatch`. */
  readonly title: string;
  /** The kernel image that a livepatch is held against; absent without one. */
  readonly heldAgainst?: string;
  readonly verdict: { readonly tone: Tone; readonly text: string };
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** Worst first; absent where nothing was judged. */
  readonly findings?: readonly FindingView[];
  /** What was not looked for, by what that would have needed. */
  readonly unchecked?: readonly UncheckedView[];
  readonly tables: readonly TableView[];
  /** True when a graph of calls and copies can be drawn. */
  readonly hasGraph: boolean;
}

/** What the page asks of the worker. `id` comes back with the answer. */
export type Request = { readonly id: number } & (
  | { readonly type: 'open'; readonly files: readonly { readonly name: string; readonly blob: Blob }[] }
  /** Shows the livepatch that is open without the kernel that it is held against. */
  | { readonly type: 'let-go' }
  | { readonly type: 'search'; readonly table: string; readonly query: string }
  | { readonly type: 'code'; readonly key: string }
  | { readonly type: 'graph' }
);

/** What the worker answers; `graph` is markup, `refused` one line for the reader. */
export type Response = { readonly id: number } & (
  | { readonly view: View; readonly milliseconds: number }
  | { readonly table: TableView }
  | { readonly code: CodeView }
  | { readonly graph: string }
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
