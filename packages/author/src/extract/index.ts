export { extract } from './extract.ts';
export type { ExtractedFunction, Extraction, ExtractRequest, Location, Resolver } from './types.ts';
