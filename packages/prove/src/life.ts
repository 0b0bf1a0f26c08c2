import { judgeEffects, runChecks } from './checks.ts';
import { errnoName, explainErrno } from './log/faults.ts';
import { expectedTaint, newTaints, type ProofFinding, stagingTaint } from './log/scan.ts';
import { replyError, replyText, type Session, startSession } from './session.ts';
import type { Targets } from './targets.ts';
import { readStateChanges, type StateChange, timelines } from './timeline/timeline.ts';
import { livepatchFolder, patchingMs, watchTransition } from './transition.ts';
import type { Blocker, Check, CheckResult, LivepatchProof, Pass, PatchedObject } from './types.ts';
import { type Vm, VmDied } from './vm/vm.ts';

/** A livepatch as the VM has it. */
export interface PreparedLivepatch {
  readonly name: string;
  /** Its file in the VM. */
  readonly path: string;
  readonly objects: readonly PatchedObject[];
  readonly checks: readonly Check[];
}

/** What livepatches that share a boot share. */
export interface Guest {
  readonly vm: Vm;
  readonly targets: Targets;
  /** Where a module of the kernel lies in the VM. */
  readonly targetPath: (name: string) => string;
  /** Modules of the kernel that are loaded now. */
  readonly loaded: Set<string>;
  /** Modules that are patched by nobody and are there for the checks. */
  readonly further: readonly string[];
}

/** A proof, and whether the next livepatch can be proven in the same VM. */
export interface LifeResult {
  readonly proof: Omit<LivepatchProof, 'boot'>;
  readonly isReusable: boolean;
}

/** Leaves the pass under way: what was to be said has been said. */
class PassFailed extends Error {
  /** Whether the VM can go on. */
  readonly isClean: boolean;
  constructor(isClean = true) {
    super('the pass has failed');
    this.isClean = isClean;
  }
}

/** Milliseconds between two looks at the states of all tasks during a transition; each costs about 5 under emulation. */
const sampleMs = '50';

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
  let order: Pass['order'] = 'vmlinux';
  const context: PassContext = { guest, session, livepatch, modules, blockers };
  try {
    const taintBefore = await readTaint(session);
    await session.ask('watch', [sampleMs]);
    for (const name of guest.further) await loadTarget(context, name, []);
    const orders: Pass['order'][] = modules.length === 0 ? ['vmlinux'] : ['livepatch-first', 'targets-first'];
    for (order of orders) {
      checks = livepatch.checks.map(({ command }) => ({ command }));
      const isDone = await runPass(context, order, checks);
      passes.push({ order, steps: session.take(), checks });
      if (order !== 'livepatch-first') judgeEffects(session, livepatch.checks, checks);
      isReusable &&= isDone.isClean;
      if (!isDone.isOk) break;
    }
    judgeTargets(context, passes);
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
    if (!(error instanceof VmDied)) throw error;
    isReusable = false;
    passes.push({ order, steps: session.take(), checks });
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

interface PassContext {
  readonly guest: Guest;
  readonly session: Session;
  readonly livepatch: PreparedLivepatch;
  /** Names of the patched modules. */
  readonly modules: readonly string[];
  readonly blockers: Blocker[];
}

/** One way through: load, check, revert, unload. */
async function runPass(
  context: PassContext,
  order: Pass['order'],
  results: readonly CheckResult[],
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
    await assertPatched(context, 'objects patched');
    if (order === 'livepatch-first') {
      for (const name of modules) await loadTarget(context, name, ours);
      await assertPatched(context, 'objects patched late');
    }
    await runChecks(session, livepatch.checks, results, 'patched');
    if (order === 'targets-first') {
      const isReloaded = await reloadTargets(context, functions);
      if (isReloaded) {
        await assertPatched(context, 'objects patched again');
        await runChecks(session, livepatch.checks, results, 'patched', 'checks patched again');
      }
    }
    isClean = await revert(context, functions);
    isLoaded = !isClean;
    if (!isClean) throw new PassFailed();
    await runChecks(session, livepatch.checks, results, 'reverted');
  } catch (error) {
    if (!(error instanceof PassFailed)) throw error;
    isClean &&= error.isClean;
    // A reversed transition completes at once, and the VM can be used on.
    if (isLoaded && isClean) isClean = await revert(context, functions);
  }
  for (const name of ours.reverse()) await unloadTarget(context, name);
  return { isOk: errors() === before, isClean };
}

async function loadLivepatch({ session, livepatch }: PassContext, functions: number): Promise<void> {
  const timeoutMs = patchingMs(functions);
  const known = session.findings.filter(({ severity }) => severity === 'error').length;
  let error = '';
  let isStuck = false;
  const { isOk } = await session.step('load livepatch', async (ask) => {
    const reply = await ask('load', [livepatch.path, ''], { timeoutMs });
    if (reply.isTimedOut) {
      isStuck = true;
      session.find({
        id: 'load-hangs',
        severity: 'error',
        what: `loading the livepatch did not return after ${timeoutMs / 1000} s`,
        why: `it waits in:\n${replyText(reply).slice(0, 1500)}`,
        next: "see what the module's init waits for",
      });
      return { isOk: false, outcome: 'hangs' };
    }
    error = replyError(reply);
    return { isOk: error === '', outcome: error || 'enabled' };
  });
  if (isOk) return;
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
  // The kernel still holds a module that hangs in its init.
  throw new PassFailed(!isStuck);
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
    const error = reply.isTimedOut ? 'hangs' : replyError(reply);
    return { isOk: error === '', outcome: error || 'done' };
  });
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
      const reply = await ask('unload', [livepatch.name], { timeoutMs: 30_000 });
      const error = reply.isTimedOut ? 'hangs' : replyError(reply);
      if (error === 'EAGAIN' && attempt < 50) {
        await ask('wait', ['/proc/self/none', '0'], { timeoutMs: 20 });
        continue;
      }
      return { isOk: error === '', outcome: error || 'done' };
    }
  });
  if (unloaded.isOk) return true;
  session.find({
    id: 'unload-failed',
    severity: 'error',
    what: `the livepatch cannot be unloaded (${unloaded.outcome})`,
    next: 'see what still holds a reference to the module; a module without an exit function cannot be unloaded',
  });
  return false;
}

/** Loads a module of the kernel and what it needs. What cannot be loaded here is said. */
async function loadTarget(context: PassContext, name: string, ours: string[]): Promise<void> {
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
    const { isOk, outcome } = await session.step(
      `load target ${module}`,
      async (ask) => {
        const reply = await ask('load', [guest.targetPath(module), ''], { timeoutMs: 60_000 });
        const error = reply.isTimedOut ? 'hangs' : replyError(reply);
        return { isOk: error === '', outcome: error || 'loaded' };
      },
      true,
    );
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

async function unloadTarget({ guest, session }: PassContext, name: string): Promise<boolean> {
  const { isOk } = await session.step(`unload target ${name}`, async (ask) => {
    const reply = await ask('unload', [name], { timeoutMs: 60_000 });
    const error = reply.isTimedOut ? 'hangs' : replyError(reply);
    return { isOk: error === '', outcome: error || 'done' };
  });
  if (isOk) guest.loaded.delete(name);
  return isOk;
}

/** Unloads each patched module under the livepatch and loads it again. True when at least one could be. */
async function reloadTargets(context: PassContext, functions: number): Promise<boolean> {
  const { guest, session, modules } = context;
  let isReloaded = false;
  for (const name of modules) {
    if (!guest.loaded.has(name)) continue;
    let error = '';
    await session.step(`unload target ${name}`, async (ask) => {
      const reply = await ask('unload', [name], { timeoutMs: patchingMs(functions) });
      error = reply.isTimedOut ? 'hangs' : replyError(reply);
      return { isOk: true, outcome: error || 'done' };
    });
    if (error !== '') {
      session.find({
        id: 'target-not-unloadable',
        severity: 'note',
        what: `the module ${name} cannot be unloaded (${error}), so its reload under the livepatch is not proven`,
      });
      continue;
    }
    guest.loaded.delete(name);
    const { isOk, outcome } = await session.step(
      `reload target ${name}`,
      async (ask) => {
        const reply = await ask('load', [guest.targetPath(name), ''], { timeoutMs: patchingMs(functions) });
        const failure = reply.isTimedOut ? 'hangs' : replyError(reply);
        return { isOk: failure === '', outcome: failure || 'loaded' };
      },
      true,
    );
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
function judgeTargets({ session, modules }: PassContext, passes: readonly Pass[]): void {
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
