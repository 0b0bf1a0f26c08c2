export {
  type NothingToWrite,
  type SourceLivepatch,
  type SourceOptions,
  type SourceStep,
  writeSource,
} from './source.ts';
