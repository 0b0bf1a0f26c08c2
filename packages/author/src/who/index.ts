export type { SourcePlace } from './find.ts';
export { type OwnSymbol, type WhoAnswer, type WhoOptions, type WhoUnit, whoInlines } from './who.ts';
