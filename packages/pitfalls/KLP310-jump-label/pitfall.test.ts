import { describe, expect, test } from 'vitest';
import { said } from '../testing/case.ts';
import { assessExtraction } from '../testing/extraction.ts';
import { checkKlpCase } from '../testing/klp.ts';

const folder = import.meta.dirname;
const inModule = {
  object: 'net_mod',
  module: ['mod_key'],
  exports: { static_key_enabled: { owner: 'vmlinux' } },
};

describe.each(['gcc-12', 'gcc-11', 'clang-14', 'clang-19'])('KLP310 with %s', (compiler) => {
  test('a branch on a key of the module is refused', async () => {
    const [finding, ...more] = said(await assessExtraction(folder, inModule, { compiler }), 'KLP310');
    expect(finding).toContain('rx tests the static key mod_key of the module net_mod');
    expect(more).toEqual([]);
  });

  test('one on a key of vmlinux is fine, and so is asking at run time', async () => {
    const inImage = { object: 'net_mod', image: ['mod_key'] };
    expect(said(await assessExtraction(folder, inImage, { compiler }), 'KLP310')).toEqual([]);
    const twin = await assessExtraction(folder, inModule, { compiler, after: 'twin-after.c' });
    expect(said(twin, 'KLP310')).toEqual([]);
  });
});

test('KLP310 of a finished module', async () => {
  const references = [{ object: 'net_mod', name: 'mod_key' }];
  const [finding, ...more] = said(await checkKlpCase(folder, 'faulty.c', references), 'KLP310');
  expect(finding).toContain('error KLP310: .klp.sym.net_mod.mod_key,0:__jump_table');
  expect(finding).toContain('a static key or tracepoint for net_mod needs mod_key');
  expect(more).toEqual([]);
  expect(said(await checkKlpCase(folder, 'innocent.c', references), 'KLP310')).toEqual([]);
  const ofVmlinux = [{ object: 'vmlinux', name: 'mod_key' }];
  expect(said(await checkKlpCase(folder, 'faulty.c', ofVmlinux), 'KLP310')).toEqual([]);
});
