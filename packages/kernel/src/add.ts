import { UsageError } from '@klpkit/findings';
import { type AddOptions, addDebianKernel } from './providers/debian.ts';
import type { Kernel } from './types.ts';

export type { AddOptions } from './providers/debian.ts';

/**
 * Puts a kernel into the cache and gives it back; one that is there already is only given back. Safe to interrupt and to
 * call twice at once.
 */
export async function addKernel(spec: string, options: AddOptions = {}): Promise<Kernel> {
  if (spec.startsWith('debian:')) return addDebianKernel(spec, options);
  throw new UsageError(
    `${JSON.stringify(spec)} names no kernel that klpkit can fetch`,
    'give debian:RELEASE or debian:SERIES, for example debian:6.12',
  );
}
