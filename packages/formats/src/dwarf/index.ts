export {
  type CodeRange,
  type Dwarf,
  type FunctionInstance,
  type InlinedCall,
  readDwarf,
  readLines,
  type SourceFunction,
} from './dwarf.ts';
export type { LineRow, SourceLine } from './line.ts';
export { typesOfDwarf } from './types.ts';
