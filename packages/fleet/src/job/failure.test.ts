import type { Finding } from '@klpkit/findings';
import { run } from '@klpkit/host';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../store/index.ts';
import { jobFailure, lackOf } from './failure.ts';

/** What gcc 12 says of a source that it writes to a place, as a build reports it. */
async function compiled(text: string, place: string): Promise<Finding> {
  const { code, stderr } = await run(['gcc-12', '-S', '-x', 'c', '-', '-o', place], {
    input: text,
    check: false,
  });
  expect(code).toBe(1);
  const [first = ''] = stderr.split('\n').filter((line) => line.includes('error'));
  return { id: 'does-not-compile', severity: 'error', what: `a.c does not compile: ${first}`, why: stderr };
}

describe('lackOf', () => {
  it('takes a full disk for no verdict about the fix', async () => {
    const long = Array.from({ length: 2000 }, (_, index) => `int f${index}(int x) { return x * ${index}; }`);
    const full = await compiled(long.join('\n'), '/dev/full');
    expect(lackOf([full])).toMatchObject({
      class: 'resource',
      message: expect.stringContaining('No space left on device'),
    });
    expect(lackOf([await compiled('int f(void) { return x; }', '/dev/null')])).toBeUndefined();
  });
});

describe('jobFailure', () => {
  it('sorts by who has to act', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    expect(jobFailure(full)).toMatchObject({ class: 'resource', next: 'make room on this machine' });
    expect(jobFailure(new StoreError('missing', 'the store has no x', 'do it'))).toEqual({
      kind: 'failed',
      class: 'resource',
      message: 'the store has no x',
      next: 'do it',
    });
    expect(jobFailure(new TypeError('x is undefined'))).toMatchObject({ class: 'defect' });
  });
});
