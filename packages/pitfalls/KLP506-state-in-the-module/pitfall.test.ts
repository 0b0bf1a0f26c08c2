import { expect, test } from 'vitest';
import { extractPair } from '../../author/src/extract/testing/pair.ts';
import { said } from '../testing/case.ts';
import { checkCase } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

test('KLP506: a variable that the livepatch keeps is told, a shadow variable is not', async () => {
  expect(said(await checkCase(folder, 'faulty.c'), 'KLP506').join()).toContain(
    'warning KLP506: seen: the livepatch keeps state in seen',
  );
  expect(said(await checkCase(folder, 'innocent.c'), 'KLP506')).toEqual([]);
});

test('KLP506: a variable that a fix adds is a note of the extraction', async () => {
  const source = (variable: string) => `
    #ifdef FIX
    ${variable}
    #endif
    int f(int n) {
    #ifdef FIX
      n += seen++;
    #endif
      return external(n); }
    int seen_by_all;`;
  const ids = async (variable: string) =>
    (await extractPair(source(variable))).extraction.findings.map(({ id, at }) => `${id} ${at?.symbol}`);
  expect(await ids('static int seen;')).toContain('KLP506 seen');
  expect(await ids('extern int seen_by_all;\n#define seen seen_by_all')).not.toContain('KLP506 seen');
});
