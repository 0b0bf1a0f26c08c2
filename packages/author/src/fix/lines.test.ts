import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withLineDirectives } from './lines.ts';

/** What the preprocessor makes of `MARK`, in order: the number of the line that it is in. */
function marks(source: string): number[] {
  const text = execFileSync('gcc-12', ['-E', '-P', '-DMARK=<<<__LINE__>>>', '-x', 'c', '-'], {
    input: source,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return [...text.matchAll(/<<<\s*(\d+)\s*>>>/g)].map((match) => Number(match[1]));
}

/** Checks that the edit moves numbers, and that the directives move them back. */
function expectKept(before: string, after: string): string {
  const result = withLineDirectives(before, after);
  const expected = marks(before);
  expect(expected.length).toBeGreaterThan(0);
  expect(marks(after)).not.toEqual(expected);
  expect(marks(result)).toEqual(expected);
  return result;
}

describe('withLineDirectives', () => {
  test('keeps the numbers below a line that is added, removed or both', () => {
    const before = 'int a;\nint b;\nMARK\nint c;\nint d;\nMARK\n';
    const more = expectKept(before, before.replace('int a;\n', 'int a;\nint x;\n'));
    expect(more).toBe('int a;\nint x;\n#line 2\nint b;\nMARK\nint c;\nint d;\nMARK\n');
    expectKept(before, before.replace('int a;\n', ''));
    expectKept(before, before.replace('int a;\n', '').replace('int c;\n', 'int x;\nint y;\nint z;\n'));
  });

  test('needs no directive where the count of lines stays', () => {
    const before = 'int a;\nint b;\nMARK\n';
    const after = before.replace('int a;', 'int x;');
    expect(marks(after)).toEqual(marks(before));
    expect(withLineDirectives(before, after)).toBe(after);
  });

  test('the file keeps its name', () => {
    const after = withLineDirectives('int a;\nF\n', 'int a;\nint x;\nF\n');
    const text = execFileSync('gcc-12', ['-E', '-P', '-DF=__FILE__', '-x', 'c', '-'], {
      input: after,
      encoding: 'utf8',
    });
    expect(text).toContain('"<stdin>"');
  });

  test.each([
    [
      'a comment',
      'int a;\n/* one\n * two\n * three */\nint b;\nMARK\n',
      ' * two\n',
      ' * two\n * and a half\n',
    ],
    [
      'a macro of several lines',
      'int a;\n#define M(x) \\\n\tf(x); \\\n\tg(x)\nint b;\nMARK\n',
      '\tf(x); \\\n',
      '\tf(x); \\\n\th(x); \\\n',
    ],
    ['arguments', 'f(1,\n  2,\n  g(3,\n    4),\n  5);\nint b;\nMARK\n', '  2,\n', '  2,\n  2.5,\n'],
    ['a string that looks like a comment', 'char *s = "/*";\nint b;\nMARK\n', 'int b;\n', 'int b;\nint x;\n'],
    ['a character that looks like a quote', "char c = '\"';\nint b;\nMARK\n", 'int b;\n', 'int b;\nint x;\n'],
    ['a string with a quote inside', 'char *s = "\\"/*";\nint b;\nMARK\n', 'int b;\n', 'int b;\nint x;\n'],
    [
      'a string with a comment inside its line',
      'f("(", /* ( */ 1); // (\nint b;\nMARK\n',
      'int b;\n',
      'int b;\nint x;\n',
    ],
    ['a continued string', 'char *s = "one\\\ntwo";\nint b;\nMARK\n', 'two";\n', 'two\\\nthree";\n'],
    [
      'a comment behind a directive',
      '#define A 1 /* one\n two */\nint b;\nMARK\n',
      ' two */\n',
      ' two\n three */\n',
    ],
    ['a name with its arguments below', 'int a;\nf\n(1);\nint b;\nMARK\n', 'f\n', 'f /* x */ /* y\n*/\n'],
    ['parentheses of a macro definition', '#define OPEN (\nint b;\nMARK\n', 'int b;\n', 'int b;\nint x;\n'],
  ])('not inside %s', (_, before, from, to) => {
    expectKept(
      before,
      before.replace(from, () => to),
    );
  });

  test('after a group that the preprocessor skips, and after one that it takes', () => {
    const before = 'int a;\n#ifdef ON\nint b;\nint c;\n#else\nint d;\nint e;\n#endif\nint f;\nMARK\n';
    for (const head of ['', '#define ON\n']) {
      for (const [from, to] of [
        ['int b;\n', 'int b;\nint x;\n'],
        ['int d;\n', 'int d;\nint x;\n'],
        ['int b;\nint c;\n', 'int c;\n'],
        ['#ifdef ON\n', '#ifdef ON\n#if 0\nint y;\n#endif\n'],
      ] as const)
        expectKept(head + before, head + before.replace(from, to));
    }
  });

  test('where branches of a condition open a parenthesis each', () => {
    const before = 'int a;\n#ifdef ON\nif (a &&\n#else\nif (\n#endif\n    b)\n\tc;\nint d;\nMARK\n';
    expectKept(before, before.replace('int a;\n', 'int a;\nint x;\n'));
    expectKept(before, before.replace('\tc;\n', '\tc;\n\te;\n'));
  });

  test('a parenthesis that is never closed ends with the function', () => {
    const before = 'void f(void)\n{\n#if 0\n:( not C\n#endif\n}\nint d;\nMARK\n';
    expectKept(before, before.replace('int d;\n', 'int d;\nint x;\n'));
  });

  test('a text without a newline at its end stays without', () => {
    expect(withLineDirectives('int a;\nMARK', 'int x;\nint a;\nMARK')).toBe('int x;\n#line 1\nint a;\nMARK');
  });

  test('any pieces, any line put in: everything else keeps its number', () => {
    const pieces = [
      'int a;',
      'MARK',
      'f(1,\n2);',
      '/* c\nd */',
      '#if 0\nMARK\n#else\nMARK\n#endif',
      '#define M \\\n\tx',
      'g\n(3)',
      '',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { minLength: 3, maxLength: 12 }),
        fc.nat(),
        (list, at) => {
          const lines = [...list.join('\n').split('\n'), 'int z;', 'MARK'];
          const after = lines.toSpliced(at % (lines.length - 2), 0, 'int new;', 'int new;');
          const before = `${lines.join('\n')}\n`;
          expectKept(before, `${after.join('\n')}\n`);
        },
      ),
      { numRuns: 5 },
    );
  });
});
