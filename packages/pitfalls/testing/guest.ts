import { readFile } from 'node:fs/promises';
import { readModuleBytes } from '@klpkit/formats';
import { readLivepatch } from '@klpkit/livepatch';
import type { Kernel } from '../../kernel/src/index.ts';
import { loadModule } from '../../kernel/src/index.ts';
import { chooseAccel } from '../../prove/src/accel.ts';
import { guestInit } from '../../prove/src/guest/init.ts';
import { errnoName } from '../../prove/src/log/errno.ts';
import { readKmsg } from '../../prove/src/log/kmsg.ts';
import { startVm, type Vm, VmDied } from '../../prove/src/vm/vm.ts';

/** What the kernel did with one request. */
export interface Done {
  /** `EINVAL`; empty when it went well, `died: …` when it was the end of the kernel. */
  readonly error: string;
  /** What the kernel said meanwhile. */
  readonly log: readonly string[];
}

/** A booted kernel with modules to load. */
export interface Guest {
  load(name: string, parameters?: string): Promise<Done>;
  unload(name: string): Promise<Done>;
  /** Loads a livepatch and forces its transition. */
  enable(name: string): Promise<Done>;
  /** Waits for the end of a transition, without force: `ETIMEDOUT` when it goes on after that many milliseconds. */
  settled(name: string, withinMs: number): Promise<Done>;
  /** Disables a livepatch and waits until it is gone from sysfs: `ETIMEDOUT` when it is there after that many milliseconds. */
  disable(name: string, withinMs?: number): Promise<Done>;
  /** Waits until a livepatch that was disabled is gone from sysfs. */
  gone(name: string, withinMs?: number): Promise<Done>;
  /** Forces a transition. */
  force(name: string): Promise<Done>;
  /** Writes a text to a file. */
  write(path: string, text: string): Promise<Done>;
  /** The text of a file; empty when it is not there. */
  read(path: string): Promise<string>;
  /** What the kernel says while a file is read. */
  reading(path: string): Promise<Done>;
  /** `0` or `1`: whether the one object of a livepatch is patched. */
  patched(name: string): Promise<string>;
  end(): Promise<void>;
}

/** Boots a kernel with the given modules and those of its own that are named. */
export async function bootGuest(
  kernel: Kernel,
  modules: readonly { readonly name: string; readonly ko: Uint8Array }[],
  shipped: readonly string[],
): Promise<Guest> {
  const init = await guestInit(kernel);
  const own = await Promise.all(
    shipped.map(async (name) => ({
      name,
      ko: await readModuleBytes(await readFile((await loadModule(kernel, name)).koPath)),
    })),
  );
  const vm = await startVm({
    accel: await chooseAccel('auto', kernel, init),
    memoryMb: 384,
    kernel: kernel.vmlinux,
    init,
    files: [...modules, ...own].map(({ name, ko }) => ({ path: pathOf(name), data: ko, mode: 0o644 })),
    hasShell: false,
    append: [],
    bootMs: 120_000,
  });
  const log = logReader(vm);
  const objects = new Map(
    modules.map(({ name, ko }) => [name, readLivepatch(ko).patch?.objects[0]?.name ?? 'vmlinux']),
  );
  const read = async (path: string) => {
    const reply = await vm.request('read', [path, ''], { label: path });
    return new TextDecoder().decode(reply.output).trimEnd();
  };
  await log();
  const request = async (
    operation: 'load' | 'unload' | 'write' | 'wait',
    args: string[],
    timeoutMs = 60_000,
  ): Promise<Done> => {
    try {
      const { status } = await vm.request(operation, args, { label: args.join(' '), timeoutMs });
      return { error: status === 0 ? '' : errnoName(status), log: await log() };
    } catch (error) {
      if (!(error instanceof VmDied)) throw error;
      return { error: `died: ${error.message}`, log: vm.console().split('\n') };
    }
  };
  const sysfs = (name: string) => `/sys/kernel/livepatch/${name}`;
  const settle = async (name: string): Promise<Done> => {
    // Tasks would be moved one after the other, once a second; what is looked at here does not depend on their being consistent.
    const forced = await request('write', [`${sysfs(name)}/force`, '1']);
    const waited = await request('wait', [`${sysfs(name)}/transition`, '0']);
    return { error: waited.error, log: [...forced.log, ...waited.log] };
  };
  const gone = (name: string, withinMs?: number) => request('wait', [`${sysfs(name)}/enabled`, ''], withinMs);
  const both = (a: Done, b: Done): Done => ({ error: a.error || b.error, log: [...a.log, ...b.log] });
  const load = (name: string, parameters = '') => request('load', [pathOf(name), parameters]);
  return {
    load,
    unload: (name) => request('unload', [name, '']),
    async enable(name) {
      const loaded = await load(name);
      return loaded.error ? loaded : both(loaded, await settle(name));
    },
    settled: (name, withinMs) => request('wait', [`${sysfs(name)}/transition`, '0'], withinMs),
    async disable(name, withinMs) {
      const written = await request('write', [`${sysfs(name)}/enabled`, '0']);
      if (written.error) return written;
      return both(written, await gone(name, withinMs));
    },
    gone,
    force: (name) => request('write', [`${sysfs(name)}/force`, '1']),
    write: (path, text) => request('write', [path, text]),
    read,
    async reading(path) {
      await read(path);
      return { error: '', log: await log() };
    },
    patched: (name) => read(`${sysfs(name)}/${objects.get(name)}/patched`),
    end: () => vm.end(),
  };
}

function pathOf(name: string): string {
  return `/modules/${name}.ko`;
}

function logReader(vm: Vm): () => Promise<string[]> {
  return async () => {
    const reply = await vm.request('log', [], { label: 'log', limit: 1 << 20 });
    return readKmsg(reply.output).map(({ text }) => text);
  };
}
