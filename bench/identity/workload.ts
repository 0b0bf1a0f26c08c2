import type { Check } from '@klpkit/prove';

/** A command that must say `ok` whatever is patched. */
function always(command: string, timeoutSeconds = 60): Check {
  return { command, expectBefore: 'ok', expectPatched: 'ok', expectReverted: 'ok', timeoutSeconds };
}

/** What a kernel does all day, in a minute of an emulated one: files, processes, pipes, memory, network, a file system on a disk. */
export const workload: readonly Check[] = [
  always('ls -lR /proc /sys > /dev/null 2>&1; echo ok', 180),
  always(
    'for f in /proc/[a-jl-z]* /proc/self/* /proc/net/* /proc/sys/*/*; do case $f in */sysrq-trigger|*/kmsg|*/kcore|*/pagemap|*/mem) ;; *) [ -f $f ] && timeout 2 head -c 65536 $f > /dev/null 2>&1;; esac; done; echo ok',
    120,
  ),
  always('seq 1 20000 | sort -rn | sort -n | tail -n 1 | grep -qx 20000 && echo ok'),
  always(
    'a=$(dd if=/dev/urandom bs=64k count=32 2>/dev/null | tee /tmp/random | md5sum); b=$(md5sum < /tmp/random); mv /tmp/random /tmp/moved && ln /tmp/moved /tmp/link && rm /tmp/moved /tmp/link && [ "$a" = "$b" ] && echo ok',
  ),
  always(
    'mkdir -p /tmp/t && mount -t tmpfs none /tmp/t && cp -r /bin /tmp/t/copy && find /tmp/t -type f -print0 | xargs -0 cat | md5sum > /dev/null; umount /tmp/t && echo ok',
  ),
  always(
    'ifconfig lo 127.0.0.1 up; ping -c 2 127.0.0.1 > /dev/null; (sleep 4 | nc -l -p 7007 > /tmp/got) & sleep 1; seq 1 5000 | timeout 5 nc 127.0.0.1 7007; wait; tail -n 1 /tmp/got | grep -qx 5000 && echo ok',
  ),
  always(
    'for i in $(seq 1 40); do (sh -c "exit 3"; exit 0) & done; wait; sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; sync; echo 3 > /proc/sys/vm/drop_caches; echo ok',
  ),
];

/** Modules that the workload needs. */
export const workloadModules: readonly string[] = ['loop', 'crc32c_generic', 'ext4'];

/** A disk image with a file system, for modules that have to do with one. */
export const diskWorkload: Check = always(
  'dd if=/dev/zero of=/tmp/disk bs=1M count=16 2>/dev/null; losetup /dev/loop0 /tmp/disk && mke2fs /dev/loop0 > /dev/null && mkdir -p /tmp/m && mount -t ext4 /dev/loop0 /tmp/m && seq 1 50000 > /tmp/m/file && mkdir /tmp/m/folder && cp -r /bin /tmp/m/folder/ && sync && umount /tmp/m && mount -t ext4 /dev/loop0 /tmp/m && tail -n 1 /tmp/m/file | grep -qx 50000 && rm -r /tmp/m/folder && umount /tmp/m && losetup -d /dev/loop0 && echo ok',
);
