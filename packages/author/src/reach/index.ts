/** Which units a change of a header reaches. */
export { filesOf, meaningOf } from './meaning.ts';
export { type NarrowedUnits, type NarrowOptions, narrowUnits } from './narrow.ts';
