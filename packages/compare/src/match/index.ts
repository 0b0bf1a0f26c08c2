export { matchImage, matchModule } from './match.ts';
export { imagePosition, modulePosition } from './position.ts';
export { type ListedKind, listedKinds, type RelocationList, readRelocationList } from './relocation-list.ts';
export type {
  Answer,
  FunctionMatch,
  MatchDifference,
  MatchOptions,
  Place,
  Position,
  ShippedImage,
  UnitMatch,
  Verdict,
} from './types.ts';
