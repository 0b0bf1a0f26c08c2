import { expect, test } from 'vitest';
import { checkCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const kernel = smallKernel({
  objects: { vmlinux: ['t state_show', 't other', 't state_show', 't state_show'] },
});

test('KLP204: a name that is there three times needs a position', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP204');
  expect(error).toContain('error KLP204: state_show: vmlinux has 3 symbols state_show');
  expect(more).toEqual([]);
});

test('KLP204: with a position it is found', async () => {
  const judgement = await checkCase(folder, 'innocent.c', { kernel });
  expect(said(judgement, 'KLP204')).toEqual([]);
  expect(said(judgement, 'KLP203')).toEqual([]);
});
