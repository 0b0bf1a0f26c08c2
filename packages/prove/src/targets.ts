import { readFile } from 'node:fs/promises';
import { readElf, readModuleBytes, readModuleInfo } from '@klpkit/formats';
import { dependsOf, type Kernel, listModules, type ModuleFile, moduleName } from '@klpkit/kernel';

/** A module of the kernel that the VM gets. */
export interface TargetModule {
  readonly name: string;
  /** The ELF file, with its signature. */
  readonly bytes: Uint8Array;
  /** From drivers/staging, which taints the kernel when it is loaded. */
  readonly isStaging: boolean;
}

/** The modules that a set of livepatches patches, and what they need. */
export interface Targets {
  /** By name, those that the targets depend on too. */
  readonly modules: ReadonlyMap<string, TargetModule>;
  /** Names to load, in this order, to have a module: its dependencies and itself, last. */
  readonly order: (name: string) => readonly string[];
  /** Modules that are only worth trying: what needs them softly loads without them too. */
  readonly soft: ReadonlySet<string>;
  /** Modules that were asked for and that the kernel does not ship. */
  readonly missing: ReadonlySet<string>;
}

/** Reads modules and, by the `depends` of their own information, everything that they need. */
export async function readTargets(kernel: Kernel, names: Iterable<string>): Promise<Targets> {
  const wanted = [...new Set(names)].sort();
  const modules = new Map<string, TargetModule>();
  const needs = new Map<string, string[]>();
  const missing = new Set<string>();
  const firm = new Map<string, readonly string[]>();
  if (wanted.length > 0) {
    const files = new Map<string, ModuleFile>();
    for (const file of await listModules(kernel)) files.set(file.name, file);
    for (let queue = wanted; queue.length > 0; ) {
      const next = new Set<string>();
      for (const name of queue) {
        if (modules.has(name) || missing.has(name)) continue;
        const file = files.get(name);
        if (!file) {
          missing.add(name);
          continue;
        }
        const bytes = await readModuleBytes(await readFile(file.path));
        const info = readModuleInfo(readElf(bytes));
        modules.set(name, { name, bytes, isStaging: info.get('staging') === 'Y' });
        const list = dependsOf(info);
        const soft = softNeeds(info.all('softdep'))
          .flatMap((other) => [other, `${other}_generic`])
          .filter((other) => files.has(other) && !list.includes(other));
        needs.set(name, [...soft, ...list]);
        firm.set(name, list);
        for (const other of [...soft, ...list]) next.add(other);
      }
      queue = [...next];
    }
  }
  const order = (name: string): string[] => {
    const done = new Set<string>();
    const visit = (current: string) => {
      if (done.has(current)) return;
      // Marked before its needs: a cycle in damaged files must not go on for ever.
      done.add(current);
      for (const other of needs.get(current) ?? []) visit(other);
      done.delete(current);
      done.add(current);
    };
    visit(name);
    return [...done];
  };
  // A set gives what is added while it is walked.
  const hard = new Set(wanted);
  for (const name of hard) for (const other of firm.get(name) ?? []) hard.add(other);
  const soft = new Set([...modules.keys()].filter((name) => !hard.has(name)));
  return { modules, order, soft, missing };
}

/**
 * What modules ask to be loaded first: `pre: crc32c post: foo` → `crc32c`. A name may be that of a cryptographic algorithm, whose
 * plain implementation is called `<name>_generic`; without depmod's tables no other alias is known.
 *
 * @see modprobe.d(5), "softdep"
 */
function softNeeds(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    const words = entry.split(/\s+/);
    const start = words.indexOf('pre:');
    const end = words.indexOf('post:', start + 1);
    if (start < 0) return [];
    return words
      .slice(start + 1, end < 0 ? undefined : end)
      .filter((word) => word !== '')
      .map(moduleName);
  });
}
