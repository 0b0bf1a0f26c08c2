/** A livepatch as data: what one is made of, how it is written, and how it is read back. */
export { type ConvertOptions, convertKlp } from './convert.ts';
export { earlySections, earlyUse } from './early-sections.ts';
export { glueSource } from './glue.ts';
export {
  type KlpSymbolName,
  klpSectionName,
  klpSymbolName,
  parseKlpSection,
  parseKlpSymbol,
} from './klp-names.ts';
export { checkNames, livepatchName, longestObjectName, longestSymbolName } from './names.ts';
export type { LivepatchPlan, Placeholder, PlannedFunction, PlannedObject } from './types.ts';
