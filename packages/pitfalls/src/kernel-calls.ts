import type { ObjectModel, Piece, Reference } from '@klpkit/compare';
import { isBranch, partsOf } from './calls.ts';
import { kernelName } from './module-calls.ts';

/**
 * Functions that put the caller to sleep, by name: enough of them to see that a function waits, not all that may.
 * Sources: include/linux/{sched,wait,completion,mutex,rwsem,semaphore,delay,swait,percpu-rwsem,srcu,rcupdate,workqueue}.h.
 */
const sleeping =
  /^(schedule(_timeout(_interruptible|_killable|_uninterruptible|_idle)?|_preempt_disabled|_hrtimeout(_range)?)?|io_schedule(_timeout)?|wait_for_completion(_\w+)?|out_of_line_wait_on_bit(_\w+)?|__wait_on_bit(_\w+)?|wait_woken|do_wait_intr(_irq)?|mutex_lock(_\w+)?|__mutex_lock(_\w+)?|rt_mutex_(base_)?lock(_\w+)?|down(_read|_write|_interruptible|_killable|_timeout|_read_killable|_write_killable|_read_interruptible)?|__percpu_down_read|percpu_down_write|msleep(_interruptible)?|usleep_range_state|ssleep|synchronize_(rcu|srcu|net|irq|rcu_expedited)|rcu_barrier|flush_work|__flush_workqueue|cancel_work_sync|cancel_delayed_work_sync|kthread_stop|wait_on_page_bit|folio_wait_bit|__bio_\w*wait|submit_bio_wait)$/;

/** Those that a signal wakes, the fake one of a stalled transition as well. */
const interruptible =
  /^(schedule_timeout_interruptible|wait_for_completion_interruptible(_timeout)?|mutex_lock_interruptible(_nested)?|down_interruptible|down_read_interruptible|msleep_interruptible|do_wait_intr(_irq)?|prepare_to_wait_event|wait_on_bit_interruptible|rt_mutex_lock_interruptible)$/;

/** Functions that take or release a lock. */
const locking =
  /^(_raw_(spin|read|write)_(lock|unlock|trylock)\w*|queued_spin_lock_slowpath|mutex_(lock|unlock|trylock)\w*|rt_mutex_(lock|unlock|trylock)\w*|down\w*|up|up_(read|write)\w*|rwsem_\w+|percpu_(down|up)_\w+|__rcu_read_(un)?lock|srcu_read_(un)?lock|__srcu_read_(un)?lock|ww_mutex_(lock|unlock)\w*|bit_spin_(un)?lock|lock_sock_nested|release_sock|_raw_spin_rq_lock\w*)$/;

/** Functions that begin, end or count the life of an object. */
const lifetime =
  /^(__?k[mvz]?[mz]?alloc\w*|kvmalloc\w*|kmem_cache_(alloc|free)\w*|kfree(_\w+)?|kvfree(_\w+)?|vfree|vmalloc\w*|get_device|put_device|kobject_(get|put|init|add|del)\w*|refcount_\w+|fget\w*|fput\w*|dget\w*|dput|iget\w*|iput|mntget|mntput|path_get|path_put|of_node_(get|put)|(try_)?module_(get|put)|__module_get|sock_(hold|put)|sk_free|(kfree|consume)_skb\w*|__?alloc_skb\w*|call_rcu\w*|kvfree_call_rcu|get_task_\w+|__put_task_struct\w*|mmget\w*|mmput\w*|__mmdrop|cdev_(add|del)|anon_inode_get\w*)$/;

/** True for the name of a function that sleeps. */
export const mayBeAsleepIn = (name: string): boolean => sleeping.test(name);
/** True for the name of a function that a signal wakes. */
export const isInterruptible = (name: string): boolean => interruptible.test(name);
/** True for the name of a function that takes or releases a lock. */
export const isLocking = (name: string): boolean => locking.test(name);
/** True for the name of a function that begins, ends or counts the life of an object. */
export const isLifetime = (name: string): boolean => lifetime.test(name);

/** The name of what a reference leads to outside the object, or of the piece in it; a KLP symbol by the name that it stands for. */
export function targetName({ target }: Reference): string | undefined {
  if (target.kind === 'piece') return target.piece.name;
  if (target.kind !== 'external') return undefined;
  return kernelName(target.name);
}

/** Names of what a function calls or jumps to directly, in the order of its code; its cold part comes last. */
export function callNames(model: ObjectModel, piece: Piece): string[] {
  return partsOf(model, piece).flatMap((part) => ownCallNames(model, part));
}

/** {@link callNames} of one part alone. */
export function ownCallNames(model: ObjectModel, part: Piece): string[] {
  return model.referencesOf(part).flatMap((reference) => {
    const name = isBranch(model, part, reference) ? targetName(reference) : undefined;
    return name === undefined ? [] : [name];
  });
}
