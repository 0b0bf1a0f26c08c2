import { expect, test } from 'vitest';
import { checkLivepatch } from '../src/index.ts';
import { checkCase, convertedCase, evidenceOf, said, withText } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const line = { symbol: 'line', object: 'vmlinux', name: 'saved_command_line', sympos: 0, patched: 'vmlinux' };

test('KLP302: a KLP symbol that was never converted is told', async () => {
  const [error, ...more] = said(await checkCase(folder, 'faulty.c'), 'KLP302');
  expect(error).toContain('.klp.sym.vmlinux.saved_command_line,0 is an ordinary undefined symbol');
  expect(error).toContain('becomes address 0 without a word');
  expect(more).toEqual([]);
});

test('KLP302: a damaged name is told, an undamaged one is not', async () => {
  const ko = await convertedCase(folder, 'livepatch.c', [line]);
  expect(evidenceOf(ko).livepatch.klpRelocations).toHaveLength(1);
  expect(said(checkLivepatch(evidenceOf(ko)), 'KLP302')).toEqual([]);
  const damaged = withText(
    ko,
    '.klp.sym.vmlinux.saved_command_line,0',
    '.klp.sym.vmlinux.saved_command_line.0',
  );
  expect(said(checkLivepatch(evidenceOf(damaged)), 'KLP302').join()).toContain('is no name of a KLP symbol');
});
