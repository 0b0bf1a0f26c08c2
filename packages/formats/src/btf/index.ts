export { readBtf, sameTypes } from './read.ts';
export * from './types.ts';
