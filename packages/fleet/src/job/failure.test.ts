import { MachineLacks } from '@klpkit/host';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../store/index.ts';
import { jobFailure } from './failure.ts';

describe('jobFailure', () => {
  it('sorts by who has to act', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    expect(jobFailure(full)).toMatchObject({
      class: 'resource',
      next: 'give this machine more room and memory',
    });
    expect(jobFailure(new MachineLacks('/usr/bin/gcc-12', 'ENOSPC', 'no room on the disk'))).toMatchObject({
      class: 'resource',
      message: 'gcc-12 had no room on the disk',
    });
    expect(jobFailure(new StoreError('missing', 'the store has no x', 'do it'))).toEqual({
      kind: 'failed',
      class: 'resource',
      message: 'the store has no x',
      next: 'do it',
    });
    expect(jobFailure(new TypeError('x is undefined'))).toMatchObject({ class: 'defect' });
  });
});
