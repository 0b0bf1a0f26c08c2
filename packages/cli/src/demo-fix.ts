import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';

/** The line that the demo adds to /proc/version. */
export const demoLine = 'This kernel was livepatched by klpkit while it ran.';

/** The file that the demo edits, and the function in it that writes /proc/version. */
export const demoSource = 'fs/proc/version.c';
const demoFunction = 'version_proc_show';

/** Lines of context around an edit, as diff -u has them. */
const contextLines = 3;

/**
 * Makes the demo's fix for a source text: one more line of output before the function's `return 0;`. No kernel code is part
 * of klpkit, so the patch is made from the kernel's own source when it is wanted.
 *
 * @returns a unified diff for `patch -p1`, or `undefined` when the text has no such function
 */
export function demoPatch(text: string): string | undefined {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => new RegExp(`^static int ${demoFunction}\\(`).test(line));
  if (start < 0) return undefined;
  const end = lines.indexOf('}', start);
  const at = lines.findIndex((line, index) => index > start && index < end && line === '\treturn 0;');
  if (at < 0) return undefined;
  const first = Math.max(0, at - contextLines);
  // A text ends with a newline, after which split() sees one more, empty line.
  const last = Math.min(lines.length - 1, at + contextLines);
  const before = lines.slice(first, at).map((line) => ` ${line}`);
  const after = lines.slice(at, last).map((line) => ` ${line}`);
  const count = before.length + after.length;
  return [
    'From: klpkit demo <demo@klpkit.invalid>',
    'Subject: [PATCH] proc: say in /proc/version that a livepatch is in force',
    '',
    'A change that one can see, for the demo.',
    '---',
    `--- a/${demoSource}`,
    `+++ b/${demoSource}`,
    `@@ -${first + 1},${count} +${first + 1},${count + 1} @@`,
    ...before,
    `+\tseq_puts(m, "${demoLine}\\n");`,
    ...after,
    '',
  ].join('\n');
}

/** The demo's fix for a kernel. @throws {UsageError} for a kernel whose source looks otherwise */
export async function demoPatchFor(kernel: Kernel): Promise<string> {
  const patch = demoPatch(await readFile(join(kernel.sourceDir, demoSource), 'utf8'));
  if (patch === undefined)
    throw new UsageError(
      `${demoSource} of ${kernel.id} has no ${demoFunction} that the demo can edit`,
      'klpkit demo --kernel debian:6.12',
    );
  return patch;
}
