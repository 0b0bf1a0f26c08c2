import { normalize } from 'node:path';
import type { Unit } from '../types.ts';

/**
 * A unit's source as Kbuild writes it on the command line: `drivers/gpu/drm/amd/amdgpu/../display/dc/core/dc.c`, where a makefile lists
 * `../display/dc/core/dc.o`. The compiler puts it into `__FILE__`, of this file and of headers beside it, so it is part of the code.
 * Otherwise the same as {@link Unit.source}.
 */
export function spelledSource({ source, object }: Pick<Unit, 'source' | 'object'>): string {
  const spelled = object.replace(/\.o$/, '.c');
  return normalize(spelled) === source ? spelled : source;
}
