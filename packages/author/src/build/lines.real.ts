import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { createTwoFilesPatch } from 'diff';
import { beforeAll, expect, it } from 'vitest';
import { reportJson } from '../report/index.ts';
import { buildLivepatch } from './build.ts';
import type { BuiltLivepatch } from './types.ts';

const path = 'fs/proc/cmdline.c';
let kernel: Kernel;
let after: string;
let fix: string;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  const before = readFileSync(join(kernel.sourceDir, path), 'utf8');
  // Lines above the function move it; one inside is the fix.
  after = `/* Words. */\n/* More words. */\n${before.replace(/^(static int cmdline_proc_show.*\n\{\n)/m, '$1\tm->count ^= 0x77;\n')}`;
  expect(after.length).toBeGreaterThan(before.length + 40);
  fix = createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, '', '', { context: 3 });
});

async function build(sourceLines: boolean, more = ''): Promise<BuiltLivepatch> {
  const text = fix + more;
  const result = await buildLivepatch(kernel, [{ name: 'x.patch', text }], {
    name: 'livepatch_lines',
    sourceLines,
  });
  if (result.outcome !== 'built') throw new Error('nothing to build');
  return result;
}

/** The source lines of the fixed side, by number. */
const linesOf = ({ details }: BuiltLivepatch) =>
  new Map(
    details
      .flatMap(({ rows }) => rows)
      .flatMap((row) =>
        row.kind === 'source' && row.after?.path === path ? [[row.after.line, row.after] as const] : [],
      ),
  );

it('source lines are those of the fixed text, and change nothing else', async () => {
  const [shown, plain] = [await build(true), await build(false)];
  const texts = after.split('\n');
  const added = texts.findIndex((line) => line.includes('0x77')) + 1;
  const lines = linesOf(shown);
  // What the fix only moves has the numbers that a reader of the fixed text sees.
  expect([...lines].map(([line, { text, edited }]) => [line, text, edited])).toEqual([
    [added - 1, '{', false],
    [added, '\tm->count ^= 0x77;', true],
    [added + 2, "\tseq_putc(m, '\\n');", false],
    [added + 4, '}', false],
  ]);
  expect(reportJson(shown.report)).not.toContain('klpkit-line');
  expect([linesOf(plain).size, Buffer.compare(shown.ko, plain.ko)]).toEqual([0, 0]);
});

it('a header in the fix costs a second compilation, with the same lines', async () => {
  const header = 'fs/proc/internal.h';
  const before = readFileSync(join(kernel.sourceDir, header), 'utf8');
  const moved = `/* Words. */\n${before}`;
  const more = createTwoFilesPatch(`a/${header}`, `b/${header}`, before, moved, '', '', { context: 3 });
  const [both, alone] = [await build(true, more), await build(true)];
  expect(linesOf(alone).size).toBeGreaterThan(1);
  expect([...linesOf(both)]).toEqual([...linesOf(alone)]);
});
