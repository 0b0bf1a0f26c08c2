export { readBtf } from './read.ts';
export * from './types.ts';
