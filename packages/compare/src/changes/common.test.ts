import { expect, test } from 'vitest';
import { comparePair, found, touched, touchedData } from '../testing/compile.ts';

// What gcc before 10 makes of a variable without an initial value, unless it is told -fno-common as kernels do.
const common = (before: string, after: string) =>
  comparePair(
    `
    #ifdef FIX
    ${after}
    #else
    ${before}
    #endif
    extern int list[]; int first(int n) { return external(list[n]); }`,
    ['-fcommon'],
  );

test('a common variable that grows has another shape', async () => {
  const c = await common('int list[4];', 'int list[5];');
  expect(c.before.named('list')).toEqual([]);
  expect([touchedData(c), found(c)]).toEqual([['list changed'], ['KLP502 list']]);
  const same = await common('int list[4];', 'int list[4]; int second(int n) { return external(n); }');
  expect([touched(same), touchedData(same), found(same)]).toEqual([['second new'], [], []]);
});

test('one that is new or gone is told', async () => {
  expect(touchedData(await common('', 'int more;'))).toEqual(['more new']);
  expect(touchedData(await common('int more;', ''))).toEqual(['more removed']);
});

test('one that gets an initial value, or loses it', async () => {
  const gets = await common('int list[2];', 'int list[2] = { 1, 2 };');
  expect(found(gets)).toEqual(['KLP501 list']);
  const loses = await common('int list[2] = { 1, 2 };', 'int list[2];');
  expect(found(loses)).toEqual(['KLP501 list']);
});
