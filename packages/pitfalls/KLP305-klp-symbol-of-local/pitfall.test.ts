import { expect, test } from 'vitest';
import { checkLivepatch } from '../src/index.ts';
import { convertedCase, evidenceOf, said } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const to = (name: string) => [
  { symbol: 'check', object: 'klp_target', name, sympos: 0, patched: 'klp_target' },
];

test('KLP305: a KLP symbol of a clone or of a cold part is told', async () => {
  const clone = evidenceOf(await convertedCase(folder, 'livepatch.c', to('check.isra.0')));
  const [warning, ...more] = said(checkLivepatch(clone), 'KLP305');
  expect(warning).toContain(
    'warning KLP305: check.isra.0: the livepatch refers to check.isra.0 of klp_target',
  );
  expect(more).toEqual([]);
  const cold = evidenceOf(await convertedCase(folder, 'livepatch.c', to('check.cold')));
  expect(said(checkLivepatch(cold), 'KLP305').join()).toContain('error KLP305');
});

test('KLP305: one of a function is not, nor what was cut out of objects of the kernel', async () => {
  const plain = evidenceOf(await convertedCase(folder, 'livepatch.c', to('check')));
  expect(said(checkLivepatch(plain), 'KLP305')).toEqual([]);
  const ko = await convertedCase(folder, 'livepatch.c', to('check.isra.0'), [
    '-Dnew_submit=__klpkit_new_0_submit',
  ]);
  expect(said(checkLivepatch(evidenceOf(ko)), 'KLP305')).toEqual([]);
});
