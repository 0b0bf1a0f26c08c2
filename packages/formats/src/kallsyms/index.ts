export { readKallsyms } from './read.ts';
export { dumpKallsyms, type KernelSymbols, loadKallsyms } from './symbols.ts';
