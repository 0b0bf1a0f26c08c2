export * from './elf/index.ts';
export * from './error.ts';
