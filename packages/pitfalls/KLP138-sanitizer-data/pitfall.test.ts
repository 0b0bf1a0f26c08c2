import { expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;
const sanitizers: Readonly<Record<string, readonly string[]>> = {
  KASAN: [
    '-fsanitize=kernel-address',
    '--param=asan-globals=1',
    '--param=asan-instrumentation-with-call-threshold=0',
    '-fno-conserve-stack',
    '-fasan-shadow-offset=0xdffffc0000000000',
  ],
  UBSAN: ['-fsanitize=bounds'],
  KCOV: ['-fsanitize-coverage=trace-pc'],
};

test.each(['KASAN', 'UBSAN', 'KCOV'])(
  'KLP138: code for %s is told, and what the fix leaves alone does not change',
  async (name) => {
    const flags = sanitizers[name];
    const { comparison } = await unitCase(folder, { flags });
    expect(comparison.functions.find((change) => change.name === 'set')?.status).toBe('same');
    const [finding, ...more] = said(await assessCase(folder, { flags }), 'KLP138');
    expect(finding).toContain(`note KLP138: get: get is compiled for ${name}`);
    expect(more).toEqual([]);
  },
);

test('KLP138: code of a production kernel is not', async () => {
  expect(said(await assessCase(folder), 'KLP138')).toEqual([]);
});
