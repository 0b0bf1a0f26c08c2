export { type Disassembly, disassemble } from './disassemble.ts';
export { showFile } from './show.ts';
export type { Shown, ShownKernel, ShownLivepatch, ShownModule, ShownObject } from './types.ts';
