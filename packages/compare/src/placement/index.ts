export { sourceName } from './draft.ts';
export { readPlacement } from './read.ts';
export type {
  FoldedTwin,
  FunctionClone,
  FunctionPlacement,
  InlinedCopy,
  MoreWitnesses,
  OutOfLineCaller,
  Placement,
  Witness,
} from './types.ts';
