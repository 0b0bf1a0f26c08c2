import { UsageError } from '@klpkit/findings';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatSelftests } from './format.ts';
import { readCases, runSelftests } from './selftest.ts';
import { testUserland } from './userland.ts';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

describe("the kernel's own tests", () => {
  it('are built, run as they are, and every case is counted', async () => {
    const result = await runSelftests(kernel, { scripts: ['shadow-vars'] });
    expect(formatSelftests(result)).toMatch(/^passed: the livepatch tests of 6\.12\.117\S*: 1 of 1 cases ok/);
    expect(result.scripts).toMatchObject([
      {
        name: 'test-shadow-vars.sh',
        outcome: 'passed',
        code: 0,
        planned: 1,
        cases: [{ name: 'basic shadow variable API', isOk: true }],
      },
    ]);
  });

  it('are refused by a name that none has', async () => {
    const running = runSelftests(kernel, { scripts: ['test-nothing.sh'] });
    await expect(running).rejects.toThrow(UsageError);
    await expect(running).rejects.toThrow(/no livepatch test test-nothing\.sh/);
  });

  it('have programs whose libraries are all there, the same each time', async () => {
    const files = await testUserland({});
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual([...paths].sort());
    for (const path of ['/bin/bash', '/bin/awk', '/bin/insmod', '/lib64/ld-linux-x86-64.so.2'])
      expect(paths).toContain(path);
    expect(paths).toContain('/lib/x86_64-linux-gnu/libc.so.6');
  });
});

describe('the output of a script', () => {
  it('is read case by case; one that does not end is not ok', () => {
    const output = [
      'TEST: basic function patching ... ok',
      'TEST: multiple livepatches ... not ok',
      '',
      '--- expected',
      'TEST: atomic replace ... ERROR: failed',
    ].join('\n');
    expect(readCases(output)).toEqual([
      { name: 'basic function patching', isOk: true },
      { name: 'multiple livepatches', isOk: false },
      { name: 'atomic replace', isOk: false },
    ]);
    expect(readCases('')).toEqual([]);
  });
});
