import { expect, test } from 'vitest';
import { klp215 } from './index.ts';

test('KLP215: no file shows it, and it says what to look at', () => {
  expect([klp215.unit, klp215.livepatch, klp215.foundBy]).toEqual([undefined, undefined, undefined]);
  expect(klp215.review?.reason).toMatch(/\w/);
  expect(klp215.review?.look).toMatch(/force/);
});
