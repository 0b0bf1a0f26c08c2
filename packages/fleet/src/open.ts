import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { openKernel } from '@klpkit/kernel';
import type { OpenedKernel } from './run.ts';
import type { Matrix } from './types.ts';

/** A matrix with everything that it names read. */
export interface OpenedMatrix {
  readonly kernels: readonly OpenedKernel[];
  readonly patches: ReadonlyMap<string, string>;
}

/**
 * Opens the kernels of a matrix, which must be in the cache, and reads its patches.
 *
 * @param folder that paths of the matrix are relative to
 * @throws {Refusal} with everything that is missing at once
 */
export async function openMatrix(matrix: Matrix, folder: string, file: string): Promise<OpenedMatrix> {
  const findings: Finding[] = [];
  const missing = (what: string, next: string) =>
    findings.push({ id: 'matrix', severity: 'error', what, next, at: { file } });
  const read = async (path: string) =>
    readFile(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      missing(`${path} cannot be read: ${error.code}`, 'give the file, or its right name');
      return undefined;
    });
  const kernels: OpenedKernel[] = [];
  for (const { id, coveredUntil, shipped } of matrix.kernels) {
    const kernel = await openKernel(id).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error;
      missing(error.message, error.next ?? `klpkit kernel add ${id}`);
      return undefined;
    });
    const bytes = shipped === undefined ? undefined : await read(shipped);
    if (!kernel) continue;
    if (kernels.some((one) => one.kernel.id === kernel.id))
      missing(`${id} is ${kernel.id}, which the matrix has already`, 'name each kernel once');
    kernels.push({
      kernel,
      ...(coveredUntil ? { coveredUntil } : {}),
      ...(bytes && shipped ? { shipped: { name: shipped.replace(/^.*\//, ''), bytes } } : {}),
    });
  }
  const paths = matrix.fixes.flatMap(({ patches, backports }) => [
    ...patches,
    ...backports.flatMap((backport) => backport.patches),
  ]);
  const patches = new Map<string, string>();
  for (const path of new Set(paths)) {
    const bytes = await read(path);
    if (bytes) patches.set(path, new TextDecoder().decode(bytes));
  }
  if (findings.length > 0) throw new Refusal(findings);
  return { kernels, patches };
}
