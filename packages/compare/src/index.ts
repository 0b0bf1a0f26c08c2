export { type Arch, archOf, type DecodedInstruction } from './arch/arch.ts';
export {
  modelOf,
  type ObjectModel,
  type Piece,
  type Reference,
  readObjectModel,
  type Target,
} from './model/model.ts';
export {
  isRuntimeConstantTable,
  type SectionKind,
  sectionKind,
  tableShape,
  tableStructs,
} from './model/sections.ts';
