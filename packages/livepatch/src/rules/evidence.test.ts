import { expect, it } from 'vitest';
import { withEvidence } from './evidence.ts';

const of = (part: 'module' | 'structures' | 'relocations', id: string, at = {}) =>
  withEvidence(part, { id, severity: 'error', what: 'it is so', at }).evidence;

it('names the part of the module, and what of the kernel that is held against', () => {
  expect(of('structures', 'KLP203')).toEqual(['klp structures of the module', 'symbols of the kernel']);
  expect(of('relocations', 'KLP203')).toEqual(['KLP relocations of the module', 'symbols of the kernel']);
  expect(of('structures', 'KLP208')).toEqual(['klp structures of the module']);
  expect(of('module', 'KLP201')).toEqual(['.modinfo of the module']);
});

it('tells the version magic from the versions of symbols', () => {
  expect(of('module', 'KLP224', { section: '.modinfo' })).toEqual([
    '.modinfo of the module',
    'version magic of the kernel',
  ]);
  expect(of('module', 'KLP224', { section: '__versions' })).toEqual([
    'symbol versions of the module',
    'exports of the kernel',
  ]);
});
