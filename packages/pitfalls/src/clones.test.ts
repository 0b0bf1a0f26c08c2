import { expect, test } from 'vitest';
import { cloneOf, isClone, sourceName } from './clones.ts';

test.each([
  ['foo', 'foo', undefined, undefined],
  ['foo.isra.0', 'foo', ['isra'], 0],
  ['foo.constprop.12.isra.3', 'foo', ['constprop', 'isra'], 12],
  ['foo.part.0', 'foo', ['part'], 0],
  ['foo.part.0.cold', 'foo', undefined, undefined],
  ['foo.cold.1', 'foo', undefined, undefined],
  ['foo.llvm.123', 'foo', undefined, undefined],
  ['.L', '.L', undefined, undefined],
])('%s is code of %s', (name, source, kinds, number) => {
  expect(sourceName(name)).toBe(source);
  expect(cloneOf(name)).toEqual(kinds && { source, kinds, number });
  expect(isClone(name, 'isra')).toBe(kinds?.includes('isra') === true);
});
