import { describe, expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';
import { appearingVariables } from './appearing.ts';
import type { Edit } from './evidence.ts';
import { folderOf } from './pages.ts';
import { changedIndirectly, editedNames, isDeclaredByFix } from './unit.ts';

const edit = (lines: Partial<Edit>): Edit => ({ path: 'a.c', line: 1, removed: [], added: [], ...lines });
const folder = (id: string, name: string) => folderOf({ id, name });

describe('what a fix edits', () => {
  test('is named by the function around it, and by the heads among its lines', () => {
    expect(
      editedNames([
        edit({ inside: 'outer', added: ['\tcall(1);'] }),
        edit({ added: ['static int fresh(int n)', '{', '\treturn n;', '}', 'int declared(void);', 'out:'] }),
      ]),
    ).toEqual(['fresh', 'outer']);
  });

  test.each([
    ['static int last;', true],
    ['\tstatic unsigned long last = 4;', true],
    ['DEFINE_MUTEX(last);', true],
    ['static int f(void) { return last; }', false],
    ['\tlast = 5;', false],
    ['static int lastly;', false],
  ])('declares a variable: %s', (line, declares) => {
    expect(isDeclaredByFix([edit({ added: [line] })], 'last')).toBe(declares);
    expect(isDeclaredByFix([edit({ added: [line], removed: ['static long last;'] })], 'last')).toBe(false);
  });
});

describe('functions that change indirectly', () => {
  const cases = folder('KLP112', 'pure-const');
  const member = edit({ path: 'include/linux/a.h', added: ['\tint more;'] });
  const macro = edit({ added: ['#define MOST 4'] });

  test('are those that the fix does not edit', async () => {
    const unit = await unitCase(cases);
    expect(changedIndirectly(unit).map(({ name }) => name)).toEqual(['twice', 'prefetch']);
    expect(
      changedIndirectly({ ...unit, edits: [...(unit.edits ?? []), edit({ inside: 'twice' })] }),
    ).toHaveLength(1);
  });

  test.each([
    ['a member of a structure', member],
    ['a macro', macro],
  ])('are not told apart when the fix changes %s', async (_, more) => {
    const unit = await unitCase(cases);
    expect(changedIndirectly({ ...unit, edits: [...(unit.edits ?? []), more] })).toEqual([]);
    expect(
      said(await assessCase(cases, { evidence: { edits: [...(unit.edits ?? []), more] } }), 'KLP112'),
    ).toEqual([]);
  });

  test('hold no copy of an edited function', async () => {
    const unit = await unitCase(folder('KLP101', 'inlined-everywhere'));
    expect(unit.comparison.functions.every(({ status }) => status === 'changed')).toBe(true);
    expect(changedIndirectly(unit)).toEqual([]);
  });
});

test('a variable that appears has the readers and writers of both kinds', async () => {
  const unit = await unitCase(folder('KLP117', 'writeonly-static'));
  expect(appearingVariables(unit)).toEqual([
    {
      name: 'last_seen',
      readers: ['stale'],
      writers: ['note'],
      newReaders: ['stale'],
      oldReaders: [],
      oldWriters: ['note'],
    },
  ]);
});
