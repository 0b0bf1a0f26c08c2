export type { Kernel, OnProgress, Progress, Unit } from './types.ts';
