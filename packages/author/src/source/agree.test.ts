import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertKlp, type Placeholder, usualLayout } from '@klpkit/livepatch';
import { describe, expect, it } from 'vitest';
import { agreement } from './agree.ts';

const tables = `
struct func { const char *old; void *new; unsigned long pos; char rest[128]; };
struct object { const char *name; struct func *funcs; char rest[152]; };
struct patch { void *mod; struct object *objs; void *states; unsigned char replace; char rest[175]; };
`;

/** A livepatch module for vmlinux that replaces functions by those of a text. */
function livepatch(
  code: string,
  functions: readonly (readonly [old: string, own: string])[],
  symbols: readonly string[],
) {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-agree-'));
  try {
    const list = functions.map(([old, own]) => `{ "${old}", (void *)${own}, 0 }`).join(', ');
    const text = `${tables}
${code}
extern struct { int x; } __this_module;
extern int klp_enable_patch(void *);
static struct func funcs[] = { ${list}, { 0 } };
static struct object objs[] = { { 0, funcs }, { 0 } };
static struct patch patch = { &__this_module, objs };
int init_module(void) { return klp_enable_patch(&patch); }
`;
    writeFileSync(join(folder, 'l.c'), text);
    const flags = [
      '-O2',
      '-w',
      '-fno-pie',
      '-mcmodel=kernel',
      '-ffunction-sections',
      '-fdata-sections',
      '-fno-asynchronous-unwind-tables',
    ];
    execFileSync('gcc-12', [...flags, '-c', 'l.c', '-o', 'l.o'], { cwd: folder });
    const placeholders: Placeholder[] = symbols.map((name) => ({
      symbol: name,
      object: 'vmlinux',
      name,
      sympos: 0,
      patched: 'vmlinux',
    }));
    return convertKlp(new Uint8Array(readFileSync(join(folder, 'l.o'))), placeholders, {
      isExport: () => true,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const none = { copied: [], fromHeaders: [], referred: [], reached: [], usedByCopies: [] };
const patched = (helper: string) =>
  `extern int ${helper}(int); int new_patched(int a) { return ${helper}(a) + 3; }`;

describe('agreement', () => {
  const binary = livepatch(patched('helper'), [['patched', 'new_patched']], ['helper']);

  it('finds the same code, functions and symbols', () => {
    const same = agreement(
      binary,
      livepatch(patched('helper'), [['patched', 'new_patched']], ['helper']),
      none,
      usualLayout,
    );
    expect(same).toEqual({
      agrees: true,
      functions: ['vmlinux:patched,0'],
      symbols: ['vmlinux:helper,0'],
      code: [
        {
          function: 'vmlinux:patched,0',
          verdict: 'same',
          binary: expect.any(Number),
          source: expect.any(Number),
        },
      ],
      differences: [],
    });
  });

  it('explains a copy', () => {
    const code = `static int klpp_helper(int a) { return a * 9; } int new_patched(int a) { return klpp_helper(a) + 3; }`;
    const source = livepatch(code, [['patched', 'new_patched']], []);
    const {
      agrees,
      differences,
      code: verdicts,
    } = agreement(binary, source, { ...none, copied: ['helper'] }, usualLayout);
    expect(agrees).toBe(true);
    expect(differences).toEqual([
      {
        what: 'only the binary route refers to vmlinux:helper,0',
        why: 'the source route has a copy of helper',
      },
    ]);
    expect(verdicts[0]?.verdict).toBe('other');
  });

  it('explains what the kernel has inside of a function that is called there, and what a copy needs', () => {
    const outlined = `extern int part(int); int new_patched(int a) { return part(a) + 3; }`;
    const source = livepatch(outlined, [['patched', 'new_patched']], ['part']);
    const known = { ...none, referred: ['part'], reached: ['helper'] };
    expect(agreement(binary, source, known, usualLayout)).toMatchObject({
      agrees: true,
      differences: [
        { why: expect.stringContaining('in the kernel') },
        { why: expect.stringContaining('inlined') },
      ],
    });
    // The other way round: the copy is what needs it.
    expect(agreement(source, binary, { ...none, copied: ['part'] }, usualLayout).agrees).toBe(false);
    expect(
      agreement(source, binary, { ...none, copied: ['part'], usedByCopies: ['helper'] }, usualLayout).agrees,
    ).toBe(true);
    expect(agreement(binary, source, { ...known, reached: [] }, usualLayout).agrees).toBe(false);
  });

  it('knows what is only in a function that the source route has compiled itself', () => {
    const code = `extern int deep(int); static __attribute__((noinline)) int klpp_helper(int a) { return deep(a) * 9; } int new_patched(int a) { return klpp_helper(a) + 3; }`;
    const source = livepatch(code, [['patched', 'new_patched']], ['deep']);
    const copied = agreement(binary, source, { ...none, copied: ['helper'] }, usualLayout);
    expect(copied.differences).toContainEqual({
      what: 'only the source route refers to vmlinux:deep,0',
      why: expect.stringContaining('compiled itself'),
    });
    expect(copied.agrees).toBe(true);
    expect(agreement(binary, source, none, usualLayout).agrees).toBe(false);
  });

  it('does not explain away what it does not know', () => {
    const more = `${patched('helper')} extern int strange(int); int new_more(int a) { return strange(a); }`;
    const source = livepatch(
      more,
      [
        ['patched', 'new_patched'],
        ['more', 'new_more'],
      ],
      ['helper', 'strange'],
    );
    const { agrees, differences } = agreement(binary, source, none, usualLayout);
    expect(agrees).toBe(false);
    expect(differences).toEqual([
      { what: 'only the source route replaces vmlinux:more,0' },
      {
        what: 'only the source route refers to vmlinux:strange,0',
        why: 'a function that only the source route replaces, or has compiled itself, refers to it',
      },
    ]);
  });
});
