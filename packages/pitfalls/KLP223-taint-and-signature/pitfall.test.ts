import { splitSignature } from '@klpkit/formats';
import { expect, test } from 'vitest';
import { checkLivepatch } from '../src/index.ts';
import { checkCase, evidenceOf, livepatchCase, said, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const unsigned = async (config: Record<string, string>) =>
  said(await checkCase(folder, 'faulty.c', { kernel: smallKernel({ config }) }), 'KLP223').join();

test('KLP223: an unsigned module is a note, and an error where signatures are forced', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP223').join()).toContain(
    'note KLP223: the module is not signed',
  );
  expect(await unsigned({ CONFIG_MODULE_SIG: 'y' })).toContain('note KLP223');
  expect(await unsigned({ CONFIG_MODULE_SIG: 'y', CONFIG_MODULE_SIG_FORCE: 'y' })).toContain('error KLP223');
});

test('KLP223: a signed one is not, nor one for a kernel that knows no signatures', async () => {
  const plain = await livepatchCase(folder, 'faulty.c');
  const magic = new TextEncoder().encode('~Module signature appended~\n');
  const signed = new Uint8Array(plain.bytes.length + 8 + 12 + magic.length);
  signed.set(plain.bytes);
  signed[signed.length - magic.length - 1] = 8;
  signed.set(magic, signed.length - magic.length);
  expect(splitSignature(signed).signature).toHaveLength(8);
  expect(said(checkLivepatch(evidenceOf(signed)), 'KLP223')).toEqual([]);
  expect(await unsigned({})).toBe('');
});
