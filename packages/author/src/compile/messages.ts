import type { Finding } from '@klpkit/findings';
import type { Unit } from '@klpkit/kernel';
import type { Side } from './types.ts';

/** Most lines of the compiler's message that a finding carries. */
const messageLines = 12;

/**
 * A unit that does not compile, in the compiler's words.
 *
 * @param roots folders that stand for the kernel tree, or the build folder; they are taken off all paths
 */
export function compilerFinding(unit: Unit, side: Side, roots: readonly string[], stderr: string): Finding {
  // The longest first: one may lie in another.
  const sorted = [...roots].sort((a, b) => b.length - a.length);
  const message = sorted
    .reduce((text, root) => text.replaceAll(`${root}/`, ''), stderr)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const first = message.find((line) => /error:/.test(line)) ?? message[0] ?? 'the compiler gave no message';
  // Warnings stand before the first error, and so does what was included from where, which belongs to it.
  let begin = Math.max(message.indexOf(first), 0);
  while (
    begin > 0 &&
    /^In file included from |^\s+from |: In function |: At top level/.test(message[begin - 1] as string)
  )
    begin--;
  const where = /^([^:\s]+):(\d+):/.exec(first);
  const line = where && where[1] === unit.source ? { line: Number(where[2]) } : {};
  return {
    id: 'does-not-compile',
    severity: 'error',
    what: `${unit.source} does not compile ${side === 'after' ? 'with the fix' : 'before the fix'}: ${first}`,
    why: message.slice(begin, begin + messageLines).join('\n        '),
    next:
      side === 'after'
        ? 'mend the fix; a patch for another version may need headers of that version'
        : 'check that the kernel was added from its own packages: klpkit kernel show',
    at: { unit: unit.source, ...line },
  };
}

/** A unit for which the compiler reads the old form of a changed file, whatever is tried: its object would be wrong. */
export function missedFinding(unit: Unit, paths: readonly string[]): Finding {
  return {
    id: 'fix-not-seen',
    severity: 'error',
    what: `${unit.source} is compiled with the old content of ${paths.join(', ')}`,
    why: 'the compiler finds the file by a way that leads past the private copy of the fixed source',
    next: 'report this kernel and fix: klpkit should know that way',
    at: { unit: unit.source },
  };
}
