import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11'])('KLP129 with %s', (compiler) => {
  test('a function that moves because its last hot caller is gone is told', async () => {
    const { comparison } = await unitCase(folder, { compiler });
    const [before] = comparison.before.named('report');
    const [after] = comparison.after.named('report');
    expect([before.section.name, after.section.name]).toEqual(['.text.report', '.text.unlikely.report']);
    const [finding, ...more] = said(await assessCase(folder, { compiler }), 'KLP129');
    expect(finding).toContain(
      'note KLP129: report: report moves from .text to .text.unlikely; its code is the same',
    );
    expect(comparison.functions.find(({ name }) => name === 'report')?.status).toBe('same');
    expect(more).toEqual([]);
  });

  test('one that keeps a hot caller stays', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP129')).toEqual([]);
  });
});

test.each(['clang-14', 'clang-19'])('KLP129: %s moves nothing', async (compiler) => {
  expect(said(await assessCase(folder, { compiler }), 'KLP129')).toEqual([]);
});
