export { type Applied, type AppliedHunk, applyHunks, type FailedHunk } from './apply.ts';
export { stripName } from './names.ts';
export { parsePatch } from './parse.ts';
export { type FilePatch, type Hunk, type HunkLine, type Patch, PatchError } from './types.ts';
