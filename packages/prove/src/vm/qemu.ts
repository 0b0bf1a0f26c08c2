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
  /** For a VM whose state can be saved: a file that host and guest share, and a Unix socket on which QEMU takes commands. */
  readonly shared?: { readonly file: string; readonly monitor: string } | undefined;
  /** Whether it goes on from the state that `cat state` in QEMU's folder gives, rather than to boot. */
  readonly isRestored?: boolean;
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
}

/** Bytes of the memory that host and guest share. */
export const sharedBytes = 64 << 20;

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
    ...(spec.shared ? sharedArgv(spec.shared) : []),
    ...(spec.isRestored ? ['-incoming', 'exec:cat state'] : []),
    ...['-kernel', spec.kernel, '-initrd', spec.initramfs],
    ...[
      '-append',
      ['console=ttyS0', 'quiet', 'oops=panic', 'softlockup_panic=1', 'panic=-1', ...spec.append].join(' '),
    ],
  ];
}

/** Memory that is a device's to the guest, and the monitor that saves the state. */
function sharedArgv({ file, monitor }: NonNullable<QemuSpec['shared']>): string[] {
  const memory = `memory-backend-file,id=shared,share=on,size=${sharedBytes},mem-path=${comma(file)}`;
  return [
    ...['-object', memory, '-device', 'ivshmem-plain,memdev=shared,master=on'],
    ...['-qmp', `unix:${comma(monitor)}`],
  ];
}
