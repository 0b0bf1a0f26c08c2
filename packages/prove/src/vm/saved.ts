import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { contentKey, makeFolderAtomic } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { type GuestFile, hasBusybox, makeInitramfs } from '../guest/initramfs.ts';
import { nonceSize } from '../guest/protocol.ts';
import { qemuArgv, sharedBytes } from './qemu.ts';
import { findQemu, startVm, type Vm, VmDied, type VmSpec } from './vm.ts';

/** How a VM came to be ready. */
export interface Start {
  /** `booted`, or `restored`: it goes on from the state that an earlier boot was saved in when its init was ready. */
  readonly how: 'booted' | 'restored';
  /** Key of the saved state that it was restored from, or that it left behind. */
  readonly savedState?: string;
  /** Why no saved state was used or made although that was wanted. */
  readonly problem?: string;
}

/** A VM that is ready, with its files. */
export interface StartedVm {
  readonly vm: Vm;
  readonly start: Start;
}

/** Changes when a saved state means something else: the init's requests, the layout of the folder. */
const layout = '1';
/** Saved states of a kernel that are kept, that of the kernel's own tests among them; each takes about 70 MB. */
const mostStates = 4;
/** Wall time for a restored VM to answer: the usual is a third of a second. */
const restoreMs = 20_000;

/**
 * Starts a VM with files in it: from a saved state if there is one of the very same kernel, command line, initramfs and QEMU; else it
 * boots, and is saved as it becomes ready. Whatever is wrong with a saved state, the VM boots instead, and `start` says why.
 *
 * @throws {VmDied} when it does not come up, with nothing left behind
 */
export async function startWithState(kernel: Kernel, spec: Omit<VmSpec, 'state'>): Promise<StartedVm> {
  const size = spec.files.reduce((sum, { data }) => sum + data.length, 0);
  if (size > sharedBytes)
    return { vm: await startVm(spec), start: { how: 'booted', problem: 'its files are too large' } };
  const { files, ...bare } = spec;
  // What only checks need must not be missed without any.
  if (!spec.hasShell && !(await hasBusybox())) return { vm: await startVm(spec), start: { how: 'booted' } };
  // One state serves proofs with checks and without.
  const base = { ...bare, files: [], hasShell: true };
  const key = await stateKey(kernel, base);
  const folder = join(kernel.dir, 'states', key.slice(0, 24));
  const restored = await restore(base, files, folder);
  if (typeof restored !== 'string') return { vm: restored, start: { how: 'restored', savedState: key } };
  const note = restored === '' ? {} : { problem: restored };
  const vm = await startVm({ ...base, state: { kind: 'savable' } });
  try {
    let problem = restored;
    await save(vm, folder).catch((error: unknown) => {
      if (error instanceof VmDied || spec.signal?.aborted) throw error;
      problem = (error as Error).message;
    });
    const errno = await vm.put(files);
    if (errno === 0)
      return {
        vm,
        start: { how: 'booted', ...(problem === restored ? { savedState: key, ...note } : { problem }) },
      };
  } catch (error) {
    await vm.end();
    throw error;
  }
  // Under lockdown the guest may not map a device's memory: it gets its files the old way.
  await vm.end();
  const problem = 'the guest cannot read the memory that it shares with the host';
  return { vm: await startVm(spec), start: { how: 'booted', problem } };
}

/** All that decides what a booted VM is, when its init is ready. */
async function stateKey(kernel: Kernel, spec: VmSpec): Promise<string> {
  const { init, hasShell } = spec;
  const initramfs = await makeInitramfs({
    init,
    nonce: new Uint8Array(nonceSize),
    files: spec.baseFiles ?? [],
    hasShell,
  });
  const program = await realpath(findQemu());
  const shared = { file: '', monitor: '' };
  const argv = qemuArgv({ ...spec, program: '', kernel: '', initramfs: '', socket: '', shared });
  return contentKey(
    layout,
    kernel.id,
    await identity(spec.kernel),
    program,
    await identity(program),
    ...argv,
    initramfs,
  );
}

/** A file that is written anew gets another inode or time. */
async function identity(path: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join(' ');
}

/** What is kept beside a state. */
interface Manifest {
  readonly size: number;
  readonly crc: number;
}

/** The VM as it was saved, with files; else why not, empty when there is no state. */
async function restore(
  spec: Omit<VmSpec, 'state'>,
  files: readonly GuestFile[],
  folder: string,
): Promise<Vm | string> {
  const path = join(folder, 'state');
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return '';
  try {
    const manifest = JSON.parse(text) as Manifest;
    // QEMU reads the state at the same time, but the guest does nothing that anybody sees before it is known to be whole.
    const [checking, starting] = await Promise.allSettled([
      measure(path),
      startVm({ ...spec, bootMs: restoreMs, state: { kind: 'restored', path } }),
    ]);
    const isWhole =
      checking.status === 'fulfilled' &&
      checking.value.size === manifest.size &&
      checking.value.crc === manifest.crc;
    if (!isWhole) {
      if (starting.status === 'fulfilled') await starting.value.end();
      throw new Error('the saved state is damaged');
    }
    if (starting.status === 'rejected') throw starting.reason;
    const vm = starting.value;
    try {
      const errno = await vm.put(files);
      if (errno !== 0) throw new Error(`the restored VM does not take its files (errno ${errno})`);
    } catch (error) {
      await vm.end();
      throw error;
    }
    // The states that are not used are the ones that go.
    const now = new Date();
    await utimes(folder, now, now).catch(() => {});
    return vm;
  } catch (error) {
    spec.signal?.throwIfAborted();
    await rm(folder, { recursive: true, force: true });
    return `the VM could not be restored: ${(error as Error).message}`;
  }
}

async function save(vm: Vm, folder: string): Promise<void> {
  await makeFolderAtomic(folder, async (tmp) => {
    const path = join(tmp, 'state');
    await vm.save(path);
    const manifest: Manifest = await measure(path);
    await writeFile(join(tmp, 'manifest.json'), JSON.stringify(manifest));
  });
  await removeOldest(join(folder, '..'));
}

async function measure(path: string): Promise<Manifest> {
  let crc = 0;
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    crc = crc32(chunk as Buffer, crc);
    size += (chunk as Buffer).length;
  }
  return { size, crc };
}

async function removeOldest(states: string): Promise<void> {
  await mkdir(states, { recursive: true });
  const names = (await readdir(states)).filter((name) => !name.includes('.tmp-'));
  const aged = await Promise.all(
    names.map(async (name) => ({
      name,
      time: (await stat(join(states, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  aged.sort((a, b) => b.time - a.time);
  for (const { name } of aged.slice(mostStates))
    await rm(join(states, name), { recursive: true, force: true });
}
