import { describe, expect, test } from 'vitest';
import type { FixedFile } from '../fix/index.ts';
import { changedMacros } from './macros.ts';

function file(path: string, before: string, after: string): FixedFile {
  return { path, kind: path.endsWith('.h') ? 'header' : 'source', before, after, compiled: after };
}

describe('macros that a fix defines in another way', () => {
  const names = (before: string, after: string) =>
    changedMacros([file('include/linux/x.h', before, after)]).map(({ after: is }) => is.name);

  test('are those with another meaning', () => {
    expect(names('#define A 1\n#define B 2\n', '#define A 1\n#define B 3\n')).toEqual(['B']);
    expect(names('#define A(x) (x)\n', '#define A(y) (y + 1)\n')).toEqual(['A']);
  });

  test('not those with other spaces or comments, that are new, gone, or moved', () => {
    expect(names('#define A  (1 + 2)\n', '/* why */\n#define A (1+2) /* three */\n')).toEqual([]);
    expect(names('#define A 1\n', '#define A 1\n#define B 2\n')).toEqual([]);
    expect(names('#define A 1\n#define B 2\n', '#define B 2\n')).toEqual([]);
    expect(names('#define A 1\n#define B 2\n', '#define B 2\n#define A 1\n')).toEqual([]);
    // What was empty, like the guard of a header, had no value.
    expect(names('#define GUARD_H\n', '#define GUARD_H 1\n')).toEqual([]);
  });
});
