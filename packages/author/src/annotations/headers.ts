import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fix, FixedFile } from '../fix/types.ts';

/** Headers for authors, as they are included. Those of a kernel that has its own are that kernel's. */
const headers = ['klpkit/livepatch.h', 'kpatch-macros.h', 'kpatch-syscall.h', 'linux/livepatch_helpers.h'];

const included = /^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]/gm;

/**
 * The headers for authors as files of the kernel's tree, if the fix includes any; what is on the include path of every unit is the folder
 * `include`. A fix without annotations is compiled from the very files that it touches.
 */
export async function annotationHeaders(
  sourceDir: string,
  files: readonly Pick<FixedFile, 'path' | 'after'>[],
): Promise<Fix['headers']> {
  const wanted = new Set(
    files.flatMap(({ after }) => [...(after ?? '').matchAll(included)].map((match) => match[1])),
  );
  if (!headers.some((header) => wanted.has(header))) return [];
  const own = new Set(files.map(({ path }) => path));
  const folder = join(import.meta.dirname, '../../include');
  const found = headers.filter(
    (header) => !own.has(`include/${header}`) && !existsSync(join(sourceDir, 'include', header)),
  );
  return Promise.all(
    found.map(async (header) => ({
      path: `include/${header}`,
      text: await readFile(join(folder, header), 'utf8'),
    })),
  );
}
