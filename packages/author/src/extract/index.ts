export { extract } from './extract.ts';
export { type Export, type Exports, makeResolver, type ResolverInput } from './resolve.ts';
export type { ExtractedFunction, Extraction, ExtractRequest, Location, Resolver } from './types.ts';
