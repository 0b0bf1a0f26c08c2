import type { Comparison, TableEntry, Target } from '@klpkit/compare';
import type { Location, Resolver } from './types.ts';

/** The key that a jump label tests: its name, and where it is when it is not part of the livepatch. */
export interface JumpLabelKey {
  readonly name: string;
  readonly location: Location | undefined;
}

/** The key of a `__jump_table` entry; `undefined` for other tables and for keys that the livepatch brings along. */
export function keyOf(
  entry: TableEntry,
  comparison: Comparison,
  resolver: Resolver,
  isCopied: (target: Extract<Target, { kind: 'piece' }>) => boolean,
): JumpLabelKey | undefined {
  const target = entry.section.name === '__jump_table' ? entry.references[2]?.target : undefined;
  if (target?.kind === 'external') return { name: target.name, location: resolver.external(target.name) };
  if (target?.kind !== 'piece' || isCopied(target)) return undefined;
  const before = comparison.correlation.beforeOf(target.piece);
  return { name: target.piece.name, location: before && resolver.original(before) };
}

/** True when a key's jump label would be set up before the relocation to it is applied (KLP310). */
export function isInModule(key: JumpLabelKey | undefined): boolean {
  return key?.location?.kind === 'klp' && key.location.object !== 'vmlinux';
}

/** `ext4_sync_file` of `__tracepoint_ext4_sync_file`. */
export function tracepointOf(name: string): string | undefined {
  return /^__tracepoint_(.*)$/.exec(name)?.[1];
}

/** The tracepoint whose probes a static call runs: `ext4_sync_file` of `__SCT__tp_func_ext4_sync_file`. */
export function probedTracepoint(target: Target): string | undefined {
  const name = target.kind === 'external' ? target.name : target.kind === 'piece' ? target.piece.name : '';
  return /^__SCT__tp_func_(.*)$/.exec(name)?.[1];
}
