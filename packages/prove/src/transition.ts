import { replyError, replyText, type Session } from './session.ts';
import { blockerWords, nameBlockers, reasonMs } from './tasks.ts';
import type { Blocker } from './types.ts';

/** Root of what the kernel shows of livepatches. */
export const livepatchFolder = '/sys/kernel/livepatch';

/** After this long a transition is watched with the kernel's debug messages on: they name the reasons. */
const quietMs = 2000;

/**
 * How long a transition is watched before it is called stuck: beyond the 15 s after which the kernel wakes and signals the
 * tasks that remain, and more for many functions, each of which costs about 0.13 s to undo under emulation.
 */
export function stallMs(functions: number): number {
  return 25_000 + functions * 500;
}

/** Time limit of one write or load that patches or unpatches so many functions. */
export function patchingMs(functions: number): number {
  return 30_000 + functions * 500;
}

/**
 * Watches a transition to its end. True when it is complete; else a finding names the tasks that block it, which are
 * added to `blockers`.
 */
export async function watchTransition(
  session: Session,
  module: string,
  direction: 'patching' | 'unpatching',
  functions: number,
  blockers: Blocker[],
): Promise<boolean> {
  const folder = `${livepatchFolder}/${module}`;
  // A disabled livepatch's folder goes away when its transition is complete.
  const args = direction === 'patching' ? [`${folder}/transition`, '0'] : [folder, ''];
  let named: Blocker[] = [];
  const control = '/proc/dynamic_debug/control';
  const debug = (onOff: '+p' | '-p') => session.ask('write', [control, `file kernel/livepatch/* ${onOff}`]);
  const { isOk, outcome } = await session.step(`transition ${direction}`, async (ask) => {
    const quiet = await ask('wait', args, { timeoutMs: quietMs });
    if (quiet.status === 0) return { isOk: true, outcome: 'complete' };
    if (replyError(quiet) !== 'ETIMEDOUT' && direction === 'patching')
      return { isOk: false, outcome: replyError(quiet) };
    await debug('+p');
    const state = direction === 'patching' ? '0' : '1';
    const name = async (limitMs: number) =>
      (await nameBlockers(ask, state, args, () => session.peek(), limitMs)).tasks;
    // Whoever waits is told soon; the verdict takes its time.
    const early = await name(reasonMs);
    if (early.length > 0) session.say(`${blockerWords(early)} keeps the transition from its end`);
    const late = await ask('wait', args, { timeoutMs: stallMs(functions) - quietMs - reasonMs });
    if (late.status !== 0) named = await name(0);
    await debug('-p');
    if (late.status === 0) return { isOk: true, outcome: early.length > 0 ? 'complete, slowly' : 'complete' };
    return { isOk: false, outcome: `stuck: ${replyText(late) || replyError(late)}` };
  });
  if (isOk) return true;
  if (outcome === 'ENOENT') {
    session.find({
      id: 'not-enabled',
      severity: 'error',
      what: `the module was loaded, but enabled no livepatch: there is no ${folder}`,
      next: 'call klp_enable_patch() in its init, and give the module the name that it was built with',
    });
    return false;
  }
  blockers.push(...named);
  session.find({
    id: 'stuck-transition',
    severity: 'error',
    what: `the ${direction} transition is stuck after ${Math.round(stallMs(functions) / 1000)} s: ${blockerWords(named)}`,
    why: 'a task that never leaves a function that is being replaced keeps the transition from its end; in production it will too',
    next: 'patch a function that the task does not sleep in, or the functions that it calls; do not force the transition; klpkit explain KLP402 says more',
  });
  return false;
}
