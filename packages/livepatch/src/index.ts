/** A livepatch as data: what one is made of, how it is written, and how it is read back. */

export {
  type Annotation,
  type Annotations,
  readAnnotations,
  withoutAnnotationArrays,
} from './annotations.ts';
export { callbacksIn, type NamedCallback, namedCallbacks } from './callbacks.ts';
export { type ConvertOptions, convertKlp } from './convert.ts';
export { earlySections, earlyUse } from './early-sections.ts';
export { type ExplainedRelocation, explainRelocations, objectWords, symbolWords } from './explain.ts';
export { glueSource, patchSymbol } from './glue.ts';
export {
  type KlpSymbolName,
  klpSectionName,
  klpSymbolName,
  parseKlpSection,
  parseKlpSymbol,
  plainKlpSymbols,
} from './klp-names.ts';
export { patchedObjectsOf } from './labels.ts';
export { type CallbackName, callbackNames, type KlpLayout, layoutFromBtf, usualLayout } from './layout.ts';
export {
  checkManifest,
  type Manifest,
  type ManifestObject,
  type ManifestSource,
  type ManifestSymbol,
  manifestFile,
  manifestFormat,
  manifestText,
  planOfManifest,
  staysInside,
} from './manifest.ts';
export { checkNames, livepatchName, longestObjectName, longestSymbolName } from './names.ts';
export { readLivepatch } from './read.ts';
export type {
  KlpRelocation,
  KlpSection,
  Livepatch,
  LivepatchFunction,
  LivepatchObject,
  LivepatchTables,
} from './read-types.ts';
export { renameUndefined } from './rename.ts';
export { checkRules, type ExportFact, type KernelFacts, planRules, positionFinding } from './rules/index.ts';
export type {
  LivepatchPlan,
  Placeholder,
  PlannedCallback,
  PlannedFunction,
  PlannedObject,
  PlannedState,
} from './types.ts';
export {
  type Change,
  compareUpgrade,
  idText,
  type ShadowUse,
  type Upgrade,
  type UpgradedCallback,
  type UpgradedFunction,
  type UpgradedObject,
  type UpgradedShadow,
  type UpgradedState,
  type UpgradeSide,
  upgradedCallbacks,
  upgradedFunctions,
  upgradedStates,
  type WaitingFunction,
} from './upgrade/index.ts';
