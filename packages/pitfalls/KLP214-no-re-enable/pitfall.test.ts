import { expect, test } from 'vitest';
import { klp214 } from './index.ts';

test('KLP214: no file shows it, and it says what to look at', () => {
  expect([klp214.unit, klp214.livepatch, klp214.foundBy]).toEqual([undefined, undefined, undefined]);
  expect(klp214.review?.reason).toMatch(/\w/);
  expect(klp214.review?.look).toMatch(/unload/);
});
