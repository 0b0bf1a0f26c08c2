import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { compareObjects, type ObjectModel, readObjectModel } from '../index.ts';
import { compile, found, touched, touchedData } from '../testing/compile.ts';

const run = promisify(execFile);

/** Two units of one text, whose local names are the same; `fixed` is compiled with FIX. */
async function linked(order: readonly string[], fixed?: string): Promise<ObjectModel> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-scopes-'));
  try {
    const paths = await Promise.all(
      order.map(async (unit) => {
        const path = join(folder, `${unit}.o`);
        const source = `asm(".file \\"${unit}.c\\"");
          static int state; static noinline int helper(int n) { state += n; if (unlikely(n == 5)) { cold_external("a"); cold_external("b"); } return external(n)
          #ifdef FIX
          + 7
          #endif
          ; }
          int entry_${unit}(int n) { static int count; return helper(count += n) * 3; }`;
        await writeFile(path, await compile(source, unit === fixed ? ['-DFIX'] : []));
        return path;
      }),
    );
    const out = join(folder, 'all.o');
    await run('ld', ['-r', '-o', out, ...paths]);
    return readObjectModel(new Uint8Array(await readFile(out)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.each(['one', 'two'])('a local function of several is that of its file: %s', async (fixed) => {
  const before = await linked(['one', 'two']);
  expect(before.named('helper')).toHaveLength(2);
  const c = compareObjects(before, await linked(['one', 'two'], fixed));
  // With the unlikely part of its own file, and no other.
  expect(touched(c)).toEqual(['helper changed', 'helper.cold changed']);
  const helper = c.functions.find(({ name, status }) => name === 'helper' && status === 'changed');
  const calls = (model: ObjectModel) =>
    model
      .referencesOf(model.named(`entry_${fixed}`)[0])
      .flatMap(({ target }) => (target.kind === 'piece' ? [target.piece] : []));
  expect([calls(c.before), calls(c.after)]).toEqual([
    expect.arrayContaining([helper?.before]),
    expect.arrayContaining([helper?.after]),
  ]);
  expect([touchedData(c), found(c)]).toEqual([[], []]);
});

test('the order of the files means nothing', async () => {
  const c = compareObjects(await linked(['one', 'two']), await linked(['two', 'one']));
  expect([touched(c), touchedData(c), found(c)]).toEqual([[], [], []]);
});
