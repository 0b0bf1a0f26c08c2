export { compareTypes, type TypeChanges, type TypeSource, typesOfObjects } from './compare.ts';
export type { EnumChange } from './enums.ts';
export { exportsOf } from './exports.ts';
export { enumFinding, layoutFinding, type TypeFacts } from './findings.ts';
export { type LayoutChange, layoutDifference, nameOfType } from './layouts.ts';
export { type TypeUsers, usersOfType } from './relies.ts';
export { compareSignatures } from './signatures.ts';
