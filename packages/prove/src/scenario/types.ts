import type { Expectation } from '../types.ts';

/** A module file that a scenario loads under a name of its own. */
export interface ScenarioModule {
  /** What steps call it. */
  readonly alias: string;
  /** Path as written in the scenario, relative to its folder; absent: the caller gives the file. */
  readonly file?: string;
}

/** A value that the caller may set; steps write it `${name}`. */
export interface ScenarioParameter {
  readonly name: string;
  readonly summary?: string;
  /** What it is when nobody sets it. */
  readonly default?: string;
  /** Alias of a livepatch: it is then, unless set, the first module of the kernel that this livepatch patches. */
  readonly targetOf?: string;
}

/** What a step does. @see stepKinds in grammar.ts */
export type Action =
  | 'load'
  | 'replace'
  | 'disable'
  | 'unload'
  | 'force'
  | 'reverse'
  | 'enable'
  | 'insmod'
  | 'modprobe'
  | 'rmmod'
  | 'run'
  | 'background'
  | 'stop'
  | 'write'
  | 'sleep'
  | 'wait-transition'
  | 'expect-stall'
  | 'expect-sysfs'
  | 'expect-log'
  | 'expect-no-log'
  | 'mark-log'
  | 'repeat';

/** One path and what must be there. */
export interface ValueExpectation {
  /** As written: below /sys/kernel/livepatch unless it begins with `/`. */
  readonly path: string;
  /** Undefined: there must be no such file. */
  readonly expected: Expectation | undefined;
}

/** One step of a scenario, as it was written. */
export interface ScenarioStep {
  readonly action: Action;
  /** What the action names: an alias, a module, a command, the name of a background load. Empty where there is none. */
  readonly subject: string;
  /** Place in the file, both from 1. */
  readonly line: number;
  readonly column: number;
  /** What the author calls the step. */
  readonly title?: string;
  /** Seconds of the guest: a time limit, or how long to sleep. */
  readonly seconds?: number;
  /** `load`, `insmod`, `modprobe`: parameters of the module. */
  readonly params?: string;
  /** `load`, `disable`, `enable`, `reverse`, `force`: whether the step lasts until the transition is complete. */
  readonly waits: boolean;
  /** `run`: the exit code; `undefined` is 0. */
  readonly exit?: number;
  /** `run`: what the output must have, all of it. `expect-log` and `expect-no-log`: the lines, in order. */
  readonly expect: readonly Expectation[];
  /** `run`: what the output must not have. */
  readonly expectNot: readonly Expectation[];
  /** `expect-sysfs`, `write`: paths with values. */
  readonly values: readonly ValueExpectation[];
  /** `background`: its name for `stop`. */
  readonly name?: string;
  /** `background`: how many at once. `repeat`: how often. */
  readonly times: number;
  /** `expect-stall`: name of the task, and the function that it is in. */
  readonly task?: Expectation;
  readonly function?: Expectation;
  /** `repeat`: what is repeated. */
  readonly steps: readonly ScenarioStep[];
  /** The error that the step must end with: `EINVAL`. */
  readonly fails?: string;
  /** The step runs even when one before it has failed. */
  readonly always: boolean;
  /** Lines that the kernel must log during this step, in order, and lines that it must not. */
  readonly log: readonly Expectation[];
  readonly noLog: readonly Expectation[];
  /** Ids of faults that may be in the log of this step. */
  readonly allows: readonly string[];
}

/** A scenario: what is loaded into the VM, and the steps that are taken there. */
export interface Scenario {
  /** The file that it was read from, for messages. */
  readonly file: string;
  readonly name: string;
  readonly summary?: string;
  /** Releases that it is for, each the beginning of one: `6.12`. Empty: all. */
  readonly kernels: readonly string[];
  readonly modules: readonly ScenarioModule[];
  readonly parameters: readonly ScenarioParameter[];
  /** Modules of the kernel that the VM needs beside those that steps name. */
  readonly targets: readonly string[];
  /** Files for the VM: absolute path there, and path relative to the scenario's folder. */
  readonly files: readonly { readonly path: string; readonly file: string }[];
  readonly memoryMb?: number;
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
  /** Ids of faults that may be in the log of any step. */
  readonly allows: readonly string[];
  readonly steps: readonly ScenarioStep[];
}
