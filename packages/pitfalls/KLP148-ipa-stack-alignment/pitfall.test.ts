import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

test('KLP148: a stack that is aligned to 16 bytes is told', async () => {
  const flags = ['-mpreferred-stack-boundary=4'];
  const [finding, ...more] = said(await assessCase(folder, { flags }), 'KLP148');
  expect(finding).toContain(
    'warning KLP148: the unit is compiled with a stack that is aligned to more than 8 bytes',
  );
  expect(more).toEqual([]);
});

test('KLP148: the stack of the kernel is not, nor one where gcc leaves nothing out', async () => {
  expect(said(await assessCase(folder), 'KLP148')).toEqual([]);
  const flags = ['-mpreferred-stack-boundary=4', '-fno-ipa-stack-alignment'];
  expect(said(await assessCase(folder, { flags }), 'KLP148')).toEqual([]);
});
