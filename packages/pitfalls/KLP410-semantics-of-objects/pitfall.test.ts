import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

test('KLP410: functions that count or free otherwise are named for review', async () => {
  expect(said(await assessCase(folder, { fix: 'count.c' }), 'KLP410').join()).toContain(
    'note KLP410: use: use allocate, free or count otherwise than before: get_device',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP410')).toEqual([]);
});
