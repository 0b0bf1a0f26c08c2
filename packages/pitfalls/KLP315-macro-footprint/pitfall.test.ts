import { describe, expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';

const folder = import.meta.dirname;

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP315 with %s', (compiler) => {
  test('what macros bring with them is told', async () => {
    const [lock, trace, warn, ...more] = said(await assessCase(folder, { compiler }), 'KLP315').sort();
    expect(lock).toContain('note KLP315: f_lock: the fixed f_lock brings 1 × lock class and 1 × rate limit');
    expect(trace).toContain(
      'the fixed f_trace brings 1 × static branch, the static call of tp_func_rx and the tracepoint rx',
    );
    expect(warn).toContain('the fixed f_warn brings 1 × once-flag and 1 × warning or BUG()');
    expect(more).toEqual([]);
  });

  test('a fix that is code alone brings nothing', async () => {
    expect(said(await assessCase(folder, { compiler, after: 'twin-after.c' }), 'KLP315')).toEqual([]);
  });
});
