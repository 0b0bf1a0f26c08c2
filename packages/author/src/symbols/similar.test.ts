import { expect, it } from 'vitest';
import { similarNames } from './similar.ts';

const all = [
  'path_openat',
  'do_filp_open',
  'path_lookupat',
  'path_openat.isra.0',
  '__path_openat',
  'xyz',
  'xyy',
];

it.each([
  ['path_openat', ['path_openat.isra.0', '__path_openat']],
  ['path_openaat', ['path_openat', '__path_openat']],
  ['path_opanet', ['path_openat']],
  ['_path_lookupat', ['path_lookupat']],
  ['something_else', []],
  // Of short names nearly every other is near.
  ['abc', []],
])('of %s are %j', (name, expected) => {
  expect(similarNames(name, all)).toEqual(expected);
});
