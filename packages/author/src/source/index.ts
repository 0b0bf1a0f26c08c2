export {
  type Agreement,
  agreement,
  type CodeAgreement,
  type OwnCode,
  type RouteDifference,
} from './agree.ts';
export {
  type NothingToWrite,
  type SourceLivepatch,
  type SourceOptions,
  type SourceStep,
  writeSource,
} from './source.ts';
export { type VerifiedSource, verifySource } from './verify.ts';
