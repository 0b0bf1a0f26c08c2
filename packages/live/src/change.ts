import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Finding, MissingTool, Refusal, UsageError } from '@klpkit/findings';
import { inTemporaryFolder } from '@klpkit/host';
import { insmod, rmmod } from './kmod.ts';
import { openLog } from './log.ts';
import { type Machine, readNames, readText, writeText } from './machine.ts';
import { type LiveLivepatch, type LiveStatus, livepatchFolder, readStatus } from './status.ts';
import { readLoadingTask, type Task, taskWords } from './tasks.ts';
import { stalled, type WatchOptions, watchTransition } from './watch.ts';

/** How a change of what is in force is carried out. */
export interface ChangeOptions extends WatchOptions {
  /** Take a transition back that does not end in its time; else it goes on. Default true. */
  readonly reverses?: boolean;
  /** Told what is being done: `livepatch_x: patching`. */
  readonly onStep?: (step: string) => void;
}

/** A livepatch to load. */
export interface LoadRequest {
  /** The module's own name, with underscores. */
  readonly name: string;
  /** The module, not compressed: exactly these bytes are loaded. */
  readonly bytes: Uint8Array;
}

/** What a load or a disabling came to. */
export interface Changed {
  /** Wall milliseconds of the transition. */
  readonly ms: number;
  /** The livepatch as the kernel shows it now; absent when it is gone. */
  readonly livepatch?: LiveLivepatch;
  /** What the kernel logged meanwhile. */
  readonly log: readonly string[];
}

/** Thrown when insmod fails. What the log means is for others to say. */
export class LoadFailed extends Error {
  /** `EINVAL`, or `unknown`. */
  readonly errno: string;
  /** What the kernel logged. */
  readonly log: readonly string[];
  constructor(errno: string, said: string, log: readonly string[]) {
    super(said || `insmod failed (${errno})`);
    this.name = 'LoadFailed';
    this.errno = errno;
    this.log = log;
  }
}

/** A reversal, and the drop of a module's last reference, are a matter of a moment; a stalled reversal is none. */
const reversalMs = 30_000;
const releaseMs = 5000;

/** A module's name as the kernel spells it. @throws {UsageError} for what no module can be called */
export function moduleNameOf(text: string): string {
  const name = text.replace(/\.ko$/, '').replaceAll('-', '_');
  if (!/^\w{1,63}$/.test(name))
    throw new UsageError(
      `${JSON.stringify(text)} is no name of a module`,
      'klpkit status shows the livepatches that there are',
    );
  return name;
}

/** @throws {MissingTool} for who may not change what is loaded */
function needRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new MissingTool(`${what} takes root`, 'run the same command with sudo');
}

/**
 * What of the machine's state stands against loading a livepatch now, before it is tried.
 *
 * @param replace whether the livepatch is to replace all others
 */
export function loadObstacles(
  machine: Machine,
  status: LiveStatus,
  request: Pick<LoadRequest, 'name'> & {
    readonly release: string | undefined;
    readonly replace: boolean;
    readonly objects: readonly { readonly name: string; readonly functions: readonly string[] }[];
  },
): Finding[] {
  const findings: Finding[] = [];
  const { name, release, replace, objects } = request;
  const { transition } = status;
  if (transition) {
    const [first] = transition.tasks;
    findings.push({
      id: 'KLP210',
      severity: 'error',
      what: `${transition.livepatch} is still in transition (${transition.direction})${first ? `: ${taskWords(first)}${transition.tasks.length > 1 ? ` and ${transition.tasks.length - 1} more` : ''}` : ''}`,
      why: 'the kernel carries out one transition at a time and answers EBUSY to the next',
      next: `wait for it (klpkit status), or take it back: klpkit disable ${transition.livepatch}`,
    });
  }
  if (
    readNames(machine, 'sys/module', 'folders')?.includes(name) &&
    readText(machine, 'sys/module', name, 'refcnt') !== undefined
  )
    findings.push({
      id: 'name-taken',
      severity: 'error',
      what: `a module ${name} is loaded already${status.livepatches.some((one) => one.name === name) ? ', and its livepatch is in force' : ''}`,
      why: 'the kernel answers EEXIST, without a word in its log',
      next: status.left.some((one) => one.name === name)
        ? `klpkit unload ${name}`
        : 'give the new livepatch a name of its own: two versions need two names',
    });
  if (release !== undefined && release !== status.release)
    findings.push({
      id: 'other-kernel',
      severity: 'error',
      what: `the livepatch is built for ${release}, and this kernel is ${status.release}`,
      why: 'where versions of symbols are checked the kernel does not compare the release, and would load it; what it replaces here may be other code',
      next: `build it for ${status.release}`,
    });
  if (readText(machine, 'proc/sys/kernel/ftrace_enabled') === '0')
    findings.push({
      id: 'ftrace-disabled',
      severity: 'error',
      what: 'kernel.ftrace_enabled is 0, and livepatches redirect functions through ftrace',
      why: 'the kernel answers EBUSY',
      next: 'sysctl kernel.ftrace_enabled=1',
    });
  if (!replace)
    for (const other of status.livepatches) {
      const both = objects.flatMap(({ name: object, functions }) => {
        const theirs = other.objects.find((one) => one.name === object)?.functions ?? [];
        return functions.filter((one) => theirs.some((their) => their.name === one));
      });
      if (both.length > 0)
        findings.push({
          id: 'KLP222',
          severity: 'warning',
          what: `${both.join(', ')} ${both.length === 1 ? 'is' : 'are'} replaced by ${other.name} as well, and this livepatch does not set replace`,
          why: 'both stay, and the one that is enabled last runs: it must hold both fixes',
          next: 'set replace, and put all fixes into one livepatch',
        });
    }
  return findings;
}

/**
 * Loads a livepatch, waits for the end of its transition, and takes it back when that does not come in time.
 *
 * @throws {LoadFailed} when the kernel refuses the module, with what it logged
 * @throws {Refusal} when loading does not come back (`load-hangs`), when the transition stalls (`stuck-transition`), or nothing was enabled
 *   (`not-enabled`)
 */
export async function loadLivepatch(
  machine: Machine,
  { name, bytes }: LoadRequest,
  options: ChangeOptions,
): Promise<Changed> {
  needRoot('loading a livepatch');
  const log = openLog(machine);
  try {
    options.onStep?.(`${name}: insmod`);
    // What was judged is loaded, whatever becomes of the file meanwhile.
    const { errno, said } = await inTemporaryFolder('klpkit-load-', async (folder) => {
      const path = join(folder, `${name}.ko`);
      await writeFile(path, bytes);
      const answer = await insmod(path, options.limitMs, options.signal);
      if (!answer) throw new Refusal([loadHangs(name, options.limitMs, readLoadingTask(machine, path))]);
      return answer;
    });
    if (errno !== '') throw new LoadFailed(errno, said.replace(/^.*insmod-?\S*\//, ''), log.take());
    options.onStep?.(`${name}: patching`);
    const watched = await watchTransition(machine, name, 'patched', options);
    if (watched.isComplete) return { ms: watched.ms, ...stateOf(machine, name), log: log.take() };
    if (!watched.transition && readText(machine, livepatchFolder, name, 'enabled') === undefined)
      throw new Refusal([
        {
          id: 'not-enabled',
          severity: 'error',
          what: `the module ${name} was loaded, but there is no livepatch of it`,
          why: 'its init did not call klp_enable_patch(), or somebody disabled it meanwhile',
          next: `klpkit unload ${name}`,
        },
      ]);
    const findings = [stalled(name, 'patching', watched)];
    if (options.reverses !== false) {
      findings.push(await takeBack(machine, name, '0', options));
      await release(machine, name, options.signal);
    } else findings.push(goesOn(name));
    throw new Refusal(findings);
  } finally {
    log.close();
  }
}

/**
 * Disables a livepatch and waits until it is gone from the kernel; its module stays loaded. A transition that does not end in its
 * time is taken back, so that the livepatch is in force as before.
 *
 * @returns `undefined` when it was not in force
 * @throws {UsageError} when there is no such livepatch
 * @throws {Refusal} when it cannot be disabled, or its transition stalls
 */
export async function disableLivepatch(
  machine: Machine,
  name: string,
  options: ChangeOptions,
): Promise<Changed | undefined> {
  const status = readStatus(machine);
  const found = status.livepatches.find((livepatch) => livepatch.name === name);
  if (!found) {
    if (status.left.some((left) => left.name === name)) return undefined;
    throw noSuch(name, status);
  }
  needRoot('disabling a livepatch');
  const { transition } = status;
  if (transition && transition.livepatch !== name)
    throw new Refusal([
      {
        id: 'KLP210',
        severity: 'error',
        what: `${transition.livepatch} is in transition (${transition.direction})`,
        why: 'the kernel carries out one transition at a time and answers EBUSY to the next',
        next: `wait for it (klpkit status), or take it back: klpkit disable ${transition.livepatch}`,
      },
    ]);
  const log = openLog(machine);
  try {
    options.onStep?.(`${name}: unpatching`);
    // One that is on its way out already needs no second word.
    const errno = found.isEnabled ? writeText(machine, `${livepatchFolder}/${name}/enabled`, '0') : '';
    if (errno !== '')
      throw new Refusal([
        {
          id: 'disable-failed',
          severity: 'error',
          what: `the kernel does not let ${name} be disabled (${errno})`,
          next: 'klpkit status shows what is under way',
          evidence: log.take(),
        },
      ]);
    const watched = await watchTransition(machine, name, 'gone', options);
    if (watched.isComplete) return { ms: watched.ms, log: log.take() };
    const findings = [stalled(name, 'unpatching', watched)];
    findings.push(options.reverses === false ? goesOn(name) : await takeBack(machine, name, '1', options));
    throw new Refusal(findings);
  } finally {
    log.close();
  }
}

/**
 * Removes the module of a livepatch from the kernel, after disabling the livepatch if it is in force.
 *
 * @throws {UsageError} when there is no such livepatch
 * @throws {Refusal} when it cannot be disabled or removed
 */
export async function unloadLivepatch(
  machine: Machine,
  name: string,
  options: ChangeOptions,
): Promise<Changed> {
  const changed = await disableLivepatch(machine, name, options);
  needRoot('unloading a livepatch');
  options.onStep?.(`${name}: rmmod`);
  const problem = await release(machine, name, options.signal);
  if (problem) throw new Refusal([problem]);
  return changed ?? { ms: 0, log: [] };
}

/** What is said of a module whose init does not come back. */
function loadHangs(name: string, limitMs: number, task: Task | undefined): Finding {
  return {
    id: 'load-hangs',
    severity: 'error',
    what: `loading ${name} did not come back in ${Math.round(limitMs / 1000)} s${task ? `: ${taskWords(task)}` : ''}`,
    why: 'its init or a callback of it waits in the kernel, where nothing can end it; until it is done no livepatch can be loaded or disabled',
    next: 'see what it waits for; if that never comes, only a reboot helps',
    ...(task && { evidence: [[taskWords(task), ...task.stack.slice(0, 12)].join('\n  ')] }),
  };
}

function stateOf(machine: Machine, name: string): Pick<Changed, 'livepatch'> {
  const livepatch = readStatus(machine).livepatches.find((one) => one.name === name);
  return livepatch ? { livepatch } : {};
}

function noSuch(name: string, { livepatches, left }: LiveStatus): UsageError {
  const names = [...livepatches, ...left].map((one) => one.name);
  return new UsageError(
    `there is no livepatch ${name} on this machine`,
    names.length === 0 ? 'no livepatch is loaded' : `there are ${names.join(', ')}`,
  );
}

function goesOn(name: string): Finding {
  return {
    id: 'transition-goes-on',
    severity: 'note',
    what: `the transition of ${name} goes on`,
    next: `klpkit status shows it; klpkit disable ${name} turns it round`,
  };
}

/** Turns a transition round; the finding says whether that worked. */
async function takeBack(
  machine: Machine,
  name: string,
  value: '0' | '1',
  { signal, onStep }: ChangeOptions,
): Promise<Finding> {
  onStep?.(`${name}: reversing`);
  const errno = writeText(machine, `${livepatchFolder}/${name}/enabled`, value);
  const goal = value === '0' ? 'gone' : 'patched';
  const watched =
    errno === '' ? await watchTransition(machine, name, goal, { limitMs: reversalMs, signal }) : undefined;
  if (watched?.isComplete)
    return {
      id: 'transition-reversed',
      severity: 'note',
      what:
        value === '0'
          ? `the transition was taken back: the machine runs as before ${name} was loaded`
          : `the transition was taken back: ${name} is in force as before`,
    };
  const tasks = watched?.transition?.tasks ?? [];
  return {
    id: 'reversal-failed',
    severity: 'error',
    what: `the transition of ${name} could not be taken back${errno === '' ? '' : ` (${errno})`}${tasks[0] ? `: ${taskWords(tasks[0])}` : ''}`,
    next: 'klpkit status shows who blocks it; the machine works meanwhile, each task with the code that it has',
  };
}

/** Removes a module, once its last reference is dropped, which a work item of the kernel does a moment after the transition. */
async function release(
  machine: Machine,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Finding | undefined> {
  const begin = performance.now();
  for (;;) {
    const references = readText(machine, 'sys/module', name, 'refcnt');
    if (references === '0') {
      const { errno, said } = await rmmod(name, signal);
      if (errno === '') return undefined;
      if (errno !== 'EAGAIN' || performance.now() - begin > releaseMs)
        return {
          id: 'unload-failed',
          severity: 'error',
          what: `the module ${name} cannot be removed (${errno}): ${said.split('\n')[0]}`,
          next: 'a module without an exit function cannot be removed at all',
        };
    } else if (performance.now() - begin > releaseMs)
      return {
        id: 'unload-failed',
        severity: 'error',
        what: `the module ${name} cannot be removed: ${references ?? 'unknown'} references are left`,
        why: 'another module uses it, or a transition that left it was forced, after which the kernel keeps it for ever (KLP215)',
        next: 'lsmod shows who uses it',
      };
    await sleep(50, undefined, signal ? { signal } : {});
  }
}
