import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  matchImage,
  matchModule,
  modelOf,
  type ObjectModel,
  readObjectModel,
  type UnitMatch,
  type Verdict,
} from '@klpkit/compare';
import { addKernel, findUnits, type Kernel, loadImage, loadModule, type Unit } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileUnit } from '../compile/index.ts';
import { makeOverlay, type Overlay } from '../overlay/index.ts';

const builtIn = [
  'fs/namei.c',
  'fs/proc/meminfo.c',
  'fs/readdir.c',
  'kernel/bpf/verifier.c',
  'kernel/fork.c',
  'kernel/sched/core.c',
  'lib/string.c',
  'lib/zstd/decompress/zstd_decompress_block.c',
  'mm/slub.c',
  'mm/vmscan.c',
  'net/core/dev.c',
  'net/ipv4/route.c',
  'net/ipv4/tcp.c',
];
const modular = [
  'arch/x86/kvm/lapic.c',
  'arch/x86/kvm/mmu/mmu.c',
  'drivers/block/loop.c',
  'drivers/gpu/drm/amd/amdkfd/kfd_events.c',
  'drivers/net/veth.c',
  'drivers/usb/host/xhci.c',
  'fs/ext4/super.c',
  'fs/xfs/xfs_inode.c',
  'fs/xfs/libxfs/xfs_btree.c',
  'net/can/raw.c',
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-match-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function objectOf(kernel: Kernel, unit: Unit, overlay?: Overlay): Promise<ObjectModel> {
  const result = await compileUnit(kernel, { unit, side: overlay ? 'after' : 'before', overlay });
  if (!('bytes' in result)) throw new Error(result.finding.what);
  return readObjectModel(result.bytes);
}

async function exactOf(kernel: Kernel, unit: Unit): Promise<ObjectModel> {
  const result = await compileUnit(kernel, { unit, side: 'exact' });
  if (!('bytes' in result)) throw new Error(result.finding.what);
  return readObjectModel(result.bytes);
}

async function matchOf(
  kernel: Kernel,
  unit: Unit,
  before: ObjectModel,
  exact?: ObjectModel,
): Promise<UnitMatch> {
  const options = exact ? { exact } : {};
  if (unit.owner === 'vmlinux') return matchImage(before, await loadImage(kernel), options);
  return matchModule(before, modelOf((await loadModule(kernel, unit.owner)).elf), options);
}

async function unitOf(kernel: Kernel, source: string): Promise<Unit> {
  const { units } = await findUnits(kernel, [source]);
  if (units.length !== 1) throw new Error(`${units.length} units of ${source}`);
  return units[0];
}

function differing(match: UnitMatch): string[] {
  return match.functions.filter(({ verdict }) => verdict === 'different').map(({ name }) => name);
}

// 6.1 has neither IBT nor late objtool, and functions with cold parts.
for (const release of ['6.12.117+deb12-amd64', '6.1.0-56-amd64'])
  describe(release, () => {
    let kernel: Kernel;
    beforeAll(async () => {
      kernel = await addKernel(`debian:${release}`);
    });

    it('holds every function of its units, and says where', async () => {
      const { units, missing } = await findUnits(kernel, [...builtIn, ...modular]);
      expect(missing).toEqual([]);
      expect(units.length).toBeGreaterThanOrEqual(builtIn.length + modular.length);
      const counts = new Map<Verdict, number>();
      for (const unit of units) {
        const before = await objectOf(kernel, unit);
        let match = await matchOf(kernel, unit, before);
        if (match.counts.different > 0)
          match = await matchOf(kernel, unit, before, await exactOf(kernel, unit));
        expect({ unit: unit.object, differing: differing(match) }).toEqual({
          unit: unit.object,
          differing: [],
        });
        for (const { piece, verdict } of match.functions) {
          counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
          const where = match.whereIs(piece);
          if (verdict !== 'weak-overridden') expect(where).toMatchObject({ ok: true });
        }
      }
      expect(counts.get('identical')).toBeGreaterThan(2500);
      expect(counts.get('jump-labels')).toBeGreaterThan(150);
      expect(counts.get('weak-overridden')).toBeGreaterThan(2);
    });

    it('shows a constant that was changed, with both values', async () => {
      const unit = await unitOf(kernel, 'fs/namei.c');
      const text = readFileSync(join(kernel.sourceDir, unit.source), 'latin1');
      const [from, to] = [
        'nd->total_link_count++ >= MAXSYMLINKS)',
        'nd->total_link_count++ >= MAXSYMLINKS + 1)',
      ];
      expect(text.split(from)).toHaveLength(2);
      const view = join(folder, `${release}-view`);
      const overlay = makeOverlay(
        kernel.sourceDir,
        [{ path: unit.source, text: text.replace(from, to) }],
        view,
      );
      const match = await matchOf(kernel, unit, await objectOf(kernel, unit, overlay));
      expect(differing(match)).toEqual(['step_into']);
      const [{ difference }] = match.functions.filter(({ name }) => name === 'step_into');
      expect(difference?.what).toBe('bytes');
      expect(difference?.expected).toMatch(/^cmp \$0x28, /);
      expect(difference?.found).toBe(difference?.expected.replace('0x28', '0x27'));
    });

    it('names a source as Kbuild does, which strings of the code have', async () => {
      const unit = await unitOf(kernel, 'drivers/gpu/drm/amd/amdkfd/kfd_events.c');
      expect(unit.object).toBe('drivers/gpu/drm/amd/amdgpu/../amdkfd/kfd_events.o');
      const match = await matchOf(kernel, unit, await objectOf(kernel, unit));
      expect(differing(match)).toEqual([]);
      const plain = { ...unit, object: 'drivers/gpu/drm/amd/amdkfd/kfd_events.o' };
      const other = await matchOf(kernel, unit, await objectOf(kernel, plain));
      // Fortify's checks of 6.1 do not name the file.
      expect(differing(other).includes('kfd_criu_checkpoint_events')).toBe(release.startsWith('6.12'));

      // Through the view of a fix, although amdgpu/ is a link out of it.
      const text = readFileSync(join(kernel.sourceDir, unit.source), 'latin1');
      const [from, to] = ['KFD_SIGNAL_EVENT_LIMIT)', 'KFD_SIGNAL_EVENT_LIMIT + 1)'];
      expect(text).toContain(from);
      const view = join(folder, `${release}-kfd`);
      const files = [{ path: unit.source, text: text.replaceAll(from, to) }];
      const overlay = makeOverlay(kernel.sourceDir, files, view);
      expect(differing(await matchOf(kernel, unit, await objectOf(kernel, unit, overlay)))).not.toEqual([]);
    });

    it('shows a wrong flag in many functions', async () => {
      const unit = await unitOf(kernel, 'fs/proc/base.c');
      const wrong = { ...unit, argv: [...unit.argv, '-fno-stack-protector'] };
      const right = await matchOf(kernel, unit, await objectOf(kernel, unit));
      const match = await matchOf(kernel, unit, await objectOf(kernel, wrong));
      expect(differing(right)).toEqual([]);
      expect(differing(match).length).toBeGreaterThan(match.functions.length / 10);
      expect(differing(match).length).toBeLessThan(match.functions.length / 2);
    });
  });
