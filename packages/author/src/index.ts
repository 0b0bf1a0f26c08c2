/** From a fix to a livepatch. */
export * from './build/index.ts';
export { type Compilation, type CompiledUnit, compileUnit } from './compile/index.ts';
export * from './convert/index.ts';
export { buildFromC, type FinishedModule, finishModule, type SourceRequest } from './finish/index.ts';
export { type PatchText, readFix } from './fix/index.ts';
export * from './folder/index.ts';
export {
  type CheckedModule,
  type CheckedUpgrade,
  checkModule,
  checkUpgrade,
  type Downgrade,
  kernelEvidence,
  type ModuleFile,
} from './judge/index.ts';
export {
  type FunctionDetails,
  formatChanges,
  formatReport,
  html,
  type Markup,
  pageStyle,
  type Report,
  reportHtml,
  reportJson,
  reportJsonSchema,
  type TextOptions,
  trusted,
} from './report/index.ts';
export * from './show/index.ts';
export * from './source/index.ts';
export { type HeldAgainst, holdAgainst, type Outward } from './types/index.ts';
export { type OwnSymbol, type WhoAnswer, type WhoOptions, type WhoUnit, whoInlines } from './who/index.ts';
