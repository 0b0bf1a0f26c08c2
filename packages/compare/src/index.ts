export { type Arch, archOf, type DecodedInstruction } from './arch/arch.ts';
export { carriedFunctions, hasFtraceEntry } from './changes/carried.ts';
export { compareObjects } from './changes/compare.ts';
export { coldParentName, isFreshPiece, isNumbered, isPrefixName, stemOf } from './changes/names.ts';
export { obstacles, obstacleTo } from './changes/obstacle.ts';
export { typeHashOf } from './changes/prefix.ts';
export { describe } from './changes/same.ts';
export type {
  Comparison,
  Correlation,
  DataChange,
  Difference,
  FunctionChange,
  PairedBy,
} from './changes/types.ts';
export * from './listing/index.ts';
export * from './match/index.ts';
export {
  modelIfReadable,
  modelOf,
  type ObjectModel,
  type Piece,
  type Reference,
  readObjectModel,
  slice,
  type Target,
} from './model/model.ts';
export {
  isRuntimeConstantTable,
  type SectionKind,
  sectionKind,
  tableShape,
  tableStructs,
} from './model/sections.ts';
export { type Fragment, readTables, replacementOf, type TableEntry, type Tables } from './model/tables.ts';
export * from './placement/index.ts';
export * from './shipped/index.ts';
export * from './types/index.ts';
