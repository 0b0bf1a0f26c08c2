import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDwarf, readElf } from '@klpkit/formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withLineDirectives } from './lines.ts';
import { placeFlags, shownPlace, withoutDirectives, withPlaces } from './places.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-places-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const before =
  'int a(int x)\n{\n\treturn x * 3;\n}\nint b(int x)\n{\n\treturn x * 5;\n}\nchar *where = __FILE__;\n';
/** A line more in front of both functions, one less between them. */
const after = `int more;\n${before.replace('{\n\treturn x * 5;\n}\n', '{ return x * 5; }\n')}`;

/** Compiles a text as `x.c`: the lines of each function as debug information has them, and the text of `where`. */
function compile(text: string, flags: readonly string[] = placeFlags(text)) {
  const path = join(folder, 'x.c');
  const object = join(folder, 'x.o');
  writeFileSync(path, text);
  const always = ['-O2', '-g', '-ffunction-sections', `-fmacro-prefix-map=${folder}/=`];
  execFileSync('gcc-12', [...always, ...flags, `-fdebug-prefix-map=${folder}/=`, '-c', '-o', object, path]);
  const bytes = new Uint8Array(readFileSync(object));
  const elf = readElf(bytes);
  const dwarf = readDwarf(elf);
  const linesOf = (name: string) => {
    const section = elf.sections.find((each) => each.name === `.text.${name}`);
    const rows = dwarf.lines(section?.index ?? 0).filter(({ end }) => !end);
    return [...new Set(rows.map((row) => shownPlace(row).line))].sort();
  };
  const files = dwarf.functions.map(({ declared }) => declared && shownPlace(declared).file);
  return { a: linesOf('a'), b: linesOf('b'), files, bytes: Buffer.from(bytes) };
}

describe('a text that is numbered as before', () => {
  const numbered = withLineDirectives(before, after);

  test('gives the lines of the fixed text by the names of its directives', () => {
    const plain = compile(after);
    expect([plain.a, plain.b]).toEqual([[3, 4, 5], [7]]);
    // Without the names the lines are others, so the names are what tells.
    expect(compile(numbered).a).not.toEqual(plain.a);
    const named = compile(withPlaces(numbered, after, 'x.c'));
    expect([named.a, named.b]).toEqual([plain.a, plain.b]);
    expect(named.files).toEqual(['x.c', 'x.c']);
  });

  test('keeps __FILE__, and would not without the flags', () => {
    const named = withPlaces(numbered, after, 'dir/x.c');
    const own = '/klpkit-line/-1/dir/x.c';
    expect(named).toContain(own);
    const has = (text: string, flags?: readonly string[]) =>
      compile(named, [...(flags ?? placeFlags(named)), '-g0']).bytes.includes(text);
    expect([has('dir/x.c'), has(own)]).toEqual([true, false]);
    expect(has(own, [])).toBe(true);
  });

  test('gives back the text itself', () => {
    expect(withoutDirectives(withPlaces(numbered, after, 'x.c'))).toBe(after);
    expect(withoutDirectives(numbered)).toBe(after);
    const theirs = '#line 3 "other.c"\nint x;\n';
    expect(withoutDirectives(theirs)).toBe(theirs);
  });

  test('is left as it is where nothing moves, or a name needs escapes', () => {
    expect(withPlaces(after, after, 'x.c')).toBe(after);
    expect(withPlaces(numbered, after, 'a"b.c')).toBe(numbered);
    expect(placeFlags(numbered)).toEqual([]);
  });
});

test('only names of directives are changed', () => {
  expect(shownPlace({ file: '/klpkit-line/-2/fs/x.c', line: 9 })).toEqual({ file: 'fs/x.c', line: 7 });
  for (const file of ['fs/x.c', '/klpkit-line/fs/x.c', '/a/klpkit-line/+1/x.c'])
    expect(shownPlace({ file, line: 9 })).toEqual({ file, line: 9 });
});
