export type { AssessedFix, Verdict } from './assess.ts';
export { assessFix, buildLivepatch } from './build.ts';
export type { Overrides } from './overrides.ts';
export type { BuildOptions, BuildStep, BuiltLivepatch, ComparedUnit, NothingToBuild } from './types.ts';
