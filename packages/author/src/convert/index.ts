export { type ConvertedModule, type ConvertRequest, convertModule } from './convert.ts';
export type { Conversion } from './resolve.ts';
