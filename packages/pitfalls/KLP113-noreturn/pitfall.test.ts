import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-16', 'clang-19'])('KLP113 with %s', (compiler) => {
  test('a function that begins to return is told, with callers that end in its call', async () => {
    const told = said(await assessCase(folder, { compiler }), 'KLP113');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      'note KLP113: fatal: fatal never returned and does after the fix; always and check had no code behind the call',
    );
  });

  test('a function that still never returns is not', async () => {
    const judgement = await assessCase(folder, { compiler, after: 'twin-after.c' });
    expect(said(judgement, 'KLP113')).toEqual([]);
    expect(judgement.unchecked.map(({ id }) => id)).not.toContain('KLP113');
  });
});

describe('KLP113 of a finished module', () => {
  const evidence = {
    kernel: smallKernel({
      objects: { vmlinux: ['t fatal'] },
      code: { fatal: Uint8Array.of(0xe8, 0, 0, 0, 0, 0xeb, 0xf9) },
    }),
  };

  test('which returns where the old function did not', async () => {
    const told = said(await checkCase(folder, 'faulty.c', evidence), 'KLP113').join('\n');
    expect(told).toContain(
      'error KLP113: fatal: fatal of vmlinux never returns, and the function that replaces it does',
    );
    const innocent = await checkCase(folder, 'innocent.c', evidence);
    expect(said(innocent, 'KLP113')).toEqual([]);
    expect(innocent.unchecked.map(({ id }) => id)).not.toContain('KLP113');
  });
});

test.each(['aarch64-linux-gnu-gcc-12', 's390x-linux-gnu-gcc-12'])('KLP113 with %s', async (compiler) => {
  const flags = ['-g0'];
  expect(said(await assessCase(folder, { compiler, flags }), 'KLP113').join()).toContain(
    'fatal never returned and does after the fix; always and check had no code behind the call',
  );
  const twin = await assessCase(folder, { compiler, flags, after: 'twin-after.c' });
  expect(said(twin, 'KLP113')).toEqual([]);
});
