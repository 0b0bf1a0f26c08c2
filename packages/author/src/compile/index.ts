export { type CompileOptions, compileAll, compileUnit } from './compile.ts';
export { assertCompiler } from './compiler.ts';
export type { Compilation, CompiledUnit, FailedUnit, Side } from './types.ts';
