import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '@klpkit/findings';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { patchOf } from '../annotations/testing/patch.ts';
import { readFix } from './index.ts';

const path = 'fs/x.c';
const source = ['open', 'read', 'write']
  .map((name) => `int ${name}(int x)\n{\n\tint y = ${name}_of(x);\n\n\treturn ${name}_end(y);\n}\n`)
  .join('\n');
/** The source with a line of one function replaced. */
const change = (text: string, name: string, from: string, to: string) => {
  const at = text.indexOf(`int ${name}(`);
  return text.slice(0, at) + text.slice(at).replace(from, to);
};

let tree = '';
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'klpkit-several-'));
  await mkdir(join(tree, 'fs'));
  await writeFile(join(tree, path), source);
});
afterAll(() => rm(tree, { recursive: true }));

const a = change(source, 'read', 'read_end(y)', 'y + 1');
const b = change(source, 'read', 'read_end(y)', 'y + 2');
const fixes = (...texts: (readonly [string, string, string])[]) =>
  readFix(
    tree,
    texts.map(([name, before, after]) => ({ name, text: patchOf(path, before, after) })),
  );

async function refused(...texts: (readonly [string, string, string])[]) {
  const reason = await fixes(...texts).catch((error: unknown) => error);
  expect(reason).toBeInstanceOf(Refusal);
  return (reason as Refusal).findings.filter(({ severity }) => severity === 'error');
}

test('a fix that does not go with an earlier one is told, with both names and the function', async () => {
  expect((await fixes(['b.patch', source, b])).findings).toEqual([]);
  const [conflict, ...others] = await refused(['a.patch', source, a], ['b.patch', source, b]);
  expect(others).toEqual([]);
  expect(conflict).toMatchObject({
    id: 'fixes-conflict',
    what: 'b.patch line 4: the hunk does not apply to read of fs/x.c after a.patch: line 12 should be "\\treturn read_end(y);", it is "\\treturn y + 1;"',
    why: 'without a.patch it applies: both change the same lines',
    at: { file: path, line: 12, symbol: 'read' },
  });
  const [twice] = await refused(['a.patch', source, a], ['again.patch', source, a]);
  expect(twice).toMatchObject({ id: 'fixes-conflict', next: 'leave one of the two out' });
  expect(twice?.what).toContain('a.patch has made this change of read of fs/x.c already');
});

test('of three fixes, the one in the way is named', async () => {
  const first = change(source, 'write', 'int y = write_of(x)', 'int y = 2');
  const both = change(first, 'read', 'read_end(y)', 'y + 1');
  const [conflict] = await refused(
    ['first.patch', source, first],
    ['second.patch', first, both],
    ['third.patch', source, b],
  );
  expect(conflict?.what).toContain('after second.patch');
});

test('a hunk that fits elsewhere after an earlier fix is not put there', async () => {
  const alike = source.replaceAll(/\w+_(of|end)/g, '$1');
  await writeFile(join(tree, 'fs/alike.c'), alike);
  const read = (name: string, after: string) => ({ name, text: patchOf('fs/alike.c', alike, after) });
  const patches = [
    read('a.patch', change(alike, 'read', 'end(y)', 'y + 1')),
    read('b.patch', change(alike, 'read', 'end(y)', 'y + 2')),
  ];
  expect((await readFix(tree, patches.slice(1))).findings).toEqual([]);
  const reason = await readFix(tree, patches).catch((error: unknown) => error);
  expect((reason as Refusal).findings.filter(({ severity }) => severity === 'error')).toMatchObject([
    {
      id: 'fixes-conflict',
      what: expect.stringContaining('the hunk is for read of fs/alike.c and after a.patch fits'),
    },
  ]);
});

test("a patch that does not fit the kernel's own source is no conflict", async () => {
  const stranger = change(source, 'read', 'read_end(y)', 'z');
  const findings = await refused(['a.patch', source, a], ['odd.patch', stranger, b]);
  expect(findings.map(({ id }) => id)).toEqual(['patch-does-not-apply']);
});

test('a function that two fixes change is a note, and others are not', async () => {
  const later = change(a, 'read', 'int y = read_of(x)', 'int y = x * 2');
  const met = await fixes(['a.patch', source, a], ['later.patch', a, later]);
  expect(met.findings).toMatchObject([
    { id: 'fixes-meet', severity: 'note', what: 'read of fs/x.c is changed by a.patch and later.patch' },
  ]);
  const apart = change(a, 'write', 'write_end(y)', '0');
  expect((await fixes(['a.patch', source, a], ['apart.patch', a, apart])).findings).toEqual([]);
});
