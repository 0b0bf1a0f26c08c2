export { withLineDirectives } from './lines.ts';
export { withPlaces } from './places.ts';
export { type PatchText, readFix } from './read.ts';
export type { AppliedFix, FileKind, Fix, FixedFile } from './types.ts';
