import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP101 with %s', (compiler) => {
  test('a function without code is told, with the callers that hold its body', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    expect(comparison.before.named('clamp_len')).toEqual([]);
    const told = said(await assessCase(folder, { compiler }), 'KLP101');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP101: clamp_len: clamp_len has no code of its own: its body is inside rx and tx',
    );
  });

  test('a function that is never inlined is not', async () => {
    const judgement = await assessCase(folder, { compiler, before: 'twin.c', after: 'twin-after.c' });
    expect(said(judgement, 'KLP101')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP101');
  });
});

describe('KLP101 of a finished module', () => {
  const evidence = { kernel: smallKernel({ objects: { vmlinux: ['T rx', 'T tx'] } }) };

  test('a name that is nowhere in the kernel', async () => {
    const told = said(await checkCase(folder, 'faulty.c', evidence), 'KLP101').join('\n');
    expect(told).toContain('note KLP101: clamp_len: vmlinux has no code called clamp_len');
    const innocent = await checkCase(folder, 'innocent.c', evidence);
    expect(said(innocent, 'KLP101')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP101');
  });
});
