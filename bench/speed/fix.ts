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
    const at = lines.findLastIndex((line, index) => line === '\treturn error;' && lines[index + 1] === '}');
    const place =
      at >= 0
        ? at
        : lines.findLastIndex((line, index) => /^\treturn \w+;$/.test(line) && lines[index + 1] === '}');
    if (place < 0) throw new Error(`${source} has no function that ends in a plain return`);
    parts.push(
      `--- a/${source}\n+++ b/${source}\n@@ -${place + 1},1 +${place + 1},2 @@\n+\tbarrier_data(current);\n ${lines[place]}\n`,
    );
  }
  return parts.join('');
}
