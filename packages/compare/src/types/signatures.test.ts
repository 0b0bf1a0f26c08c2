import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { compareSignatures } from './signatures.ts';

async function compared(before: string, after: string, exported: readonly string[] = []) {
  const [had, has] = await Promise.all(
    [before, after].map(async (source) => {
      const elf = readElf(await compile(source, ['-gbtf']));
      const section = findSection(elf, '.BTF');
      if (!section) throw new Error('no types');
      return sectionBytes(elf, section);
    }),
  );
  return compareSignatures(had, has, ['f'], new Set(exported));
}

const f = (parameters: string, result = 'int') =>
  `typedef unsigned int u32; struct it; ${result} f(${parameters}) { return 0; }`;

describe('a signature', () => {
  test.each([
    ['a parameter of another type', f('int n'), f('long n')],
    ['one of another sign', f('int n'), f('u32 n')],
    ['one more', f('int n'), f('int n, int m')],
    ['another order', f('int n, struct it *p'), f('struct it *p, int n')],
    ['a pointer to something else', f('struct it *p'), f('struct other *p')],
    ['a pointer to a pointer', f('struct it *p'), f('struct it **p')],
    ['another result', f('int n'), f('int n', 'long')],
    ['a callback with another parameter', f('int (*call)(int)'), f('int (*call)(long)')],
  ])('changes with %s', async (_, before, after) => {
    expect(await compared(before, after)).toEqual([
      expect.objectContaining({ id: 'signature-changed', severity: 'warning' }),
    ]);
    expect(await compared(before, after, ['f'])).toEqual([
      expect.objectContaining({ id: 'KLP505', severity: 'error' }),
    ]);
  });

  test('changes with what a name of its types stands for', async () => {
    const [finding] = await compared(`typedef int num; ${f('num n')}`, `typedef long num; ${f('num n')}`);
    expect(finding?.what).toBe(
      'f changes its signature: int of 4 bytes (int of 4 bytes) before, int of 4 bytes (long int of 8 bytes) after',
    );
  });

  test.each([
    ['names of parameters', f('int n'), f('int count')],
    ['other names of a type', f('unsigned int n'), f('u32 n')],
    ['const', f('char *text'), f('const char *text')],
    ['its body', f('int n'), `int g; ${f('int n')}`],
  ])('does not change with %s', async (_, before, after) => {
    expect(await compared(before, after, ['f'])).toEqual([]);
  });
});
