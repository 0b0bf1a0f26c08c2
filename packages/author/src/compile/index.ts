export {
  assertCompiler,
  type Compilation,
  type CompiledUnit,
  compileAll,
  compileUnit,
  type FailedUnit,
  type Side,
} from './compile.ts';
