import type { Finding } from '@klpkit/findings';
import type { OnProgress, Unit } from '@klpkit/kernel';
import type { LivepatchPlan } from '@klpkit/livepatch';
import type { CompiledUnit } from '../compile/index.ts';
import type { FunctionDetails, Report } from '../report/index.ts';
import type { Overrides } from './overrides.ts';
import type { JudgedUnit } from './unit.ts';

/** What a build says while it runs, one for each step that ended. */
export interface BuildStep {
  readonly step: 'read' | 'units' | 'compile' | 'match' | 'compare' | 'extract' | 'finish' | 'report';
  /** One sentence without a full stop. */
  readonly what: string;
  /** Wall time in milliseconds. */
  readonly ms: number;
}

/** Options of `buildLivepatch`. */
export interface BuildOptions {
  /** The module's name, with underscores: `livepatch_namei`. */
  readonly name: string;
  /** Atomic replace; default true. */
  readonly replace?: boolean;
  readonly overrides?: Overrides;
  /** Sources that the livepatch is restricted to; absent: all that the fix reaches. */
  readonly units?: readonly string[];
  /** Most units that a changed header may reach; default 64. */
  readonly maxUnits?: number;
  /** Source lines in the report, for which changed units are compiled with debug information; default true. */
  readonly sourceLines?: boolean;
  /** Compilers at once; default 2. */
  readonly jobs?: number;
  readonly onProgress?: OnProgress | undefined;
  readonly onStep?: (step: BuildStep) => void;
  /** Called with each unit that was compiled on both sides, before anything is refused. */
  readonly onUnit?: (unit: ComparedUnit) => void;
  readonly signal?: AbortSignal | undefined;
}

/** One unit's two objects, and what became of the comparison. */
export interface ComparedUnit {
  readonly unit: Unit;
  readonly before: CompiledUnit;
  readonly after: CompiledUnit;
  /** Absent when both sides are the same bytes, which are neither matched nor compared. */
  readonly judged?: JudgedUnit;
}

/** A livepatch that was built. */
export interface BuiltLivepatch {
  readonly outcome: 'built';
  readonly plan: LivepatchPlan;
  readonly ko: Uint8Array;
  readonly report: Report;
  /** Code side by side, for the report's page. */
  readonly details: readonly FunctionDetails[];
  readonly findings: readonly Finding[];
  readonly steps: readonly BuildStep[];
}

/** A fix that changes nothing that this kernel runs. */
export interface NothingToBuild {
  readonly outcome: 'nothing';
  readonly findings: readonly Finding[];
  readonly steps: readonly BuildStep[];
}

/** A unit that the fix changes, with what both its sides compiled to. */
export interface BuiltUnit {
  readonly judged: JudgedUnit;
  readonly before: CompiledUnit;
  readonly after: CompiledUnit;
}
