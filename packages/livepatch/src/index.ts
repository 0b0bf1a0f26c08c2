export type { LivepatchPlan, Placeholder, PlannedFunction, PlannedObject } from './types.ts';
