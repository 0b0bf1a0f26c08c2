import { expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP147: an object without code of its own is refused', async () => {
  await expect(unitCase(folder, { flags: ['-flto'] })).rejects.toThrow(
    /intermediate code.*compile without -flto/,
  );
});

test('KLP147: one with code beside the intermediate form is told', async () => {
  const flags = ['-flto', '-ffat-lto-objects'];
  const [finding, ...more] = said(await assessCase(folder, { flags }), 'KLP147');
  expect(finding).toContain('error KLP147: beside its code the object holds gcc’s intermediate form');
  expect(more).toEqual([]);
  expect(said(await assessCase(folder), 'KLP147')).toEqual([]);
});

test('KLP147: a module with the name of another build is told; one with the name of this kernel is not', async () => {
  const has = (name: string) => ({ kernel: smallKernel({ objects: { vmlinux: [`t ${name}`] } }) });
  const [finding, ...more] = said(await checkCase(folder, 'stale.c', has('show')), 'KLP147');
  expect(finding).toContain('names show.lto_priv.1 of vmlinux, which holds for one build');
  expect(more).toEqual([]);
  expect(said(await checkCase(folder, 'stale.c', has('show.lto_priv.1')), 'KLP147')).toEqual([]);
});
