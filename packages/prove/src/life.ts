import { type CallCounter, countCalls, judgeCalls } from './calls.ts';
import { judgeEffects, runChecks } from './checks.ts';
import { explainErrno } from './log/faults.ts';
import { expectedTaint, newTaints, type ProofFinding, stagingTaint } from './log/scan.ts';
import {
  findHang,
  type Guest,
  leaveHung,
  type PassContext,
  PassFailed,
  type PreparedLivepatch,
} from './pass.ts';
import { replyError, replyText, type Session, startSession } from './session.ts';
import { judgeTargets, loadTarget, reloadTargets, unloadTarget } from './target-steps.ts';
import { readStateChanges, type StateChange, timelines } from './timeline/timeline.ts';
import { livepatchFolder, patchingMs, watchTransition } from './transition.ts';
import type { Blocker, CheckResult, LivepatchProof, Pass } from './types.ts';
import { VmDied } from './vm/vm.ts';

/** A proof, and whether the next livepatch can be proven in the same VM. */
export interface LifeResult {
  readonly proof: Omit<LivepatchProof, 'boot'>;
  readonly isReusable: boolean;
}

/** Milliseconds between two looks at the states of all tasks during a transition; each costs about 5 under emulation. */
const sampleMs = '50';

/** Time limit of unloading a livepatch that is disabled. */
const unloadMs = 30_000;

/** Taints after which a kernel's word counts for little: a bad page, an oops, a warning, a lockup. */
const brokenTaints = (1 << 5) | (1 << 7) | (1 << 9) | (1 << 14);

/** Takes one livepatch through its life in a booted VM. Throws only for an abort. */
export async function proveOne(
  guest: Guest,
  livepatch: PreparedLivepatch,
  onStep: (name: string) => void,
): Promise<LifeResult> {
  const session = startSession(guest.vm, livepatch.name, onStep);
  const blockers: Blocker[] = [];
  const passes: Pass[] = [];
  const modules = livepatch.objects.filter(({ name }) => name !== 'vmlinux').map(({ name }) => name);
  let died: LivepatchProof['died'];
  let seen: StateChange[] = [];
  let isReusable = true;
  let checks: CheckResult[] = [];
  const counter: CallCounter = { counts: [] };
  let order: Pass['order'] = 'vmlinux';
  const context: PassContext = { guest, session, livepatch, modules, blockers };
  try {
    const taintBefore = await readTaint(session);
    await session.ask('watch', [sampleMs]);
    for (const name of guest.further) await loadTarget(context, name, []);
    const orders: Pass['order'][] = modules.length === 0 ? ['vmlinux'] : ['livepatch-first', 'targets-first'];
    for (order of orders) {
      checks = livepatch.checks.map(({ command }) => ({ command }));
      const isDone = await runPass(context, order, checks, counter);
      passes.push({ order, steps: session.take(), checks });
      if (order !== 'livepatch-first') judgeEffects(session, livepatch.checks, checks);
      isReusable &&= isDone.isClean;
      if (!isDone.isOk) break;
    }
    judgeTargets(context, passes);
    if (isReusable) judgeCalls(context, counter);
    seen = readStateChanges((await session.ask('watch', ['0'], { limit: 1 << 20 })).output);
    const taintAfter = await readTaint(session);
    const isStaging = [...modules, ...guest.further]
      .flatMap((name) => guest.targets.order(name))
      .some((name) => guest.targets.modules.get(name)?.isStaging);
    const taints = newTaints(taintBefore, taintAfter, expectedTaint | (isStaging ? stagingTaint : 0));
    if (taints.length > 0) {
      session.find({
        id: 'taint',
        severity: 'error',
        what: `the kernel is tainted anew: ${taints.join(', ')}`,
        why: 'a livepatch that is built out of tree and not signed adds O, E and K, and nothing else',
        next: 'the log of the proof says when',
      });
    }
    if (taintAfter & brokenTaints) isReusable = false;
  } catch (error) {
    // A module for the checks that hangs has been told of.
    if (!(error instanceof VmDied || error instanceof PassFailed)) throw error;
    isReusable = false;
    passes.push({ order, steps: session.take(), checks });
    if (error instanceof VmDied) {
      died = { step: session.current, how: error.death, message: error.message };
      session.find({
        id: 'vm-died',
        severity: 'error',
        what: `the VM died in the step "${session.current}": ${error.message}`,
        next:
          error.death === 'kvm'
            ? 'run the proof without KVM'
            : error.death === 'silence'
              ? 'the guest hangs with interrupts off or its processor never came back: look at what the step runs'
              : 'the console in the transcript shows the last that the kernel said',
      });
    }
  }
  if (livepatch.checks.length === 0) {
    session.find({
      id: 'no-checks',
      severity: 'note',
      what: 'no check was given, so nothing called the patched functions on purpose',
      next: 'give a command whose output shows the fix',
    });
  }
  const findings: ProofFinding[] = session.findings;
  return {
    proof: {
      name: livepatch.name,
      verdict: findings.some(({ severity }) => severity === 'error') ? 'failed' : 'proven',
      objects: livepatch.objects,
      passes,
      calls: counter.counts,
      findings,
      blockers,
      timelines: timelines(
        passes.flatMap(({ steps }) => steps.flatMap(({ log }) => log)),
        seen,
        blockers,
      ),
      ...(died && { died }),
      seconds: session.span.end - session.span.start,
    },
    isReusable,
  };
}

async function readTaint(session: Session): Promise<number> {
  return Number(replyText(await session.ask('read', ['/proc/sys/kernel/tainted']))) || 0;
}

/** One way through: load, check, revert, unload. */
async function runPass(
  context: PassContext,
  order: Pass['order'],
  results: readonly CheckResult[],
  counter: CallCounter,
): Promise<{ isOk: boolean; isClean: boolean }> {
  const { guest, session, livepatch, modules } = context;
  const functions = livepatch.objects.reduce((sum, object) => sum + object.functions.length, 0);
  const ours: string[] = [];
  let isLoaded = false;
  let isClean = true;
  const errors = () => session.findings.filter(({ severity }) => severity === 'error').length;
  const before = errors();
  try {
    if (order === 'livepatch-first') {
      const present = modules.filter((name) => guest.loaded.has(name));
      if (present.length > 0) {
        session.find({
          id: 'order-not-proven',
          severity: 'warning',
          what: `${present.join(', ')} cannot be unloaded, so loading the livepatch before it is not proven`,
          next: 'prove this livepatch alone',
        });
      }
    }
    if (order === 'targets-first') for (const name of modules) await loadTarget(context, name, ours);
    if (order !== 'livepatch-first') await runChecks(session, livepatch.checks, results, 'before');
    await loadLivepatch(context, functions);
    isLoaded = true;
    if (!(await watchTransition(session, livepatch.name, 'patching', functions, context.blockers)))
      throw new PassFailed();
    if (functions === 0) {
      session.find({
        id: 'nothing-patched',
        severity: 'error',
        what: 'the livepatch was enabled, and replaces no function',
        why: 'the kernel takes an empty list without a word; the first entry without a name and functions ends a list',
        next: 'look at the klp_object and klp_func arrays with klpkit show; klpkit explain KLP208 says more',
      });
    }
    await assertPatched(context, 'objects patched');
    if (order === 'livepatch-first') {
      for (const name of modules) await loadTarget(context, name, ours);
      await assertPatched(context, 'objects patched late');
    }
    const checkPatched = async (name?: string) => {
      if (livepatch.checks.length === 0) return;
      await countCalls(context, counter, () =>
        runChecks(session, livepatch.checks, results, 'patched', name),
      );
    };
    await checkPatched();
    if (order === 'targets-first') {
      const isReloaded = await reloadTargets(context, functions);
      if (isReloaded) {
        await assertPatched(context, 'objects patched again');
        await checkPatched('checks patched again');
      }
    }
    isClean = await revert(context, functions);
    isLoaded = !isClean;
    if (!isClean) throw new PassFailed();
    await runChecks(session, livepatch.checks, results, 'reverted');
  } catch (error) {
    if (!(error instanceof PassFailed)) throw error;
    isClean &&= error.isClean;
  }
  try {
    // A reversed transition completes at once, and the VM can be used on.
    if (isLoaded && isClean) isClean = await revert(context, functions);
    // Beside something that hangs more would hang.
    if (isClean) for (const name of ours.reverse()) await unloadTarget(context, name);
  } catch (error) {
    if (!(error instanceof PassFailed)) throw error;
    isClean = false;
  }
  return { isOk: errors() === before, isClean };
}

async function loadLivepatch({ session, livepatch }: PassContext, functions: number): Promise<void> {
  const timeoutMs = patchingMs(functions);
  const known = session.findings.filter(({ severity }) => severity === 'error').length;
  let error = '';
  const loaded = await session.step('load livepatch', async (ask) => {
    const reply = await ask('load', [livepatch.path, ''], { timeoutMs });
    if (reply.isTimedOut) return findHang(session, 'loading the livepatch', timeoutMs);
    error = replyError(reply);
    return { isOk: error === '', outcome: error || 'enabled' };
  });
  if (loaded.isOk) return;
  leaveHung(loaded);
  const isExplained = session.findings.filter(({ severity }) => severity === 'error').length > known;
  if (!isExplained) {
    const fault = explainErrno(error);
    session.find({
      id: fault?.id ?? 'load-failed',
      severity: 'error',
      what: `${fault?.what ?? 'the kernel refused the livepatch'} (${error})`,
      ...(fault?.why !== undefined && { why: fault.why }),
      next: fault?.next ?? "the errno may be the module's own: see its init and its callbacks",
    });
  }
  throw new PassFailed();
}

/** Every object that is there must be patched, and none else can be. */
async function assertPatched({ guest, session, livepatch }: PassContext, step: string): Promise<void> {
  await session.step(step, async (ask) => {
    const states: string[] = [];
    let isOk = true;
    for (const { name } of livepatch.objects) {
      const reply = await ask('read', [`${livepatchFolder}/${livepatch.name}/${name}/patched`]);
      const found = reply.status === 0 ? replyText(reply) : replyError(reply);
      const expected = name === 'vmlinux' || guest.loaded.has(name) ? '1' : '0';
      states.push(`${name} ${found}`);
      if (found === expected) continue;
      isOk = false;
      session.find({
        id: reply.status === 0 ? 'object-not-patched' : 'object-absent',
        severity: 'error',
        what:
          reply.status === 0
            ? `${name} is ${found === '1' ? '' : 'not '}patched, though it is ${expected === '1' ? '' : 'not '}loaded`
            : `the livepatch has no object ${name} (${found})`,
        next: 'compare the names of its objects with those of the modules: underscores, no suffix; klpkit explain KLP206 says more',
      });
    }
    return { isOk, outcome: states.join(', ') };
  });
}

/** Disables the livepatch, waits for the end of the transition, unloads it. False when it is still there. */
async function revert({ session, livepatch, blockers }: PassContext, functions: number): Promise<boolean> {
  const folder = `${livepatchFolder}/${livepatch.name}`;
  const disabled = await session.step('disable livepatch', async (ask) => {
    const timeoutMs = patchingMs(functions);
    const reply = await ask('write', [`${folder}/enabled`, '0'], { timeoutMs });
    if (reply.isTimedOut) return findHang(session, 'disabling the livepatch', timeoutMs);
    const error = replyError(reply);
    return { isOk: error === '', outcome: error || 'done' };
  });
  leaveHung(disabled);
  // A module that enabled nothing has nothing to disable, which was said before.
  const isEnabled = disabled.outcome !== 'ENOENT';
  if (!disabled.isOk && isEnabled) {
    session.find({
      id: 'disable-failed',
      severity: 'error',
      what: `the livepatch cannot be disabled (${disabled.outcome})`,
      next: 'the log of the proof says what is in the way',
    });
    return false;
  }
  if (isEnabled && !(await watchTransition(session, livepatch.name, 'unpatching', functions, blockers)))
    return false;
  const unloaded = await session.step('unload livepatch', async (ask) => {
    // The last reference is dropped by a work item, a moment after the folder is gone.
    for (let attempt = 0; ; attempt++) {
      const reply = await ask('unload', [livepatch.name], { timeoutMs: unloadMs });
      if (reply.isTimedOut) return findHang(session, 'unloading the livepatch', unloadMs);
      const error = replyError(reply);
      if (error === 'EAGAIN' && attempt < 50) {
        await ask('wait', ['/proc/self/none', '0'], { timeoutMs: 20 });
        continue;
      }
      return { isOk: error === '', outcome: error || 'done' };
    }
  });
  leaveHung(unloaded);
  if (unloaded.isOk) return true;
  session.find({
    id: 'unload-failed',
    severity: 'error',
    what: `the livepatch cannot be unloaded (${unloaded.outcome})`,
    next: 'see what still holds a reference to the module; a module without an exit function cannot be unloaded',
  });
  return false;
}
