export type { AssessedFix, Verdict } from './assess.ts';
export {
  assessFix,
  type BuildOptions,
  type BuildStep,
  type BuiltLivepatch,
  buildLivepatch,
  type ComparedUnit,
  type NothingToBuild,
} from './build.ts';
export type { Overrides } from './overrides.ts';
