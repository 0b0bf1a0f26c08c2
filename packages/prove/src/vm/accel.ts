import { constants, existsSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';

/** How the guest's processor is run: emulated, or by the host's own through KVM. */
export type Accel = 'tcg' | 'kvm';

/** Whether KVM looks usable, and why not. */
export interface KvmState {
  readonly isPlausible: boolean;
  /** The first condition that fails, as a sentence; empty when all hold. */
  readonly reason: string;
}

/**
 * Whether `/dev/kvm` can be opened and stands for hardware virtualisation. That a device is there and opens does not mean
 * that it works: software backends emulate guest kernels far slower than QEMU does and give up on instructions, so
 * `auto` boots a canary besides.
 */
export async function kvmState(): Promise<KvmState> {
  const no = (reason: string): KvmState => ({ isPlausible: false, reason });
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return no(existsSync('/dev/kvm') ? '/dev/kvm may not be opened by this user' : 'there is no /dev/kvm');
  }
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const hasFlag = /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo);
  const hasModule = existsSync('/sys/module/kvm_intel') || existsSync('/sys/module/kvm_amd');
  if (!hasFlag && !hasModule)
    return no('/dev/kvm is there, but the processor has neither vmx nor svm: its backend is software');
  return { isPlausible: true, reason: '' };
}
