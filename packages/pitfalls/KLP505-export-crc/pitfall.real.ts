import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { beforeAll, expect, test } from 'vitest';
import { flagFile, inCases } from '../testing/case.ts';

// What a build says of checksums is tested on units of the kernel: packages/author/src/types/types.real.ts.
const folder = import.meta.dirname;
let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
});

/** The checksum that the kernel's own genksyms gives pub_get(). */
const crc = (source: string) =>
  inCases(folder, async (scratch) => {
    const text = execFileSync('gcc-12', [`@${flagFile('gcc-12')}`, '-E', '-P', '-D__GENKSYMS__', source], {
      cwd: scratch,
      encoding: 'utf8',
    });
    const out = execFileSync(join(kernel.buildDir, 'scripts/genksyms/genksyms'), {
      input: text,
      encoding: 'utf8',
    });
    return /pub_get.*?(0x[0-9a-f]{8})/.exec(out)?.[1];
  });

test('KLP505: an argument changes the checksum, and so does a type that is completed; the page has the figures', async () => {
  const [before, completed, changed, again] = await Promise.all(
    ['before.c', 'after_define.c', 'after.c', 'before.c'].map(crc),
  );
  expect(new Set([before, completed, changed]).size).toBe(3);
  expect(again).toBe(before);
  const page = readFileSync(join(folder, 'page.mdx'), 'utf8');
  for (const figure of [before, completed, changed]) expect(page).toContain(`\`${figure}\``);
});
