import { expect, test } from 'vitest';
import { checkLivepatch } from '../src/index.ts';
import { convertedCase, evidenceOf, said, withText } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const line = { symbol: 'line', object: 'vmlinux', name: 'saved_command_line', sympos: 0, patched: 'overlay' };

test('KLP303: a symbol of vmlinux in the section for a module is told', async () => {
  const ko = await convertedCase(folder, 'livepatch.c', [line]);
  const sections = evidenceOf(ko).livepatch.klpSections.map(({ object }) => object);
  expect(sections).toEqual(['vmlinux']);
  expect(said(checkLivepatch(evidenceOf(ko)), 'KLP303')).toEqual([]);
  const moved = withText(ko, '.klp.rela.vmlinux.', '.klp.rela.overlay.');
  const [error, ...more] = said(checkLivepatch(evidenceOf(moved)), 'KLP303');
  expect(error).toContain('the section for overlay uses saved_command_line of vmlinux');
  expect(more).toEqual([]);
});
