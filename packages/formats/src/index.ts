export * from './bzimage.ts';
export * from './compress/index.ts';
export * from './dwarf/index.ts';
export * from './elf/index.ts';
export * from './error.ts';
export * from './kallsyms/index.ts';
export * from './module/index.ts';
