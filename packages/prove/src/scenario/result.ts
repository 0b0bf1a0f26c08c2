import type { KernelMessage } from '../log/kmsg.ts';
import type { ProofFinding } from '../log/scan.ts';
import type { Timeline } from '../timeline/timeline.ts';
import type { Blocker, Boot } from '../types.ts';
import type { Death } from '../vm/vm.ts';
import type { Action } from './types.ts';

/** What became of one step. */
export interface ScenarioStepResult {
  /** Place among the steps, from 1; inside `repeat` the place there follows: `4.2`. */
  readonly number: string;
  readonly action: Action;
  /** The author's title, or action and subject: `load patch`. */
  readonly title: string;
  /** Line of the scenario file. */
  readonly line: number;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** The round of `repeat` that it is of, from 1; of those that passed only the last is kept. */
  readonly round?: number;
  /** What came of it, in a few words. */
  readonly outcome?: string;
  /** Of a failed step: what was to be, and what was found. */
  readonly expected?: string;
  readonly found?: string;
  /** Seconds since boot by the guest's clock, and how long it took. */
  readonly start: number;
  readonly seconds: number;
  /** What the kernel said meanwhile. */
  readonly log: readonly KernelMessage[];
}

/** A transition that did not come to its end while it was looked at. */
export interface Stall {
  readonly livepatch: string;
  /** Seconds since boot: when the kernel first said that a task blocks, and when the task was named here. */
  readonly known: number;
  readonly named: number;
  readonly tasks: readonly Blocker[];
}

/** What a scenario's run gave: plain data that can be stored as JSON. */
export interface ScenarioResult {
  readonly name: string;
  readonly file: string;
  readonly kernel: { readonly id: string; readonly release: string };
  /** `not-applicable`: the scenario is for other kernels. */
  readonly verdict: 'passed' | 'failed' | 'not-applicable';
  readonly reason?: string;
  readonly steps: readonly ScenarioStepResult[];
  readonly findings: readonly ProofFinding[];
  readonly stalls: readonly Stall[];
  readonly timelines: readonly Timeline[];
  /** The step in which the VM died. */
  readonly died?: { readonly step: string; readonly how: Death; readonly message: string };
  readonly boot?: Boot;
  /** Wall seconds of everything. */
  readonly seconds: number;
}
