import { expect, test } from 'vitest';
import { extractPair, told } from '../../author/src/extract/testing/pair.ts';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

test('KLP407: a probe function that a driver refers to is told, another function of it is not', async () => {
  expect(said(await assessCase(folder, { fix: 'probe.c' }), 'KLP407').join()).toContain(
    'note KLP407: nic_probe: nic_probe, which nic_driver refers to, runs when a device or user is first seen',
  );
  expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP407')).toEqual([]);
});

test('KLP407: init code that changes is an error of the extraction', async () => {
  const body = '(int n) {\n#ifdef FIX\n n++;\n#endif\n return external(n); }';
  expect(told(await extractPair(`section(".init.text") int nic_start${body}`))).toEqual([
    'KLP407 error nic_start',
  ]);
  expect(told(await extractPair(`int nic_start${body}`))).toEqual([]);
});
