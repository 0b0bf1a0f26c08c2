import type { Check } from '@klpkit/prove';

/** A command that must say `ok` whatever is patched. */
function always(command: string, timeoutSeconds = 300): Check {
  return { command, expectBefore: 'ok', expectPatched: 'ok', expectReverted: 'ok', timeoutSeconds };
}

/**
 * A command that works while a livepatch is in force, and does nothing before and after: that the kernel works then is no news,
 * and {@link always} sees to it.
 */
function inForce(command: string, timeoutSeconds = 300): Check {
  return always(`ls /sys/kernel/livepatch | grep -q . || exec echo ok; ${command}`, timeoutSeconds);
}

/** What a kernel does all day, in a minute or two of an emulated one: /proc, /sys, tracing, files, processes, pipes, memory, network. */
export const workload: readonly Check[] = [
  inForce('ls -lR /proc /sys > /dev/null 2>&1; echo ok'),
  inForce(
    'for f in /proc/[a-jl-z]* /proc/self/* /proc/net/* /proc/sys/*/*; do case $f in */sysrq-trigger|*/kmsg|*/kcore|*/pagemap|*/mem) ;; *) [ -f $f ] && timeout 2 head -c 65536 $f > /dev/null 2>&1;; esac; done; echo ok',
  ),
  always('seq 1 20000 | sort -rn | sort -n | tail -n 1 | grep -qx 20000 && echo ok'),
  inForce(
    'a=$(dd if=/dev/urandom bs=64k count=32 2>/dev/null | tee /tmp/random | md5sum); b=$(md5sum < /tmp/random); mv /tmp/random /tmp/moved && ln /tmp/moved /tmp/link && rm /tmp/moved /tmp/link && [ "$a" = "$b" ] && echo ok',
  ),
  inForce(
    'find /sys/kernel /sys/devices/system /sys/class /sys/module /sys/fs /sys/block -type f -perm -444 2> /dev/null | grep -v -e /tracing/ -e /debug/ | head -n 800 | xargs -n 40 timeout 20 head -c 4096 > /dev/null 2>&1; echo ok',
  ),
  inForce(
    't=/sys/kernel/tracing; [ -e $t/trace ] || mount -t tracefs none $t; for e in sched/sched_switch irq/irq_handler_entry kmem/kmalloc; do echo 1 > $t/events/$e/enable; done; echo "vfs_*" > $t/set_ftrace_filter; echo function > $t/current_tracer; ls /proc/self > /dev/null; cat /proc/self/stat > /dev/null; echo 0 > $t/tracing_on; n=$(head -n 2000 $t/trace | grep -c -e vfs_ -e sched_switch); echo nop > $t/current_tracer; echo > $t/set_ftrace_filter; for e in sched/sched_switch irq/irq_handler_entry kmem/kmalloc; do echo 0 > $t/events/$e/enable; done; echo > $t/trace; echo 1 > $t/tracing_on; [ $n -gt 0 ] && echo ok',
  ),
  inForce(
    'mkdir -p /tmp/t && mount -t tmpfs none /tmp/t && cp -r /bin /tmp/t/copy && find /tmp/t -type f -print0 | xargs -0 cat | md5sum > /dev/null; umount /tmp/t && echo ok',
  ),
  inForce(
    'ifconfig lo 127.0.0.1 up; ping -c 2 127.0.0.1 > /dev/null; (sleep 4 | nc -l -p 7007 > /tmp/got) & sleep 1; seq 1 5000 | timeout 5 nc 127.0.0.1 7007; wait; tail -n 1 /tmp/got | grep -qx 5000 && echo ok',
  ),
  always(
    'for i in $(seq 1 40); do (sh -c "exit 3"; exit 0) & done; wait; sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; sync; echo 3 > /proc/sys/vm/drop_caches; echo ok',
  ),
];

/** Modules that the workload needs. */
export const workloadModules: readonly string[] = ['loop', 'crc32c_generic', 'ext4'];

/**
 * A disk image with a file system, for modules that have to do with one. Those that a later livepatch of the same boot replaces
 * functions of are not loaded before its turn: then there is no disk.
 */
export const diskWorkload: Check = inForce(
  '[ -b /dev/loop0 ] && grep -qw ext4 /proc/filesystems || exec echo ok; dd if=/dev/zero of=/tmp/disk bs=1M count=16 2>/dev/null; losetup /dev/loop0 /tmp/disk && mke2fs /dev/loop0 > /dev/null && mkdir -p /tmp/m && mount -t ext4 /dev/loop0 /tmp/m && seq 1 50000 > /tmp/m/file && mkdir /tmp/m/folder && cp -r /bin /tmp/m/folder/ && sync && umount /tmp/m && mount -t ext4 /dev/loop0 /tmp/m && tail -n 1 /tmp/m/file | grep -qx 50000 && rm -r /tmp/m/folder && umount /tmp/m && losetup -d /dev/loop0 && echo ok',
);
