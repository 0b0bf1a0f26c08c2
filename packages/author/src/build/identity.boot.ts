import { addKernel, findUnits, type Kernel } from '@klpkit/kernel';
import { formatProof, type Proof, proveLivepatch } from '@klpkit/prove';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type IdentityLivepatch,
  type IdentityUnit,
  makeIdentityLivepatch,
  openIdentity,
  readIdentityUnit,
} from './testing/identity.ts';

/** Units with jump labels, static calls, alternatives, exception tables, per-CPU variables; one of a module, with tracepoints. */
const sources = ['fs/readdir.c', 'net/core/dev.c', 'fs/ext4/ext4_jbd2.c'];
/** Functions of a unit that are replaced, at most. */
const most = 40;
/** Writes and removes files on a file system of its own. */
const disk =
  'dd if=/dev/zero of=/tmp/disk bs=1M count=8 2> /dev/null && losetup /dev/loop0 /tmp/disk && mke2fs /dev/loop0 > /dev/null && mkdir -p /tmp/m && mount -t ext4 /dev/loop0 /tmp/m && seq 1 20000 > /tmp/m/file && sync && mkdir /tmp/m/folder && mv /tmp/m/file /tmp/m/folder/ && tail -n 1 /tmp/m/folder/file | grep -qx 20000 && rm -r /tmp/m/folder && umount /tmp/m && losetup -d /dev/loop0 && echo ok';

const always = (command: string) => ({
  command,
  expectBefore: 'ok',
  expectPatched: 'ok',
  expectReverted: 'ok',
  timeoutSeconds: 60,
});

describe('functions replaced by copies of themselves', () => {
  let kernel: Kernel;
  let units: IdentityUnit[];
  let livepatches: IdentityLivepatch[];
  let proof: Proof;
  beforeAll(async () => {
    kernel = await addKernel('debian:6.12.117+deb12-amd64');
    const identity = await openIdentity(kernel);
    units = [];
    for (const unit of (await findUnits(kernel, sources)).units)
      units.push(await readIdentityUnit(identity, unit));
    livepatches = [];
    for (const isModule of [false, true]) {
      const parts = units
        .filter(({ judged }) => (judged.unit.owner !== 'vmlinux') === isModule)
        .map((unit) => {
          // Spread over the unit.
          const step = Math.max(1, Math.floor(unit.replaceable.length / most));
          const chosen = unit.replaceable.filter((_, index) => index % step === 0).slice(0, most);
          return { unit, chosen: new Set(chosen) };
        });
      const name = `livepatch_identity_${isModule ? 'ext4' : 'vmlinux'}`;
      livepatches.push(await makeIdentityLivepatch(identity, name, parts));
    }
    proof = await proveLivepatch(kernel, {
      livepatches: livepatches.map(({ plan, ko }) => ({
        module: ko,
        name: plan.name,
        objects: plan.objects.map(({ name, functions }) => ({
          name,
          functions: functions.map(({ oldName }) => oldName),
        })),
        checks: [
          always('ls -l /proc /proc/self /sys/class /sys/block > /dev/null && echo ok'),
          always('ifconfig lo 127.0.0.1 up && ping -c 1 127.0.0.1 > /dev/null && echo ok'),
          ...(plan.objects.some(({ name }) => name === 'ext4') ? [always(disk)] : []),
        ],
      })),
      modules: ['loop', 'crc32c_generic'],
      // One after the other on one kernel: what the first leaves behind would show in the second.
      jobs: 1,
    });
  });

  it('cover most of what units hold', () => {
    for (const { judged, replaceable, leftOut } of units) {
      expect([judged.unit.source, replaceable.length > leftOut.length]).toEqual([judged.unit.source, true]);
    }
    for (const [index, { plan, relocations }] of livepatches.entries()) {
      const functions = plan.objects.flatMap((object) => object.functions);
      expect(functions.length).toBeGreaterThan(index === 0 ? most : 8);
      expect(relocations).toBeGreaterThan(5);
    }
    // Tracepoints of the module had to be silenced.
    expect(livepatches[1]?.findings.filter(({ id }) => id === 'KLP310').length).toBeGreaterThan(2);
    // objtool and modpost have nothing to say.
    const known = new Set(['KLP310', 'KLP311', 'KLP506']);
    expect(livepatches.flatMap(({ findings }) => findings).filter(({ id }) => !known.has(id))).toEqual([]);
  });

  it('change nothing that the kernel does, and are taken back without a trace', () => {
    expect(
      proof.livepatches.flatMap(({ findings }) => findings).filter(({ severity }) => severity === 'error'),
    ).toEqual([]);
    expect(proof.verdict, formatProof(proof)).toBe('proven');
    expect(proof.boots).toHaveLength(1);
  });
});
