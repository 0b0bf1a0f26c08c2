import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTemporaryFolder } from '@klpkit/host';
import { addKernel, type Kernel, type Unit, unitsIncluding } from '@klpkit/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileAll } from '../compile/index.ts';
import { makeOverlay, type Overlay } from '../overlay/index.ts';
import { narrowUnits } from './narrow.ts';

const header = 'fs/isofs/isofs.h';
let kernel: Kernel;
let units: readonly Unit[];
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  ({ units } = await unitsIncluding(kernel, [header]));
});

/** A view of the tree in which the header is edited. */
function withEdit<T>(
  [pattern, replacement]: readonly [RegExp, string],
  work: (overlay: Overlay) => Promise<T>,
): Promise<T> {
  const before = readFileSync(join(kernel.sourceDir, header), 'utf8');
  const after = before.replace(pattern, replacement);
  expect(after).not.toBe(before);
  return inTemporaryFolder('klpkit-reach-', (folder) =>
    work(makeOverlay(kernel.sourceDir, [{ path: header, text: after }], join(folder, 'source'))),
  );
}

const inFunction = (name: string) =>
  [new RegExp(`^(static inline .*\\b${name}\\(.*\\n\\{\\n)`, 'm'), '$1\tasm volatile("nop");\n'] as const;

describe('narrowUnits', () => {
  it('finds the units that call an inline function, and none that differs is lost', async () => {
    await withEdit(inFunction('isonum_711'), async (overlay) => {
      const narrowed = await narrowUnits(kernel, units, overlay, { jobs: 2 });
      const { compiled } = await compileAll(
        kernel,
        units.flatMap((unit) => [
          { unit, side: 'before' as const },
          { unit, side: 'after' as const, overlay },
        ]),
        { jobs: 2 },
      );
      const differing = units.filter((unit) => {
        const [before, after] = compiled.filter((each) => each.unit === unit);
        return before && after && Buffer.compare(before.bytes, after.bytes) !== 0;
      });
      const sources = (list: readonly Unit[]) => list.map(({ source }) => source);
      expect(differing.length).toBeGreaterThan(1);
      expect(differing.length).toBeLessThan(units.length);
      expect(sources(narrowed.units)).toEqual(expect.arrayContaining(sources(differing)));
      expect(narrowed.untouched).toBeGreaterThan(0);
      expect(narrowed.units.length + narrowed.untouched + narrowed.unread).toBe(units.length);
    });
  });

  it('finds none for a function that nothing calls, nor for a comment', async () => {
    for (const edit of [
      [/^static inline int isonum_711/m, 'static inline int klpkit_unused(int n)\n{\n\treturn n;\n}\n$&'],
      [/^static inline int isonum_711/m, '/* klpkit */ $&'],
    ] as const)
      await withEdit(edit, async (overlay) => {
        const narrowed = await narrowUnits(kernel, units, overlay, { jobs: 2 });
        expect(narrowed.units).toEqual([]);
        expect(narrowed.untouched).toBeGreaterThan(3);
      });
  });

  it('says how far it is, and how long the rest takes, when it takes long', async () => {
    const fs = await unitsIncluding(kernel, ['fs/fat/fat.h', 'fs/ext4/ext4.h'], { most: 100 });
    expect(fs.units.length).toBeGreaterThan(32);
    await withEdit([/^static inline int isonum_711/m, '/* klpkit */ $&'], async (overlay) => {
      const labels: string[] = [];
      const narrowed = await narrowUnits(kernel, fs.units, overlay, {
        jobs: 2,
        onProgress: ({ label, done, total }) => labels.push(`${done}/${total} ${label}`),
      });
      expect(narrowed.unread).toBe(fs.units.length);
      expect(labels).toHaveLength(fs.units.length);
      expect(labels.at(-2)).toMatch(/^\d+\/\d+ see which units .*, about \d+ s left$/);
    });
  });
});
