import type { Session, StepOutcome } from './session.ts';
import type { Targets } from './targets.ts';
import { readHang } from './tasks.ts';
import type { Blocker, Check, PatchedObject } from './types.ts';
import type { Vm } from './vm/vm.ts';

/** A livepatch as the VM has it. */
export interface PreparedLivepatch {
  readonly name: string;
  /** Its file in the VM. */
  readonly path: string;
  readonly objects: readonly PatchedObject[];
  /** Its new code, as far as its symbols are unique in the module and harmless in a command. */
  readonly newCode: readonly NewCode[];
  readonly checks: readonly Check[];
}

/** The new code of a patched function. */
export interface NewCode {
  /** `vmlinux` or the module's name. */
  readonly object: string;
  /** The function's name in the running kernel. */
  readonly name: string;
  /** Its symbol in the module. */
  readonly newSymbol: string;
}

/** What livepatches that share a boot share. */
export interface Guest {
  readonly vm: Vm;
  readonly targets: Targets;
  /** Where a module of the kernel lies in the VM. */
  readonly targetPath: (name: string) => string;
  /** Modules of the kernel that are loaded now. */
  readonly loaded: Set<string>;
  /** Modules that are patched by nobody and are there for the checks. */
  readonly further: readonly string[];
}

/** What the steps of a pass share. */
export interface PassContext {
  readonly guest: Guest;
  readonly session: Session;
  readonly livepatch: PreparedLivepatch;
  /** Names of the patched modules. */
  readonly modules: readonly string[];
  readonly blockers: Blocker[];
}

/** Leaves the pass under way: what was to be said has been said. */
export class PassFailed extends Error {
  /** Whether the VM can go on. */
  readonly isClean: boolean;
  constructor(isClean = true) {
    super('the pass has failed');
    this.isClean = isClean;
  }
}

/** What a step comes to that does not come back within its limit. */
const hanging = 'hangs';

/**
 * Says of a step that did not come back within its limit which task it is and where the kernel has it. Gives what the step came to, for
 * {@link leaveHung}.
 *
 * @param what `loading the livepatch`
 */
export async function findHang(session: Session, what: string, timeoutMs: number): Promise<StepOutcome> {
  const { words, stack } = await readHang(session.ask);
  session.find({
    id: 'step-hangs',
    severity: 'error',
    what: `${what} did not come back within ${timeoutMs / 1000} s: ${words}`,
    ...(stack !== undefined && { why: `its stack, innermost first: ${stack}` }),
    next: 'see what it waits for there; nothing more is proven in this VM',
  });
  return { isOk: false, outcome: hanging };
}

/** Leaves the pass, and the VM with it, if the step hangs: the kernel holds what hangs in it. */
export function leaveHung({ outcome }: StepOutcome): void {
  if (outcome === hanging) throw new PassFailed(false);
}
