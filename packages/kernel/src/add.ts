import { UsageError } from '@klpkit/findings';
import { addBuildTree } from './providers/build-tree.ts';
import { type AddOptions, addDebianKernel } from './providers/debian.ts';
import type { Kernel } from './types.ts';

export type { AddOptions } from './providers/debian.ts';

/**
 * Puts a kernel into the cache and gives it back; one that is there already is only given back. `debian:RELEASE` and
 * `debian:SERIES` are fetched, `buildTree` is a folder where the user built a kernel. Safe to interrupt and to call twice
 * at once.
 */
export async function addKernel(
  spec: string | { readonly buildTree: string },
  options: AddOptions = {},
): Promise<Kernel> {
  if (typeof spec !== 'string') return addBuildTree(spec.buildTree, options);
  if (spec.startsWith('debian:')) return addDebianKernel(spec, options);
  throw new UsageError(
    `${JSON.stringify(spec)} names no kernel that klpkit can fetch`,
    'give debian:RELEASE or debian:SERIES, for example debian:6.12, or --build-tree DIR for a kernel built here',
  );
}
