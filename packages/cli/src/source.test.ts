import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

describe('klpkit source', () => {
  it('needs a patch', async () => {
    const { code, stdout } = await klpkit('source', '--json');
    expect(code).toBe(2);
    expect(v.parse(schemas.source, JSON.parse(stdout))).toMatchObject({
      command: 'source',
      outcome: 'failed',
      error: { kind: 'usage', next: 'klpkit source fix.patch --kernel debian:6.12' },
    });
  });

  it('names what cannot be the name of a livepatch, and a patch that is not there', async () => {
    const name = await klpkit('source', 'a.patch', '--name', 'no/name');
    expect([name.code, name.stderr]).toEqual([
      2,
      expect.stringContaining('cannot be the name of a livepatch'),
    ]);
    const patch = await klpkit('source', '/nowhere/a.patch');
    expect([patch.code, patch.stderr]).toEqual([2, expect.stringContaining('/nowhere/a.patch')]);
  });

  it('wants a reason for an override', async () => {
    const { code, stderr } = await klpkit('source', 'a.patch', '--override', 'KLP402');
    expect([code, stderr]).toEqual([2, expect.stringContaining('gives no reason')]);
  });
});
