export { withLineDirectives } from './lines.ts';
export { type PatchText, readFix } from './read.ts';
export type { AppliedFix, FileKind, Fix, FixedFile } from './types.ts';
