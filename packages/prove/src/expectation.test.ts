import { UsageError } from '@klpkit/findings';
import { expect, it } from 'vitest';
import { isExpected, parseExpectation, writeExpectation } from './expectation.ts';

it('takes /…/ for a regular expression and all else for text', () => {
  expect(parseExpectation('/a b/i')).toEqual(/a b/i);
  expect(parseExpectation('/proc/cmdline')).toBe('/proc/cmdline');
  expect(parseExpectation('a/b/')).toBe('a/b/');
  expect(() => parseExpectation('/(/')).toThrow(UsageError);
});

it('a text is the whole output or one of its lines, never a part of a line', () => {
  expect(isExpected('1\n', '1')).toBe(true);
  expect(isExpected('a: 1\n b: 2 \n', 'b: 2')).toBe(true);
  expect(isExpected('x\ny\n', 'x\ny')).toBe(true);
  expect(isExpected('10\n', '1')).toBe(false);
  expect(isExpected('', '')).toBe(true);
  expect(isExpected('a\n\nb', '')).toBe(false);
});

it('a regular expression may match anywhere, and gives the same answer each time', () => {
  const sticky = /b\d/g;
  expect([isExpected('ab1', sticky), isExpected('ab1', sticky), isExpected('ab', sticky)]).toEqual([
    true,
    true,
    false,
  ]);
});

it('is written as it was read', () => {
  for (const text of ['/a/i', 'a']) expect(writeExpectation(parseExpectation(text))).toBe(text);
});
