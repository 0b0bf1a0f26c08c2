import { expect, it } from 'vitest';
import { addKernel, findUnits } from '../index.ts';

it('a source is not built when the folder around it is off, whatever its own makefile lists', async () => {
  const kernel = await addKernel('debian:6.12');
  const { units, missing } = await findUnits(kernel, [
    'kernel/kcsan/core.c',
    'kernel/sched/core.c',
    'fs/jfs/super.c',
  ]);
  expect(units.map((unit) => unit.object)).toEqual(['fs/jfs/super.o', 'kernel/sched/core.o']);
  expect(missing).toMatchObject([{ source: 'kernel/kcsan/core.c', options: ['CONFIG_KCSAN'] }]);
});
