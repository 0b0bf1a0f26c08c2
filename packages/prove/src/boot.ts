import { consoleMessages } from './log/kmsg.ts';
import { type ProofFinding, scanLog } from './log/scan.ts';
import type { Boot, TranscriptRecord } from './types.ts';
import type { Accel } from './vm/accel.ts';
import { plain } from './vm/console.ts';
import type { Start } from './vm/saved.ts';
import type { Exchange, Vm, VmDied } from './vm/vm.ts';

/** What is kept of a start of the VM. */
export function bootRecord(vm: Vm, accel: Accel, start: Start): Boot {
  return {
    accel,
    ...start,
    readySeconds: vm.bootSeconds,
    console: vm.console(),
    records: vm.exchanges.map(transcriptRecord),
  };
}

/** What is found when the VM dies while it boots. */
export function notBootedFindings(error: VmDied): ProofFinding[] {
  const step = 'boot';
  return [
    ...scanLog(consoleMessages(error.console), { step }),
    {
      id: 'vm-died',
      severity: 'error',
      what: `the VM died while it booted: ${error.message}`,
      next: 'the console in the transcript shows the last that QEMU and the kernel said',
      step,
    },
  ];
}

/**
 * Memory of a VM with so many bytes of files: an initramfs is there twice for a moment, and a module a third time once it is loaded.
 * In steps, so that one saved state serves many proofs; the first has 60 MB and more to spare.
 */
export function memoryFor(size: number): number {
  const needed = (3 * size) / (1 << 20);
  return needed <= 48 ? 256 : 256 * Math.ceil(1 + needed / 256);
}

function transcriptRecord({ label, reply }: Exchange): TranscriptRecord {
  return {
    label,
    status: reply.status,
    isTimedOut: reply.isTimedOut,
    start: reply.start,
    end: reply.end,
    output: plain(new TextDecoder().decode(reply.output.subarray(0, 4096)).replaceAll('\0', '\n')),
    totalBytes: reply.totalBytes,
  };
}
