import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

test('KLP405: a wait that a signal ends is told, one that it does not end is not', async () => {
  expect(said(await assessCase(folder, { fix: 'wait.c' }), 'KLP405').join()).toContain(
    'tasks wait in get, by wait_for_completion_interruptible',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP405')).toEqual([]);
  expect(said(await assessCase(folder, { fix: 'sleep.c' }), 'KLP405').join()).toContain(
    'tasks wait in get, by schedule_timeout_interruptible',
  );
  expect(said(await assessCase(folder, { fix: 'sleep-twin.c' }), 'KLP405')).toEqual([]);
});
