import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareObjects, readObjectModel } from '@klpkit/compare';
import { describe, expect, test } from 'vitest';
import { withLineDirectives } from './lines.ts';

const flags = [
  ...[
    '-std=gnu11',
    '-O2',
    '-w',
    '-ffreestanding',
    '-fno-pie',
    '-mcmodel=kernel',
    '-mno-red-zone',
    '-mno-sse',
  ],
  ...[
    '-fno-strict-aliasing',
    '-fno-stack-protector',
    '-fno-asynchronous-unwind-tables',
    '-fcf-protection=none',
  ],
  ...['-pg', '-mfentry', '-ffunction-sections', '-fdata-sections'],
];

const head = `#include "unit.h"
#define str_(x) #x
#define str(x) str_(x)
#define paste_(a, b) a##b
#define paste(a, b) paste_(a, b)
#define noinline __attribute__((noinline))
extern int printk(const char *, ...), external(int), use(const void *);
extern int edi(int), esi(int, int), edx(int, int, int), ecx(int, int, int, int), r8d(int, int, int, int, int);
extern int r9d(int, int, int, int, int, int), onstack(int, int, int, int, int, int, int, int);
extern void __might_sleep(const char *, int), dev_coredump(void *, const char *, int);
#define might_sleep() __might_sleep(__FILE__, __LINE__)
#define WARN() asm volatile("1: .byte 0x0f, 0x0b\\n.pushsection __bug_table,\\"aw\\"\\n2: .long 1b - .\\n.long %c0 - .\\n.word %c1\\n.word %c2\\n.org 2b + 12\\n.popsection" : : "i" (__FILE__), "i" (__LINE__), "i" (2305))
#define LOGGED(level, text) \\
	do { \\
		printk(level text " at %d", \\
		       __LINE__); \\
	} while (0)
`;
const fixed = `
int fixed(int n)
{
	return external(n);
}
`;

function compile(source: string, header: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-lines-'));
  try {
    writeFileSync(join(folder, 'unit.h'), header);
    writeFileSync(join(folder, 'unit.c'), source);
    execFileSync('gcc-12', [...flags, '-c', '-o', 'unit.o', 'unit.c'], { cwd: folder });
    return readFileSync(join(folder, 'unit.o'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Sides {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Functions and variables that differ, and the ids of findings. */
function differences({ before, after }: Sides): string[] {
  const { functions, data, findings } = compareObjects(readObjectModel(before), readObjectModel(after));
  return [
    ...functions.filter(({ status }) => status !== 'same').map(({ name, status }) => `${name} ${status}`),
    ...data.map(({ name, status }) => `${name} ${status}`),
    ...findings.map(({ id }) => id),
  ].sort();
}

/** A function that uses a line number; `NAME` stands for a name of its own. */
const other = (body: string) => `\nint NAME(int n)\n{\n\t${body}\n\treturn external(n + 1);\n}\n`;
/** Uses of line numbers below the fixed function; those that the comparison itself looks through are marked. */
const kinds: readonly (readonly [name: string, text: string, looksThrough?: true])[] = [
  ['the entry of a warning', other('WARN();'), true],
  ['might_sleep()', other('might_sleep();')],
  ['dev_coredump()', other('dev_coredump(0, __FILE__, __LINE__);')],
  ['an argument in edi', other('edi(__LINE__);')],
  ['an argument in esi', other('esi(n, __LINE__);')],
  ['an argument in edx', other('edx(n, n, __LINE__);')],
  ['an argument in ecx', other('ecx(n, n, n, __LINE__);')],
  ['an argument in r8d', other('r8d(n, n, n, n, __LINE__);')],
  ['an argument in r9d', other('r9d(n, n, n, n, n, __LINE__);')],
  ['an argument on the stack', other('onstack(n, n, n, n, n, n, n, __LINE__);')],
  ['a text', other('printk("unit.c:" str(__LINE__));')],
  [
    'a static variable of a function',
    other('static struct { int line; int more; } _rs = { __LINE__, 5 }; use(&_rs);'),
  ],
  [
    'a table at file scope',
    'struct { const char *file; int line; } NAME[] = {\n\t{ "a", __LINE__ },\n\t{ "b", __LINE__ },\n};\n',
  ],
  ['an operand of inline assembly', other('asm volatile("movl %0, %%eax" : : "i" (__LINE__) : "eax");')],
  ['an enumerator', 'enum { NAME_at = __LINE__ };\nint NAME(int n)\n{\n\treturn external(NAME_at);\n}\n'],
  ['the size of an array', 'char NAME[__LINE__];\n'],
  ['the name of a variable', 'int paste(NAME_, __LINE__) = 3;\n'],
  ['a comparison, folded away', other('if (__LINE__ > 5) edi(__LINE__ * 2);')],
  ['a call of several lines', other('onstack(n,\n\t\t__LINE__, n,\n\t\tn, n, n,\n\t\t__LINE__, n);')],
  ['a macro of several lines', other('LOGGED("<6>",\n\t       "text");')],
  [
    'a macro that is defined below',
    `#define NAME_later(x) \\\n\tedi((x) + \\\n\t    __LINE__)\n${other('NAME_later(n);')}`,
  ],
  ['the built-in of the compiler', other('edi(__builtin_LINE());')],
  ['a conditional part', `#ifdef UNKNOWN\nint NAME;\n#else\n${other('edi(__LINE__);')}#endif\n`],
];

/** Ways in which a fix moves what is below. */
const edits: readonly (readonly [name: string, from: string, to: string])[] = [
  [
    'lines that are added',
    '\treturn external(n);\n',
    '\tif (n > 3)\n\t\treturn 0;\n\n\treturn external(n);\n',
  ],
  [
    'lines that are removed',
    'int fixed(int n)\n{\n\treturn external(n);\n',
    'int fixed(int n)\n{ return external(n + 4);\n',
  ],
  ['a call that becomes longer', '\treturn external(n);\n', '\treturn external(n +\n\t\t\t4 *\n\t\t\tn);\n'],
];

const names = kinds.map((_, index) => `kind${index}`);
const all = kinds.map(([, text], index) => text.replaceAll('NAME', names[index])).join('');

describe('line numbers in code that a fix only moves', () => {
  test.each(edits)('by %s', (_, from, to) => {
    const source = head + fixed + all;
    const moved = source.replace(from, () => to);
    expect(moved).not.toBe(source);
    const before = compile(source, '');
    // The premise: without directives every kind of use shows, but for what the comparison itself looks through.
    const shown = differences({ before, after: compile(moved, '') });
    const isShown = names.map((name) => shown.some((each) => new RegExp(`^${name}\\b|^${name}_`).test(each)));
    expect(kinds.filter((__, index) => !isShown[index]).map(([name]) => name)).toEqual(
      kinds.filter(([, , looksThrough]) => looksThrough).map(([name]) => name),
    );
    const kept = differences({ before, after: compile(withLineDirectives(source, moved), '') });
    expect(kept).toEqual(['fixed changed']);
  });

  test('in a header', () => {
    const header = `extern int edi(int);
extern int external(int);
static inline int first(int n)
{
	return external(n);
}

#define HEADER_LINE() edi(__LINE__)
static inline int second(int n)
{
	return edi(__LINE__) + n;
}
`;
    const moved = header.replace(
      '\treturn external(n);\n',
      '\tif (n)\n\t\treturn 1;\n\treturn external(n);\n',
    );
    const source = `${head}${fixed.replace('external(n)', 'first(n)')}${other('second(n); HEADER_LINE(); edi(__LINE__);').replace('NAME', 'other')}`;
    const before = compile(source, header);
    expect(differences({ before, after: compile(source, moved) })).toEqual([
      'fixed changed',
      'other changed',
    ]);
    const kept = compile(source, withLineDirectives(header, moved));
    expect(differences({ before, after: kept })).toEqual(['fixed changed']);
  });
});
