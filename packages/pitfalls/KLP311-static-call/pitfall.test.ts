import { describe, expect, test } from 'vitest';
import { said } from '../testing/case.ts';
import { assessExtraction } from '../testing/extraction.ts';
import { checkKlpCase } from '../testing/klp.ts';

const folder = import.meta.dirname;
const symbols = ['__SCT__mod_hook', '__SCK__mod_hook'];

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP311 with %s', (compiler) => {
  test('a static call of the module goes through its trampoline, which is said', async () => {
    const kernel = { object: 'net_mod', module: symbols };
    const [finding, ...more] = said(await assessExtraction(folder, kernel, { compiler }), 'KLP311');
    expect(finding).toContain('note KLP311: unit.c:__SCT__mod_hook');
    expect(more).toEqual([]);
  });

  test('one of vmlinux is an ordinary one, and an ordinary call is none', async () => {
    const ofVmlinux = { object: 'net_mod', image: symbols };
    expect(said(await assessExtraction(folder, ofVmlinux, { compiler }), 'KLP311')).toEqual([]);
    const kernel = { object: 'net_mod', module: symbols };
    const twin = await assessExtraction(folder, kernel, { compiler, after: 'twin-after.c' });
    expect(said(twin, 'KLP311')).toEqual([]);
  });
});

test('KLP311 of a finished module', async () => {
  const references = symbols.map((name) => ({ object: 'net_mod', name }));
  const [finding, ...more] = said(await checkKlpCase(folder, 'faulty.c', references), 'KLP311');
  expect(finding).toContain('a static call for net_mod needs __SCK__mod_hook');
  expect(more).toEqual([]);
  expect(said(await checkKlpCase(folder, 'innocent.c', references), 'KLP311')).toEqual([]);
});
