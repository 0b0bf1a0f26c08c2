import type { KernelMessage } from './log/kmsg.ts';
import type { ProofFinding } from './log/scan.ts';
import type { Timeline } from './timeline/timeline.ts';
import type { Accel } from './vm/accel.ts';
import type { Death } from './vm/vm.ts';

/**
 * What a check's output must be: a text, which must be the whole output or one of its lines (blanks at the ends do not
 * count), or a regular expression.
 */
export type Expectation = string | RegExp;

/** A command of the author's, run in the VM by busybox's shell, as root. */
export interface Check {
  readonly command: string;
  /** Before the livepatch is loaded. */
  readonly expectBefore?: Expectation;
  /** While the livepatch is in force. */
  readonly expectPatched?: Expectation;
  /** After it was disabled and unloaded. */
  readonly expectReverted?: Expectation;
  /** Time limit of one run in seconds of the guest; default 20. */
  readonly timeoutSeconds?: number;
}

/** An object of a livepatch: `vmlinux`, or a module that it patches. */
export interface PatchedObject {
  /** `vmlinux` or the module's name with underscores. */
  readonly name: string;
  /** The functions patched in it, by the name in the running kernel. */
  readonly functions: readonly string[];
}

/** How often the new code of a patched function was entered while the checks ran with the livepatch in force. */
export interface FunctionCalls {
  /** `vmlinux` or the module's name. */
  readonly object: string;
  readonly function: string;
  calls: number;
}

/** One livepatch to prove. */
export interface LivepatchToProve {
  /** Path of the `.ko`, or its bytes; plain or compressed. */
  readonly module: string | Uint8Array;
  /** The module's name; taken from the module's own information where that has one. */
  readonly name?: string;
  readonly objects: readonly PatchedObject[];
  readonly checks?: readonly Check[];
}

/** What is to be proven, in one go. */
export interface ProofRequest {
  /** One after another; each is reverted and unloaded before the next. */
  readonly livepatches: readonly LivepatchToProve[];
  /** Modules of the kernel that the checks need; loaded before everything else, unless a livepatch patches them. */
  readonly modules?: readonly string[];
  /** Further files for the checks, such as a test program: absolute path in the VM, and bytes. */
  readonly files?: readonly { readonly path: string; readonly data: Uint8Array; readonly mode?: number }[];
  /** Default `auto`: KVM where it really works, else emulation. */
  readonly accel?: 'auto' | Accel;
  /** Memory of the VM; default 256, and more for large modules. */
  readonly memoryMb?: number;
  /**
   * Boot without the self-tests of the kernel's cryptography, which saves about a fifth of the boot. Default false: the
   * kernel then starts as it was shipped, and a livepatch of that code must not be proven otherwise.
   */
  readonly skipsSelfTests?: boolean;
  /**
   * Boot the VM for this proof alone. Default false: under emulation the VM goes on from the state of an earlier boot of the same
   * kernel, saved when its init was ready, before any livepatch was there; the proof says so.
   */
  readonly freshBoot?: boolean;
  /**
   * VMs at once, among which the livepatches are shared out. Default 1; 2 where all go on from the state of one boot and there are
   * processors for it.
   */
  readonly jobs?: number;
  /** Further words of the kernel's command line: `lockdown=integrity`. */
  readonly append?: readonly string[];
}

/** One run of a check. */
export interface CheckOutput {
  /** Standard output and error as they came, as text without control characters; at most 64 KiB. */
  readonly text: string;
  /** It held bytes that are no text. */
  readonly isBinary: boolean;
  /** Bytes that there were. */
  readonly totalBytes: number;
  /** Exit code; null when a signal or the time limit ended it. */
  readonly code: number | null;
  readonly isTimedOut: boolean;
  /** Seconds of the guest. */
  readonly seconds: number;
  /** The expectation as written: a text, or `/…/`. */
  readonly expected?: string;
  /** Whether the expectation was met; absent without one. */
  readonly isMet?: boolean;
}

/** A check's outputs side by side. What was not reached is absent. */
export interface CheckResult {
  readonly command: string;
  before?: CheckOutput;
  patched?: CheckOutput;
  reverted?: CheckOutput;
}

/** A task that keeps a transition from its end. */
export interface Blocker {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  /** The kernel's reason, where it gave one: `is sleeping on function kswapd`. */
  readonly reason?: string;
  /** Function names with offsets, innermost first. */
  readonly stack: readonly string[];
}

/** One step of a pass. */
export interface Step {
  /** `load livepatch`, `transition`, `checks patched`, `load target nf_tables`, … */
  readonly name: string;
  readonly isOk: boolean;
  /** What came out of it, where there is something to say: `EINVAL`, `3 of 3 as expected`. */
  readonly outcome?: string;
  /** Seconds since boot by the guest's clock, and how long it took. */
  readonly start: number;
  readonly seconds: number;
  /** What the kernel logged meanwhile. */
  readonly log: readonly KernelMessage[];
}

/**
 * One way through a livepatch's life. `vmlinux`: no module is patched. `livepatch-first`: the modules come while it is in
 * force. `targets-first`: they are there before it.
 */
export interface Pass {
  readonly order: 'vmlinux' | 'livepatch-first' | 'targets-first';
  readonly steps: readonly Step[];
  readonly checks: readonly CheckResult[];
}

/** What one livepatch's proof gave. */
export interface LivepatchProof {
  readonly name: string;
  /** `proven`: loaded, complete, all expectations met, reverted, unloaded, and nothing wrong in the log. */
  readonly verdict: 'proven' | 'failed';
  readonly objects: readonly PatchedObject[];
  readonly passes: readonly Pass[];
  /** Of the functions whose calls could be counted while checks ran; empty without checks. */
  readonly calls: readonly FunctionCalls[];
  /** Errors make it fail; warnings and notes say what was not proven, or what the kernel said besides. */
  readonly findings: readonly ProofFinding[];
  /** Tasks that kept a transition from its end. */
  readonly blockers: readonly Blocker[];
  /** Its transitions, in order: which task switched when. */
  readonly timelines: readonly Timeline[];
  /** The step in which the VM died. */
  readonly died?: { readonly step: string; readonly how: Death; readonly message: string };
  /** Which of {@link Proof.boots} it ran in, from 0. */
  readonly boot: number;
  /** Seconds of the guest from its first step to its last. */
  readonly seconds: number;
}

/** One request to the guest and what it answered. */
export interface TranscriptRecord {
  readonly label: string;
  readonly status: number;
  readonly isTimedOut: boolean;
  /** Seconds since boot. */
  readonly start: number;
  readonly end: number;
  /** At most 4 KiB of text. */
  readonly output: string;
  readonly totalBytes: number;
}

/** One start of the VM, in full. */
export interface Boot {
  readonly accel: Accel;
  /** `restored`: it went on from the state of an earlier boot that was saved when its init was ready. */
  readonly how: 'booted' | 'restored';
  /** Key of the saved state that it was restored from, or that it left for later proofs. */
  readonly savedState?: string;
  /** Why it was not restored although there was a saved state, or why it left none. */
  readonly problem?: string;
  /** Wall seconds until its init was ready; absent if it never was. */
  readonly readySeconds?: number;
  readonly console: string;
  readonly records: readonly TranscriptRecord[];
}

/** What a proof gave: plain data that can be stored as JSON. */
export interface Proof {
  readonly kernel: { readonly id: string; readonly release: string };
  readonly verdict: 'proven' | 'failed';
  readonly livepatches: readonly LivepatchProof[];
  /** More than one where a livepatch left a VM that the next could not be proven in. */
  readonly boots: readonly Boot[];
  /** Wall seconds of everything. */
  readonly seconds: number;
}
