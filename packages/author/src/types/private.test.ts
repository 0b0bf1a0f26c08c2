import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareTypes } from '@klpkit/compare';
import { findSection, readBtf, readElf, sectionBytes } from '@klpkit/formats';
import { describe, expect, test } from 'vitest';
import { livesOnStackOnly } from './private.ts';

function typesOf(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-private-'));
  try {
    writeFileSync(join(folder, 'a.c'), source);
    execFileSync('gcc-12', ['-gbtf', '-w', '-O1', '-c', '-o', join(folder, 'a.o'), join(folder, 'a.c')]);
    const elf = readElf(readFileSync(join(folder, 'a.o')));
    const section = findSection(elf, '.BTF');
    if (!section) throw new Error('no types');
    return sectionBytes(elf, section);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is assumed when a member is added to `struct it`. */
function assumed(rest: string): string | undefined {
  const source = `struct it { int a; /* here */ };\nint other(void *);\n${rest}`;
  const before = typesOf(source);
  const [change] = compareTypes(before, typesOf(source.replace('/* here */', 'int b;'))).layouts;
  if (!change) throw new Error('no change');
  return livesOnStackOnly(change, readBtf(before), source);
}

const local = `
static int take(int n, struct it *p)
{
	return p->a + n;
}

int run(int n)
{
	struct it one = { n };
	const struct it *same = &one;
	return take(n, &one) + same->a;
}
`;

describe('objects of a type of one unit', () => {
  test('that are local variables of functions live no longer than these', () => {
    expect(assumed(local)).toMatch(/struct it for local variables of functions alone/);
  });

  test.each([
    ['static', 'int get(void)\n{\n\tstatic struct it kept;\n\treturn other(&kept);\n}\n'],
    ['at file scope', 'struct it kept;\n'],
    [
      'in another type',
      'struct holder { struct it in; };\nint h(struct holder *h)\n{\n\treturn other(h);\n}\n',
    ],
    [
      'in another type, on a line like that of a local variable',
      'struct holder {\n\tstruct it in;\n};\nint h(struct holder *h)\n{\n\treturn other(h);\n}\n',
    ],
    [
      'at file scope, on a line like that of a local variable',
      'static\n\tstruct it kept;\nint k(void)\n{\n\treturn other(&kept);\n}\n',
    ],
    ['pointed to by another type', 'struct holder { struct it *in; } kept;\n'],
    ['allocated', 'int *make(void)\n{\n\tstruct it *p = (void *)0;\n\treturn other(p);\n}\n'],
    ['measured', 'int size(void)\n{\n\treturn other((void *)sizeof(struct it));\n}\n'],
    ['cast to', 'int of(void *v)\n{\n\treturn ((struct it *)v)->a;\n}\n'],
    ['handed to whoever calls', 'int global(struct it *p)\n{\n\treturn p->a;\n}\n'],
  ])('that are %s may outlive a call', (_, more) => {
    expect(assumed(local + more)).toBeUndefined();
  });

  test('a type that has no object there is not known to end', () => {
    expect(
      assumed('static int take(struct it *p)\n{\n\treturn p->a;\n}\nint (*keep)(struct it *) = take;\n'),
    ).toBeUndefined();
  });
});
