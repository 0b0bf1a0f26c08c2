/** Which units a change of a header reaches. */
export { type NarrowedUnits, type NarrowOptions, narrowUnits } from './narrow.ts';
