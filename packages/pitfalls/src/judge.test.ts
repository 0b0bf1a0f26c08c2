import type { Finding } from '@klpkit/findings';
import { expect, test } from 'vitest';
import { checkCase, smallKernel } from '../testing/livepatch.ts';
import { pitfallOf } from './all.ts';
import { worstFirst } from './index.ts';
import { folderOf } from './pages.ts';

const pitfall = pitfallOf('KLP402');
const folder = folderOf({ id: 'KLP402', name: pitfall?.name ?? '' });

test('findings come worst first, then by id, and keep their order', () => {
  const of = (id: string, severity: Finding['severity'], what: string): Finding => ({ id, severity, what });
  const sorted = worstFirst([
    of('KLP225', 'note', 'a'),
    of('KLP402', 'warning', 'b'),
    of('KLP203', 'error', 'c'),
    of('KLP402', 'warning', 'd'),
    of('KLP109', 'warning', 'e'),
  ]);
  expect(sorted.map(({ what }) => what).join('')).toBe('cebda');
});

test('a rule that lacks something is unchecked, and checked when it is there', async () => {
  const unchecked = async (more: Parameters<typeof checkCase>[2]) =>
    (await checkCase(folder, 'faulty.c', more)).unchecked.map(({ id }) => id);
  expect(await unchecked({})).toContain('KLP203');
  expect(await unchecked({ kernel: smallKernel({ objects: { vmlinux: ['t poller'] } }) })).not.toContain(
    'KLP203',
  );
});
