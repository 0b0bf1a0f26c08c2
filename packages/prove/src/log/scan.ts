import type { Finding } from '@klpkit/findings';
import { explainLine } from './faults.ts';
import type { KernelMessage } from './kmsg.ts';

/** Ids that only say that something was said: dropped where the same log has a fault that says what. */
const followers = new Set(['call-trace', 'panic', 'livepatch-error', 'invalid-opcode', 'general-protection']);

/** Where an oops or a warning was: `RIP: 0010:name+0x8/0x20 [module]` gives `name+0x8/0x20 [module]`. */
export function faultPlace(messages: readonly KernelMessage[]): string | undefined {
  for (const { text } of messages) {
    const match = /\bRIP: 0010:(\S+(?: \[[^\]]+\])?)/.exec(text);
    if (match) return match[1];
  }
  return undefined;
}

/** A finding of a proof, with the step in which it was seen. */
export interface ProofFinding extends Finding {
  /** `load`, `checks patched`, … */
  readonly step: string;
}

/** Options of {@link scanLog}. */
export interface ScanOptions {
  /** What was done while these messages came. */
  readonly step: string;
  /**
   * A module of the kernel was loading: that a driver fails to find its hardware is no fault of the livepatch, so plain
   * error messages become notes.
   */
  readonly isTargetLoad?: boolean;
}

/**
 * Everything in a log that says that something is wrong, as findings: the known faults, and as notes the messages of
 * level 3 and worse that no fault explains. Each is said once.
 */
export function scanLog(messages: readonly KernelMessage[], options: ScanOptions): ProofFinding[] {
  const found: ProofFinding[] = [];
  const seen = new Set<string>();
  for (const [i, { text, level }] of messages.entries()) {
    // Debug messages, which are asked for, tell of what passes: that a stack cannot be unwound just now.
    if (level === 7) continue;
    const fault = explainLine(text);
    if (!fault && level > 3) continue;
    const isNoise = options.isTargetLoad === true && (!fault || fault.id === 'failed-to');
    const severity = !fault || isNoise ? 'note' : fault.severity;
    const place =
      fault &&
      /^(?:null-pointer|page-fault|general-protection|invalid-opcode|soft-lockup|kernel-bug)$/.test(fault.id)
        ? faultPlace(messages.slice(i))
        : undefined;
    const what = (fault?.what ?? `the kernel reports an error: ${text}`) + (place ? `, at ${place}` : '');
    const key = `${fault?.id} ${what}`;
    if (seen.has(key)) continue;
    seen.add(key);
    found.push({
      id: fault?.id ?? 'kernel-error-message',
      severity,
      what,
      ...(fault?.why === undefined ? {} : { why: fault.why }),
      ...(fault ? { next: fault.next } : {}),
      step: options.step,
    });
  }
  const hasCause = found.some(({ id, severity }) => severity === 'error' && !followers.has(id));
  return hasCause ? found.filter(({ id }) => !followers.has(id)) : found;
}

/** What the bits of /proc/sys/kernel/tainted stand for, by number (the kernel's Documentation/admin-guide/tainted-kernels.rst). */
const taintNames: Readonly<Record<number, string>> = {
  0: 'P: a proprietary module',
  1: 'F: a module loaded by force',
  2: 'S: a processor out of specification',
  3: 'R: a module unloaded by force',
  4: 'M: a machine check',
  5: 'B: a bad page',
  6: 'U: user request',
  7: 'D: an oops',
  8: 'A: an ACPI table overridden',
  9: 'W: a warning',
  10: 'C: a staging driver',
  11: 'I: a firmware workaround',
  12: 'O: an out-of-tree module',
  13: 'E: an unsigned module',
  14: 'L: a soft lockup',
  15: 'K: a livepatch',
  16: 'X: auxiliary',
  17: 'T: randomised structures',
  18: 'N: an in-kernel test',
};

/** O, E and K: every livepatch that is built out of tree and not signed taints the kernel so. */
export const expectedTaint = 0xb000;

/** C: loading a module of drivers/staging taints the kernel so. */
export const stagingTaint = 1 << 10;

/** The taints that came between two readings and are not expected: `W: a warning`. */
export function newTaints(before: number, after: number, expected = expectedTaint): string[] {
  const names: string[] = [];
  const bits = after & ~before & ~expected;
  for (let bit = 0; bit < 31; bit++) if (bits & (1 << bit)) names.push(taintNames[bit] ?? `bit ${bit}`);
  return names;
}
