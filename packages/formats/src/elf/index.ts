export * from './constants.ts';
export * from './read.ts';
export * from './write.ts';
