import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, contentKey, writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { type Accel, kvmState } from './vm/accel.ts';
import { startVm, VmDied } from './vm/vm.ts';

/**
 * TCG or KVM. `auto` means KVM only where the machine says that it has it and a boot of this kernel under it was ready
 * within half a minute; the answer is remembered until the machine boots anew.
 */
export async function chooseAccel(
  wanted: 'auto' | Accel,
  kernel: Kernel,
  init: Uint8Array,
  signal?: AbortSignal,
): Promise<Accel> {
  if (wanted !== 'auto') return wanted;
  if (!(await kvmState()).isPlausible) return 'tcg';
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const folder = join(cacheRoot(), 'prove');
  const path = join(folder, `kvm-${contentKey(bootId.trim(), kernel.id).slice(0, 16)}`);
  const known = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (known === 'kvm' || known === 'tcg') return known;
  const answer = await canary(kernel, init, signal);
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(path, `${answer}\n`);
  return answer;
}

async function canary(kernel: Kernel, init: Uint8Array, signal?: AbortSignal): Promise<Accel> {
  try {
    const vm = await startVm({
      accel: 'kvm',
      memoryMb: 256,
      kernel: kernel.vmlinux,
      init,
      files: [],
      hasShell: false,
      append: [],
      bootMs: 30_000,
      signal,
    });
    await vm.end();
    return 'kvm';
  } catch (error) {
    if (error instanceof VmDied) return 'tcg';
    throw error;
  }
}
