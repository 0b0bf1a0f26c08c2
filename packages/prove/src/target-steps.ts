import { errnoName } from './log/errno.ts';
import { findHang, leaveHung, type PassContext } from './pass.ts';
import { replyError } from './session.ts';
import { patchingMs } from './transition.ts';
import type { Pass } from './types.ts';

/** Time limit of loading or unloading a module of the kernel that nothing patches yet. */
const moduleMs = 60_000;

/** Loads a module of the kernel and what it needs. What cannot be loaded here is said. */
export async function loadTarget(context: PassContext, name: string, ours: string[]): Promise<void> {
  const { guest, session } = context;
  for (const module of guest.targets.order(name)) {
    if (guest.loaded.has(module)) continue;
    if (!guest.targets.modules.has(module)) {
      session.find({
        id: 'target-missing',
        severity: 'warning',
        what: `the kernel ships no module ${module}${module === name ? '' : `, which ${name} needs`}: what is patched in ${name} is not proven`,
        next: 'check the name of the object',
      });
      return;
    }
    const loaded = await session.step(
      `load target ${module}`,
      async (ask) => {
        const reply = await ask('load', [guest.targetPath(module), ''], { timeoutMs: moduleMs });
        if (reply.isTimedOut) return findHang(session, `loading the module ${module}`, moduleMs);
        const error = replyError(reply);
        return { isOk: error === '', outcome: error || 'loaded' };
      },
      true,
    );
    leaveHung(loaded);
    const { isOk, outcome } = loaded;
    if (!isOk && guest.targets.soft.has(module) && module !== name) continue;
    if (!isOk) {
      const isRefused = session.lastLog.some(({ text }) => /refusing to load module/.test(text));
      if (!isRefused) {
        session.find({
          id: 'target-not-loadable',
          severity: 'warning',
          what: `the module ${module} cannot be loaded in this VM (${outcome})${module === name ? '' : `, and ${name} needs it`}: what is patched in ${name} is not proven`,
          ...(/^(ENODEV|ENXIO|EIO|EOPNOTSUPP)$/.test(outcome ?? '') && {
            why: 'it needs hardware that the VM has not',
          }),
          next: 'prove it on a machine that has what the module needs',
        });
      }
      return;
    }
    guest.loaded.add(module);
    ours.push(module);
  }
}

/** Unloads a module of the kernel; that it cannot be is no fault of the livepatch. */
export async function unloadTarget({ guest, session }: PassContext, name: string): Promise<void> {
  const unloaded = await session.step(`unload target ${name}`, async (ask) => {
    const reply = await ask('unload', [name], { timeoutMs: moduleMs });
    if (reply.isTimedOut) return findHang(session, `unloading the module ${name}`, moduleMs);
    const error = replyError(reply);
    return { isOk: error === '', outcome: error || 'done' };
  });
  leaveHung(unloaded);
  if (unloaded.isOk) guest.loaded.delete(name);
}

/** Unloads each patched module under the livepatch and loads it again. True when at least one could be. */
export async function reloadTargets(context: PassContext, functions: number): Promise<boolean> {
  const { guest, session, modules } = context;
  let isReloaded = false;
  for (const name of modules) {
    if (!guest.loaded.has(name)) continue;
    let error = '';
    const timeoutMs = patchingMs(functions);
    leaveHung(
      await session.step(`unload target ${name}`, async (ask) => {
        const reply = await ask('unload', [name], { timeoutMs });
        if (reply.isTimedOut)
          return findHang(session, `unloading the module ${name} under the livepatch`, timeoutMs);
        error = replyError(reply);
        return { isOk: true, outcome: error || 'done' };
      }),
    );
    if (error !== '') {
      session.find({
        id: 'target-not-unloadable',
        severity: 'note',
        what: `the module ${name} cannot be unloaded (${error}), so its reload under the livepatch is not proven`,
      });
      continue;
    }
    guest.loaded.delete(name);
    const reloaded = await session.step(
      `reload target ${name}`,
      async (ask) => {
        const reply = await ask('load', [guest.targetPath(name), ''], { timeoutMs });
        if (reply.isTimedOut)
          return findHang(session, `loading the module ${name} again under the livepatch`, timeoutMs);
        const failure = replyError(reply);
        return { isOk: failure === '', outcome: failure || 'loaded' };
      },
      true,
    );
    leaveHung(reloaded);
    const { isOk, outcome } = reloaded;
    if (!isOk) {
      session.find({
        id: 'target-reload-failed',
        severity: 'error',
        what: `the module ${name} was unloaded under the livepatch and cannot be loaded again (${outcome})`,
        next: 'the log of the step says why',
      });
      continue;
    }
    guest.loaded.add(name);
    isReloaded = true;
  }
  return isReloaded;
}

/** A module that loads alone but not under the livepatch is the livepatch's doing, whatever the log says. */
export function judgeTargets({ session, modules }: PassContext, passes: readonly Pass[]): void {
  const outcomeIn = (order: Pass['order'], name: string) =>
    passes.find((pass) => pass.order === order)?.steps.find((step) => step.name === `load target ${name}`);
  for (const name of modules) {
    const under = outcomeIn('livepatch-first', name);
    const alone = outcomeIn('targets-first', name);
    if (!under || under.isOk || !alone?.isOk) continue;
    session.find({
      id: 'target-fails-under-livepatch',
      severity: 'error',
      what: `the module ${name} loads alone, but not while the livepatch is there (${under.outcome ?? errnoName(0)})`,
      next: 'the log of the step says why',
    });
  }
}
