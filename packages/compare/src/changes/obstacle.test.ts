import { describe, expect, test } from 'vitest';
import { compareObjects, obstacles, readObjectModel } from '../index.ts';
import { comparePair, compile } from '../testing/compile.ts';

const body = '(int n) {\n#ifdef FIX\n n += 3;\n#endif\n return external(n); }\n';
const told = async (source: string) =>
  obstacles(await comparePair(source)).map(({ id, at }) => [id, at?.symbol].filter(Boolean).join(' '));

describe('what keeps a changed function from being replaced', () => {
  test('nothing, for an ordinary one', async () => {
    expect(await told(`int f${body} int other(int n) { return n; }`)).toEqual([]);
  });

  test('init code, a section of others, no ftrace entry', async () => {
    const traced = 'int traced(int n) { return n; }\n';
    expect(await told(`section(".init.text") int f${body} ${traced}`)).toEqual(['KLP407 f']);
    expect(await told(`section(".sched.text") int f${body} ${traced}`)).toEqual(['KLP408 f']);
    expect(await told(`__attribute__((no_instrument_function)) int f${body} ${traced}`)).toEqual([
      'KLP130 f',
    ]);
  });

  test('not the padding before it, where objtool or kCFI gave it a symbol', async () => {
    const prefix = (name: string) =>
      `asm(".pushsection .text.f,\\"ax\\"\\n.type ${name},@function\\n.set ${name},f-16\\n.size ${name},16\\n.popsection");`;
    for (const name of ['__pfx_f', '__cfi_f'])
      expect(await told(`int f${body} int other(int n) { return n; } ${prefix(name)}`)).toEqual([]);
    expect(await told(`int f${body} int other(int n) { return n; } ${prefix('neighbour')}`)).toEqual([
      'KLP408 f',
    ]);
  });

  test('not asked of functions that did not change', async () => {
    const still = 'section(".init.text") int start(int n) { return n; }\n';
    expect(await told(`int f${body} ${still}`)).toEqual([]);
  });

  test('unknown, in objects without function sections or without tracing', async () => {
    const source = `int f${body} int g(int n) { return n; }`;
    const pair = async (flags: readonly string[]) => {
      const [before, after] = await Promise.all([
        compile(source, flags),
        compile(source, [...flags, '-DFIX']),
      ]);
      return obstacles(compareObjects(readObjectModel(before), readObjectModel(after))).map(({ id }) => id);
    };
    expect(await pair(['-fno-function-sections'])).toEqual(['no-function-sections']);
    expect(await pair(['-mno-record-mcount', '-mno-fentry', '-fno-profile'])).toEqual([
      'not-traceable-object',
    ]);
    expect(await pair([])).toEqual([]);
  });
});
