import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openKernel } from '@klpkit/kernel';

/**
 * A patch that adds a statement to the last function of each source whose body returns a plain variable: no line of the kernel is
 * in it but the context, and it is made when it is needed.
 */
export async function editFix(kernelId: string, sources: readonly string[]): Promise<string> {
  const kernel = await openKernel(kernelId);
  const parts: string[] = [];
  for (const source of sources) {
    const lines = (await readFile(join(kernel.sourceDir, source), 'utf8')).split('\n');
    const place = lines.findLastIndex(
      (line, index) => /^\treturn \w+;$/.test(line) && lines[index + 1] === '}' && !isInitial(lines, index),
    );
    if (place < 0) throw new Error(`${source} has no function that ends in a plain return`);
    const context = [lines[place - 1], lines[place]];
    parts.push(
      `--- a/${source}\n+++ b/${source}\n@@ -${place},2 +${place},3 @@\n ${context[0]}\n+\tbarrier_data(current);\n ${context[1]}\n`,
    );
  }
  return parts.join('');
}

/** Whether a line is in a function that runs at boot alone. */
function isInitial(lines: readonly string[], index: number): boolean {
  const head = lines.findLastIndex((line, at) => at < index && /^[a-z].*\(/i.test(line));
  return lines.slice(Math.max(0, head - 1), head + 1).some((line) => line.includes('__init'));
}
