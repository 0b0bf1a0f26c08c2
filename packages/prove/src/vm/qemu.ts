import type { Accel } from './accel.ts';

/** What the command line of QEMU is made of. */
export interface QemuSpec {
  readonly program: string;
  readonly accel: Accel;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly initramfs: string;
  /** Unix socket on which the host listens for the second serial port. */
  readonly socket: string;
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
}

/** In QEMU's options a comma ends a value; two stand for one. */
const comma = (path: string) => path.replaceAll(',', ',,');

/**
 * The command line: console on standard output, requests and replies on the second serial port.
 *
 * q35 because microvm hangs while it calibrates its clock. `-cx16` because QEMU 7.2 under TCG has turned cmpxchg16b in the
 * slab allocator into double faults; `-pcid` because code patching switches page tables all the time and TCG flushes its
 * TLB at each switch anyway (6 % less CPU time). `oops=panic softlockup_panic=1 panic=-1` with -no-reboot because a guest
 * that lives on after an oops may say anything. A decompressed kernel is entered by its PVH note, which spares the
 * guest's own decompression and KASLR.
 */
export function qemuArgv(spec: QemuSpec): string[] {
  const accel =
    spec.accel === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,tb-size=256', '-cpu', 'max,-cx16,-pcid'];
  return [
    spec.program,
    ...['-M', 'q35', ...accel, '-m', `${spec.memoryMb}M`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-serial', 'stdio', '-serial', `unix:${comma(spec.socket)}`],
    ...['-kernel', spec.kernel, '-initrd', spec.initramfs],
    ...[
      '-append',
      ['console=ttyS0', 'quiet', 'oops=panic', 'softlockup_panic=1', 'panic=-1', ...spec.append].join(' '),
    ],
  ];
}
