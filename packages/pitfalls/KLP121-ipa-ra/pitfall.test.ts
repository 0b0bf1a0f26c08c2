import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;
const evidence = { compiler: 'gcc 12.2.0' };

describe('KLP121', () => {
  test('an object without ftrace entries is told', async () => {
    // gcc cannot take -pg back, so the file of flags is another one.
    const unit = await unitCase(folder, { flagFile: 'plain.flags' });
    const code = unit.comparison.before.arch.instructions(
      unit.comparison.before.content(unit.comparison.before.named('caller')[0]),
    );
    // The premise: the arguments stay in registers that any function may use.
    expect(code.some(({ text }) => /push.*%r(bx|bp|1[2-5])/.test(text))).toBe(false);
    const judgement = await assessCase(folder, { flagFile: 'plain.flags', evidence });
    expect(said(judgement, 'KLP121').join()).toContain(
      'note KLP121: case.c: case.c is compiled without ftrace entries',
    );
  });

  test.each(['gcc-12', 'gcc-11', 'aarch64-linux-gnu-gcc-12'])(
    'with ftrace entries %s saves what it needs, and nothing is told',
    async (compiler) => {
      const flags = compiler.startsWith('aarch64') ? ['-fpatchable-function-entry=2', '-g0'] : [];
      expect(said(await assessCase(folder, { compiler, flags, evidence }), 'KLP121')).toEqual([]);
    },
  );

  test('clang has no such pass', async () => {
    const judgement = await assessCase(folder, {
      compiler: 'clang-19',
      flagFile: 'plain-clang.flags',
      evidence: { compiler: 'clang 19.1.7' },
    });
    expect(said(judgement, 'KLP121')).toEqual([]);
  });
});
