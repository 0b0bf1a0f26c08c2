import { describe, expect, it } from 'vitest';
import { introducedBy, neededHeaders } from './headers.ts';
import { itemsOf } from './items.ts';
import { headOf } from './plan.ts';
import { tokensOf } from './tokens.ts';

const words = (text: string) => tokensOf(text).map((token) => token.text);
/** Each item as `first line-last line first words`, with `{` where it is a function. */
const cut = (text: string) =>
  itemsOf('unit.c', text).map(
    ({ line, lastLine, tokens, body, kind, word }) =>
      `${line}-${lastLine} ${
        kind === 'directive'
          ? `#${word}`
          : tokens
              .slice(0, 3)
              .map((token) => token.text)
              .join(' ')
      }${body >= 0 ? ' {' : ''}`,
  );

describe('tokensOf', () => {
  it('leaves comments out and keeps strings whole', () => {
    expect(words('a /* b; */ = "c // \\" d"; // e\n\'\\\'\'')).toEqual([
      'a',
      '=',
      '"c // \\" d"',
      ';',
      "'\\''",
    ]);
  });

  it('takes a directive with the lines that are joined to it, and a comment that goes on', () => {
    expect(words('#define A(x) \\\n  (x)\nb')).toEqual(['#define A(x) \\\n  (x)', 'b']);
    expect(words('#define A 1 /* more\n of it */\nb')).toEqual(['#define A 1 /* more\n of it */', 'b']);
    expect(words('a # b')).toEqual(['a', '#', 'b']);
  });

  it('counts lines', () => {
    const tokens = tokensOf('a /*\n\n*/ b\n"c\\\nd" e\n#if 1 \\\n\nf');
    expect(tokens.map(({ text, line }) => [text.slice(0, 3), line])).toEqual([
      ['a', 1],
      ['b', 3],
      ['"c\\', 4],
      ['e', 5],
      ['#if', 6],
      ['f', 8],
    ]);
  });
});

describe('itemsOf', () => {
  it('keeps a function whole that has several heads, one for each branch of a conditional', () => {
    expect(
      cut(`#ifdef OUTER
/* Either. */
#ifdef A
SYSCALL_DEFINE2(clone, int, a, int, b)
#elif defined(B)
SYSCALL_DEFINE2(clone, int, b, int, a)
#else
SYSCALL_DEFINE1(clone, int, a)
#endif
{
	return a;
}
#endif
#ifdef C
static int one(int a)
#else
static int one(void)
#endif
{
	return 1;
}
#ifdef D
int count;
#endif
struct s { int a; };`),
    ).toEqual([
      '1-1 #ifdef',
      '3-12 #ifdef A SYSCALL_DEFINE2 ( {',
      '13-13 #endif',
      '14-21 #ifdef C static int {',
      '22-22 #ifdef',
      '23-23 int count ;',
      '24-24 #endif',
      '25-25 struct s {',
    ]);
  });

  it('tells functions, declarations and directives apart', () => {
    expect(
      cut(`#include <a.h>
static int a = 1, b;
struct s { int x; } __packed;
static struct s *make(int i)
	__must_hold(lock)
{
	return i ? (struct s *)0 : 0;
}
static const struct ops ops = {
	.make = make,
};
`),
    ).toEqual([
      '1-1 #include',
      '2-2 static int a',
      '3-3 struct s {',
      '4-8 static struct s {',
      '9-11 static const struct',
    ]);
  });

  it('knows a macro on lines of its own from one that a body follows', () => {
    expect(
      cut(
        'DEFINE_SHOW(a)\n\nstatic int b(void)\n{\n}\nSYSCALL_DEFINE1(c, int, d)\n{\n}\nMODULE_LICENSE("GPL");\n',
      ),
    ).toEqual([
      '1-1 DEFINE_SHOW ( a',
      '3-5 static int b {',
      '6-8 SYSCALL_DEFINE1 ( c {',
      '9-9 MODULE_LICENSE ( "GPL"',
    ]);
  });

  it('follows brackets through the branches of a condition', () => {
    expect(cut('int a(void)\n{\n#ifdef X\n\tif (x) {\n#else\n\tif (y) {\n#endif\n\t}\n}\nint b;\n')).toEqual([
      '1-9 int a ( {',
      '10-10 int b ;',
    ]);
  });

  it('gives an item the comment that stands directly before it', () => {
    const text = '/* far */\n\n/* near\n */\nint a;\n// line\nint b; /* behind */\nint c;\n';
    expect(itemsOf('unit.c', text).map(({ commentStart, start }) => text.slice(commentStart, start))).toEqual(
      ['/* near\n */\n', '// line\n', ''],
    );
  });
});

describe('headOf', () => {
  it('is what a declaration needs', () => {
    expect(headOf('static int f(struct s *a) { return a->b; }')).toBe('static int f(struct s *a) ');
    expect(headOf('static int a = sizeof(struct t), b;')).toBe('static int a , b;');
    expect(headOf('static struct { int x; } v = { 1 };')).toBe('static struct { int x; } v ;');
  });
});

describe('neededHeaders', () => {
  const brought = new Map([
    [
      '1',
      introducedBy('typedef int word_t; struct list { int first; }; enum kind { RED, BLUE };', [
        '#define LOOP(x) each(x)',
      ]),
    ],
    [
      '2',
      introducedBy(
        'static inline void each(int local) { int inner = 0; } extern int counter; int (*hook)(void);',
        [],
      ),
    ],
    ['3', introducedBy('struct list; int other(struct list *list);', [])],
  ]);

  it('reads what a header introduces, and not what is inside', () => {
    expect([...(brought.get('1')?.names ?? [])].sort()).toEqual([
      'BLUE',
      'RED',
      'tag kind',
      'tag list',
      'word_t',
    ]);
    expect([...(brought.get('2')?.names ?? [])].sort()).toEqual(['counter', 'each', 'hook']);
  });

  it('follows macros into other headers', () => {
    expect([...neededHeaders(brought, ['LOOP'])].sort()).toEqual(['1', '2']);
    expect([...neededHeaders(brought, ['tag list'])]).toEqual(['1']);
    expect([...neededHeaders(brought, ['local', 'inner', 'first'])]).toEqual([]);
  });
});
