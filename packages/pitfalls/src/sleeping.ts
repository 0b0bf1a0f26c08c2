import { mayBeAsleepIn } from './kernel-calls.ts';
import type { KernelCall } from './module-calls.ts';

/** Functions of the kernel that may sleep besides those that wait: calling one with interrupts off is a bug. */
const maySleep =
  /^(usleep_range|fsleep|__schedule|__wait_for_completion\w*|__down(_read|_write)?(_interruptible|_killable|_timeout)?|_*v[mz]?alloc\w*|kvm?alloc_node\w*|_*copy_(to|from)_user|_*might_sleep|_*cond_resched|flush_workqueue|synchronize_s?rcu_\w+|del_timer_sync|_*request_module|filp_open|vfs_\w+|_*kernel_(read|write)|dput|iput|fput_sync|static_key_(enable|disable|slow_inc|slow_dec)|register_kprobes?|kmem_cache_(create|destroy)\w*)$/;

/** Allocators, and which of their arguments has the flags. */
const allocators: readonly [RegExp, number][] = [
  [/^_*kmalloc(_node)?(_noprof)?$|^kmalloc_large(_node)?(_noprof)?$/, 1],
  [
    /^kmalloc_(node_)?trace(_noprof)?$|^__kmalloc_cache(_node)?_noprof$|^kmem_cache_alloc(_node)?(_noprof)?$/,
    1,
  ],
  [/^_*kvmalloc_node(_noprof)?$/, 1],
  [/^_*(get_free_pages|get_zeroed_page|alloc_pages)(_noprof)?$/, 0],
];

/** ___GFP_DIRECT_RECLAIM (include/linux/gfp_types.h): the same bit in 6.1 and 6.12. GFP_KERNEL has it, GFP_ATOMIC has not. */
const directReclaim = 0x400n;

/** Why a call may sleep, in words; `undefined` when it does not, or when it is not known. */
export function whySleeps({ name, args }: KernelCall): string | undefined {
  const flags = allocators.find(([pattern]) => pattern.test(name));
  if (!flags) return mayBeAsleepIn(name) || maySleep.test(name) ? name : undefined;
  const argument = args[flags[1]];
  if (argument?.kind !== 'number' || (argument.value & directReclaim) === 0n) return undefined;
  return `${name} with the flags 0x${argument.value.toString(16)}, which may wait for memory`;
}
