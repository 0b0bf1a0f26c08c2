import { Refusal } from '@klpkit/findings';
import { describe, expect, it } from 'vitest';
import { readManifest } from './manifest.ts';

const good = {
  $schema: 'manifest.schema.json',
  format: 1,
  name: 'livepatch_x',
  replace: true,
  kernel: { release: '6.12.117+deb12-amd64' },
  sources: [{ file: 'x.c', object: 'vmlinux' }],
  objects: [{ name: 'vmlinux', functions: [{ old: 'a', new: 'klpp_a', sympos: 0 }] }],
  symbols: [{ name: 's', object: 'vmlinux', sympos: 0, kind: 'variable', how: 'klp-relocation' }],
  author: { cve: ['CVE-2026-1'], anything: { at: 'all' } },
};
const refused = (value: unknown): string[] => {
  try {
    readManifest(typeof value === 'string' ? value : JSON.stringify(value));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.findings.map(({ at, what }) => `${at?.file} ${at?.symbol}: ${what}`);
  }
  return [];
};

describe('readManifest', () => {
  it('reads what is right', () => {
    expect(readManifest(JSON.stringify(good))).toEqual(good);
  });

  it('names the path, what is expected and what is found, for all faults at once', () => {
    const found = refused({
      ...good,
      format: 2,
      replace: 'yes',
      extra: 1,
      symbols: [{ ...good.symbols[0], sympos: -1, how: 'magic' }],
    });
    expect(found).toEqual([
      'klpkit.json format: expected 1, found 2',
      'klpkit.json replace: expected boolean, found "yes"',
      'klpkit.json symbols[0].sympos: expected >=0, found -1',
      'klpkit.json symbols[0].how: expected ("exported" | "klp-relocation"), found "magic"',
      'klpkit.json extra: there is no member extra in a manifest',
    ]);
  });

  it('knows modules of the folder, and refuses those that cannot be built', () => {
    const modules = [{ name: 'bell', files: ['target/bell.c'] }];
    expect(readManifest(JSON.stringify({ ...good, modules })).modules).toEqual(modules);
    const wrong = [
      { name: 'livepatch_x', files: ['target/a.c'] },
      { name: 'a-b', files: [] },
      { name: 'c', files: ['x.c', '../c.c'] },
    ];
    expect(refused({ ...good, modules: wrong })).toEqual([
      'klpkit.json modules[0].name: "livepatch_x" cannot be the name of a module beside this livepatch',
      'klpkit.json modules[1].name: "a-b" cannot be the name of a module beside this livepatch',
      'klpkit.json modules[1].files: no C file is named',
      'klpkit.json modules[2].files[0]: x.c is named twice',
      'klpkit.json modules[2].files[1]: "../c.c" is no path inside the folder',
    ]);
  });

  it('refuses what is no JSON, and what contradicts itself', () => {
    expect(refused('{')[0]).toContain('it is no JSON');
    expect(refused('3')).toHaveLength(1);
    expect(refused({ ...good, main: '../main.c' })).toEqual([
      'klpkit.json main: "../main.c" is no path inside the folder',
    ]);
  });
});
