import { describe, expect, test } from 'vitest';
import { declarationTokens, macrosOf, mayDeclareOtherwise, withoutComments } from './text.ts';

const source = `#include <linux/fs.h>
/* a { comment */
struct it { int a; };	// another {
static const char text[] = "not // a comment, no /* either";
static int f(struct it *p)
{
	if (p->a) { return '"'; }
	return 1;
}
EXPORT_SYMBOL(f);
struct packed { int b; } __attribute__((packed));
typedef struct __attribute__((packed)) { int early; } early_t;
`;

describe('what a source declares', () => {
  test('comments go, places and strings stay', () => {
    const bare = withoutComments(source);
    expect(bare).toHaveLength(source.length);
    expect(bare).not.toContain('another');
    expect(bare).toContain('"not // a comment, no /* either"');
    expect(bare.split('\n')).toHaveLength(source.split('\n').length);
  });

  test('bodies of functions are no part of it', () => {
    const tokens = declarationTokens(source)?.join(' ');
    expect(tokens).toContain('f ( struct it * p ) {} EXPORT_SYMBOL ( f ) ;');
    expect(tokens).toContain('struct it { int a ; } ;');
    expect(tokens).toContain('struct packed { int b ; }');
    expect(tokens).not.toContain('return');
  });

  test('a change within a body, a comment, or a space declares nothing', () => {
    expect(mayDeclareOtherwise(source, source.replace('return 1', 'return 2; { int z; }'))).toBe(false);
    expect(mayDeclareOtherwise(source, source.replace('a { comment', 'no comment'))).toBe(false);
    expect(mayDeclareOtherwise(source, source.replace('int a; }', 'int   a;\n}'))).toBe(false);
  });

  test.each([
    ['a member', 'int a;', 'int a, c;'],
    ['a parameter', 'struct it *p)', 'struct it *p, int n)'],
    ['an include', '#include <linux/fs.h>', '#include <linux/fs.h>\n#include <linux/mm.h>'],
    ['a packed member', 'int b;', 'long b;'],
    ['a member behind an attribute', 'int early;', 'long early;'],
    ['an export', 'EXPORT_SYMBOL(f);', ''],
    ['braces that do not balance', 'return 1;', '#ifdef X\n{\n#endif return 1;'],
  ])('%s does', (_, was, is) => {
    expect(source).toContain(was);
    expect(mayDeclareOtherwise(source, source.replace(was, is))).toBe(true);
  });

  test('a file that is new or gone does', () => {
    expect(mayDeclareOtherwise(undefined, source)).toBe(true);
    expect(mayDeclareOtherwise(source, undefined)).toBe(true);
  });
});

describe('macros', () => {
  test('are read with their continuation lines and without comments', () => {
    const macros = macrosOf(
      '#define A 1 /* one */\n# define F(x, y) \\\n\t((x) + \\\n\t (y))\n#define EMPTY\n',
    );
    expect(macros.get('A')).toEqual({ name: 'A', isFunction: false, body: '1' });
    expect(macros.get('F')).toEqual({ name: 'F', isFunction: true, body: '( x , y ) ( ( x ) + ( y ) )' });
    expect(macros.get('EMPTY')?.body).toBe('');
  });

  test('that a text defines twice are all of it', () => {
    expect(macrosOf('#ifdef X\n#define A 1\n#else\n#define A 2\n#endif\n').get('A')?.body).toBe('1 | 2');
  });
});
