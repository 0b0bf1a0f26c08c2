import type { ObjectModel, Piece } from '@klpkit/compare';

/**
 * What starts a kernel thread; its first pointer argument is the thread's main function.
 * Sources: include/linux/kthread.h, include/linux/sched/task.h.
 */
const starters =
  /^(kthread_create_on_node|kthread_create_on_cpu|kthread_run_on_cpu|kernel_thread|user_mode_thread)$/;

/** Most bytes between the address of the main function and the call: its other arguments are set up there. */
const reach = 96;

/** Functions of a unit that it makes the main function of a kernel thread, each with what starts the thread there. */
export function threadMains(model: ObjectModel): Map<Piece, Piece> {
  const mains = new Map<Piece, Piece>();
  for (const section of model.elf.sections) {
    if (model.kindOf(section) !== 'text' && model.kindOf(section) !== 'init') continue;
    const code = model.bytes(section);
    const references = model.references(section);
    references.forEach(({ target, offset, type }, index) => {
      if (target.kind !== 'piece' || target.piece.kind !== 'function' || target.offset !== 0) return;
      if (model.arch.isBranchOperand(code, offset, type)) return;
      for (
        let next = index + 1;
        next < references.length && references[next].offset - offset <= reach;
        next++
      ) {
        const call = references[next].target;
        if (call.kind !== 'external' || !starters.test(call.name)) continue;
        const starter = model.pieceAt(section, offset);
        if (starter) mains.set(target.piece, starter);
        return;
      }
    });
  }
  return mains;
}
