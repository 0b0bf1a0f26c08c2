import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP108 with %s', (compiler) => {
  test('clones that another build numbers in another way are told', async () => {
    const { comparison } = await unitCase(folder, { compiler, flags: ['-fipa-cp-clone'] });
    expect(comparison.before.named('emit.constprop.1')).toHaveLength(1);
    const told = said(await assessCase(folder, { compiler, flags: ['-fipa-cp-clone'] }), 'KLP108');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('2 numbered clones before and 3 after the fix');
    expect(told[0]).toContain('emit.constprop.1 is emit.constprop.2 after the fix');
  });

  test('at the level of optimisation of a kernel there are none', async () => {
    const judgement = await assessCase(folder, { compiler, flags: [] });
    expect(said(judgement, 'KLP108')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP108');
  });
});

describe('KLP108 of a finished module', () => {
  test('which chooses a clone by its number', async () => {
    const told = said(await checkCase(folder, 'faulty.c'), 'KLP108').join('\n');
    expect(told).toContain(
      'warning KLP108: emit.constprop.1: emit.constprop.1 of vmlinux is one of several clones',
    );
    const innocent = await checkCase(folder, 'innocent.c');
    expect(said(innocent, 'KLP108')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP108');
  });
});
