import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['s390x-linux-gnu-gcc-12', 'aarch64-linux-gnu-gcc-12'])('KLP140 with %s', (compiler) => {
  test('variables that share a section are told', async () => {
    const flags = ['-g0', '-fno-data-sections'];
    const [finding, ...more] = said(await assessCase(folder, { compiler, flags }), 'KLP140');
    expect(finding).toContain('warning KLP140: get:.data: get uses .data, where a, b and c lie together');
    expect(more).toEqual([]);
  });

  test('variables in sections of their own are not', async () => {
    expect(said(await assessCase(folder, { compiler, flags: ['-g0'] }), 'KLP140')).toEqual([]);
  });
});

test('KLP140: x86-64 has no anchors', async () => {
  expect(said(await assessCase(folder, { flags: ['-fno-data-sections'] }), 'KLP140')).toEqual([]);
});
