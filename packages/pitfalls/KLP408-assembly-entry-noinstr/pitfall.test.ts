import { expect, test } from 'vitest';
import { extractPair, told } from '../../author/src/extract/testing/pair.ts';
import { said } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

// Addresses grow by the place in the list.
const kernel = smallKernel({
  objects: {
    vmlinux: [
      'T __entry_text_start',
      'T __entry_text_end',
      'T __noinstr_text_start',
      'T exc_general_protection',
      'T __noinstr_text_end',
      'T fixup_exception',
    ],
  },
});

test('KLP408: a module that replaces noinstr code', async () => {
  expect(said(await checkCase(folder, 'faulty.c', { kernel }), 'KLP408').join()).toContain(
    'error KLP408: exc_general_protection: exc_general_protection is noinstr code',
  );
  expect(said(await checkCase(folder, 'innocent.c', { kernel }), 'KLP408')).toEqual([]);
});

test('KLP408: code that the source puts together with others is an error of the extraction', async () => {
  const body = '(int n) {\n#ifdef FIX\n n++;\n#endif\n return external(n); }';
  const both = (section: string) =>
    `section("${section}") int f${body} section("${section}") int g(int n) { return n; }`;
  expect(told(await extractPair(both('.noinstr.text')))).toContain('KLP408 error f');
  expect(told(await extractPair(`int f${body} int g(int n) { return n; }`))).toEqual([]);
});
