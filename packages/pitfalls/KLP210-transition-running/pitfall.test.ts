import { expect, test } from 'vitest';
import { klp210 } from './index.ts';

test('KLP210: no file shows it, and it says what to look at', () => {
  expect([klp210.unit, klp210.livepatch, klp210.foundBy]).toEqual([undefined, undefined, undefined]);
  expect(klp210.review?.reason).toMatch(/\w/);
  expect(klp210.review?.look).toMatch(/reverses/);
});
