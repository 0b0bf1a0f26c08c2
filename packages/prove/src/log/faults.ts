import type { Severity } from '@klpkit/findings';
import type { Fault } from './faults/fault.ts';
import { kernelFaults } from './faults/of-kernel.ts';
import { livepatchFaults } from './faults/of-livepatch.ts';
import { refusedWrites, silentFaults } from './faults/without-words.ts';

/** The known faults that the log shows: the first that matches a line explains it. */
export const faults: readonly Fault[] = [...livepatchFaults, ...kernelFaults];

/** Ids of all known faults, and of what a run as a whole may show. */
export const faultIds: ReadonlySet<string> = new Set([
  ...[...faults, ...silentFaults, ...Object.values(refusedWrites)].map(({ id }) => id),
  'taint',
]);

/** A fault that a line shows, its sentences filled in. */
export interface ExplainedFault {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why?: string;
  /** What to do; names the pitfall where there is one. */
  readonly next: string;
  /** `KLPnnn`, where the catalogue of pitfalls has it. */
  readonly pitfall?: string;
}

function fill(fault: Fault, groups: Readonly<Record<string, string | undefined>>): ExplainedFault {
  const put = (text: string) =>
    text.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = groups[name] ?? '';
      // The kernel prints vmlinux, which has no name in a livepatch, as (null).
      return value === '(null)' ? 'vmlinux' : value;
    });
  const { id, severity, pitfall } = fault;
  return {
    id,
    severity,
    what: put(fault.what),
    next: `${put(fault.next)}${pitfall === undefined ? '' : `; klpkit explain ${pitfall} says more`}`,
    ...(pitfall === undefined ? {} : { pitfall }),
    ...(fault.why === undefined ? {} : { why: put(fault.why) }),
  };
}

/** The known fault that a line of the kernel's log shows, with or without the log's timestamp; undefined for all others. */
export function explainLine(line: string): ExplainedFault | undefined {
  const text = line.replace(/^(?:<\d+>)?\[\s*\d+\.\d+\]\s*(?:\[\s*[TC]\d+\]\s*)?/, '');
  for (const fault of faults) {
    const match = fault.pattern?.exec(text);
    if (match) return fill(fault, match.groups ?? {});
  }
  return undefined;
}

/** What a failed load is known by when the kernel's log says nothing about it. */
export function explainErrno(errno: string): ExplainedFault | undefined {
  const fault = silentFaults.find((candidate) => candidate.errno === errno);
  return fault && fill(fault, {});
}

/** Why the kernel refuses a write to `enabled` or `force`, or an unload; undefined for other errors. */
export function explainRefusal(
  what: 'enabled' | 'force' | 'unload',
  errno: string,
): ExplainedFault | undefined {
  const fault = refusedWrites[`${what} ${errno}`];
  return fault && fill(fault, {});
}
