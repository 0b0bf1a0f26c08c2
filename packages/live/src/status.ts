import { MissingTool } from '@klpkit/findings';
import { type Machine, plain, readNames, readText } from './machine.ts';
import { readTaint, type Taint } from './taint.ts';
import { type BlockingTasks, functionOf, readBlockingTasks } from './tasks.ts';

/** The folder of the kernel's livepatches, below a machine's root. */
export const livepatchFolder = 'sys/kernel/livepatch';

/** A function that a loaded livepatch replaces. */
export interface LiveFunction {
  readonly name: string;
  /** Its place among the symbols of that name, from 1; the kernel shows 1 for a name that is unique. */
  readonly sympos: number;
}

/** An object of a loaded livepatch. */
export interface LiveObject {
  /** `vmlinux` or a module. */
  readonly name: string;
  /** Whether the code is redirected now. False for a module that is not loaded. Absent where the kernel does not show it (before 6.1). */
  readonly isPatched?: boolean;
  /** Whether there is such a module now; true for vmlinux. */
  readonly isLoaded: boolean;
  readonly functions: readonly LiveFunction[];
}

/** A livepatch that the kernel knows, in force or in transition. */
export interface LiveLivepatch {
  readonly name: string;
  /** What `enabled` shows: during a transition, where it is going. */
  readonly isEnabled: boolean;
  /** Where its transition goes, while there is one. */
  readonly transition?: 'patching' | 'unpatching';
  /** Whether it replaced all others; absent where the kernel does not show it (before 6.11). */
  readonly replace?: boolean;
  readonly objects: readonly LiveObject[];
}

/** The transition that is under way: there is one at most. */
export interface LiveTransition extends BlockingTasks {
  readonly livepatch: string;
  readonly direction: 'patching' | 'unpatching';
}

/** What a machine's kernel shows of livepatches. */
export interface LiveStatus {
  /** As `uname -r` says. */
  readonly release: string;
  /** From the lowest to the one on top, which is asked first. */
  readonly livepatches: readonly LiveLivepatch[];
  /**
   * How the order is known. `stack_order`: the kernel shows it (6.14 and later). `modules`: the order in which the modules were loaded,
   * which is the same, since a module enables its livepatch once, in its init. `unknown`: by name.
   */
  readonly order: 'stack_order' | 'modules' | 'unknown';
  readonly transition?: LiveTransition;
  /** Modules of livepatches that are not in force any more, and what still refers to them. */
  readonly left: readonly { readonly name: string; readonly references: number }[];
  readonly taint: { readonly value: number; readonly reasons: readonly Taint[] };
}

/**
 * Reads what the kernel shows in `/sys/kernel/livepatch`, `/sys/module`, `/proc/modules` and, while a transition is under way, of every
 * task. Nothing is changed.
 *
 * @throws {MissingTool} when the kernel has no livepatching
 */
export function readStatus(machine: Machine): LiveStatus {
  const names = readNames(machine, livepatchFolder, 'folders');
  if (!names)
    throw new MissingTool(
      `${machine.root === '/' ? 'this kernel' : `the kernel shown in ${machine.root}`} has no livepatching: there is no /${livepatchFolder}`,
      'boot a kernel with CONFIG_LIVEPATCH=y',
    );
  const loaded = loadedModules(machine);
  const found = names.map((name) => readLivepatchFolder(machine, name, loaded));
  const { order, livepatches } = inOrder(machine, found, loaded);
  const moving = livepatches.find(({ transition }) => transition !== undefined);
  const taint = Number(readText(machine, 'proc/sys/kernel/tainted') ?? 0) || 0;
  return {
    release: plain(readText(machine, 'proc/sys/kernel/osrelease') ?? ''),
    livepatches,
    order,
    ...(moving ? { transition: readTransition(machine, moving, livepatches) } : {}),
    left: leftModules(machine, names, loaded),
    taint: { value: taint, reasons: readTaint(taint) },
  };
}

/** Who blocks the transition of a livepatch. */
export function readTransition(
  machine: Machine,
  livepatch: LiveLivepatch,
  others: readonly LiveLivepatch[],
): LiveTransition {
  const direction = livepatch.isEnabled ? 'patching' : 'unpatching';
  const modules = new Set(others.map(({ name }) => name));
  const functions = new Set(livepatch.objects.flatMap((object) => object.functions.map(({ name }) => name)));
  /*
   * What has to be left (klp_check_stack_func() of the kernel): when enabling, the original function or that of the livepatch below;
   * when disabling, this livepatch's own. A function of a module carries the module's name in the stack.
   */
  const isLeft = (entry: string): boolean => {
    const owner = /\s\[([^\]\s]+)/.exec(entry)?.[1];
    if (owner !== undefined && modules.has(owner))
      return direction === 'unpatching' ? owner === livepatch.name : owner !== livepatch.name;
    return direction === 'patching' && functions.has(functionOf(entry));
  };
  const blocking = readBlockingTasks(machine, direction === 'patching' ? 0 : 1, isLeft);
  return { livepatch: livepatch.name, direction, ...blocking };
}

/** One livepatch's folder; a name that is not there any more gives one without objects. */
function readLivepatchFolder(
  machine: Machine,
  name: string,
  loaded: ReadonlyMap<string, number>,
): LiveLivepatch {
  const folder = `${livepatchFolder}/${name}`;
  const isEnabled = readText(machine, folder, 'enabled') === '1';
  const replace = readText(machine, folder, 'replace');
  const objects = (readNames(machine, folder, 'folders') ?? []).map((object): LiveObject => {
    const patched = readText(machine, folder, object, 'patched');
    const functions = (readNames(machine, `${folder}/${object}`, 'folders') ?? []).map(
      (entry): LiveFunction => {
        const comma = entry.lastIndexOf(',');
        return { name: plain(entry.slice(0, comma)), sympos: Number(entry.slice(comma + 1)) || 0 };
      },
    );
    return {
      name: plain(object),
      ...(patched === undefined ? {} : { isPatched: patched === '1' }),
      isLoaded: object === 'vmlinux' || loaded.has(object),
      functions,
    };
  });
  return {
    name: plain(name),
    isEnabled,
    ...(readText(machine, folder, 'transition') === '1'
      ? { transition: isEnabled ? ('patching' as const) : ('unpatching' as const) }
      : {}),
    ...(replace === undefined ? {} : { replace: replace === '1' }),
    objects,
  };
}

/** The loaded modules with their place in `/proc/modules`, where the youngest is first. */
function loadedModules(machine: Machine): Map<string, number> {
  const lines = (readText(machine, 'proc/modules') ?? '').split('\n');
  const names = lines.map((line) => /^\w{1,63}(?= )/.exec(line)?.[0]);
  return new Map(names.flatMap((name, index) => (name === undefined ? [] : [[name, index]])));
}

function inOrder(
  machine: Machine,
  livepatches: readonly LiveLivepatch[],
  loaded: ReadonlyMap<string, number>,
): Pick<LiveStatus, 'order' | 'livepatches'> {
  const ranks = new Map<string, number>();
  const sorted = () => [...livepatches].sort((a, b) => (ranks.get(a.name) ?? 0) - (ranks.get(b.name) ?? 0));
  for (const { name } of livepatches) {
    const rank = readText(machine, livepatchFolder, name, 'stack_order');
    if (rank !== undefined) ranks.set(name, Number(rank) || 0);
  }
  if (livepatches.length > 0 && ranks.size === livepatches.length)
    return { order: 'stack_order', livepatches: sorted() };
  ranks.clear();
  for (const { name } of livepatches) {
    const place = loaded.get(name);
    if (place !== undefined) ranks.set(name, -place);
  }
  if (ranks.size === livepatches.length) return { order: 'modules', livepatches: sorted() };
  return { order: 'unknown', livepatches };
}

/** Modules with the taint K that `/sys/kernel/livepatch` does not know: they were replaced or disabled. */
function leftModules(
  machine: Machine,
  inForce: readonly string[],
  loaded: ReadonlyMap<string, number>,
): LiveStatus['left'] {
  return [...loaded.keys()]
    .filter((name) => !inForce.includes(name))
    .filter((name) => readText(machine, 'sys/module', name, 'taint')?.includes('K'))
    .sort()
    .map((name) => ({
      name: plain(name),
      references: Number(readText(machine, 'sys/module', name, 'refcnt') ?? 0) || 0,
    }));
}
