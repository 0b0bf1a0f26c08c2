import { describe, expect, it } from 'vitest';
import { checkManifest, type Manifest, manifestText, planOfManifest, staysInside } from './manifest.ts';

const good: Manifest = {
  format: 1,
  name: 'livepatch_x',
  replace: true,
  sources: [{ file: 'fs_namei.c', object: 'vmlinux', unit: 'fs/namei.c', compile: ['-DX=1', '-fno-inline'] }],
  objects: [{ name: 'vmlinux', functions: [{ old: 'path_openat', new: 'klpp_path_openat', sympos: 0 }] }],
  symbols: [
    {
      name: 'count_37',
      symbol: 'count.37',
      object: 'vmlinux',
      sympos: 2,
      kind: 'variable',
      how: 'klp-relocation',
    },
  ],
};
const said = (change: Partial<Manifest>) =>
  checkManifest({ ...good, ...change }).map(({ at, what }) => `${at?.symbol}: ${what}`);

describe('checkManifest', () => {
  it('finds nothing in a good one', () => {
    expect(checkManifest(good)).toEqual([]);
    expect(planOfManifest(good).objects).toEqual([
      {
        name: 'vmlinux',
        functions: [{ oldName: 'path_openat', newSymbol: 'klpp_path_openat', sympos: 0 }],
      },
    ]);
  });

  it('lets one pass that only names symbols', () => {
    expect(checkManifest({ ...good, sources: [], objects: [] })).toEqual([]);
  });

  const [source] = good.sources;
  const [symbol] = good.symbols;
  it.each<[string, Partial<Manifest>]>([
    ['sources[0].file: "../x.c" is no path', { sources: [{ ...source, file: '../x.c' }] }],
    ['sources[0].file: "/etc/x.c" is no path', { sources: [{ ...source, file: '/etc/x.c' }] }],
    ['sources[0].file: x.h is no C file', { sources: [{ ...source, file: 'x.h' }] }],
    ['sources[1].file: fs_namei.c is named twice', { sources: [source, source] }],
    ['sources[0].object: fs_namei.c patches ext4', { sources: [{ ...source, object: 'ext4' }] }],
    ['sources[0].unit: "/x.c" is no source', { sources: [{ ...source, unit: '/x.c' }] }],
    [
      'sources[0].compile[1]: the compiler is not',
      { sources: [{ ...source, compile: ['-DA', '-fplugin=x'] }] },
    ],
    ['sources[0].compile[0]: the compiler is not', { sources: [{ ...source, compile: ['@args'] }] }],
    ['main: ".." is no path', { main: '..' }],
    ['symbols[0].name: "count.37" is no name in C', { symbols: [{ ...symbol, name: 'count.37' }] }],
    ['symbols[0].symbol: "a,b" is no symbol', { symbols: [{ ...symbol, symbol: 'a,b' }] }],
    ['symbols[0].object: "snd-hda" is no name', { symbols: [{ ...symbol, object: 'snd-hda' }] }],
    ['symbols[1].name: count_37 is listed twice', { symbols: [symbol, symbol] }],
    [
      'symbols[0].name: klpp_path_openat is a function of this livepatch',
      { symbols: [{ ...symbol, name: 'klpp_path_openat' }] },
    ],
    ['symbols[0].symbol: count_37 is exported and has', { symbols: [{ ...symbol, how: 'exported' }] }],
  ])('says %s…', (words, change) => {
    const found = said(change);
    expect(found).toHaveLength(1);
    expect(found[0]?.startsWith(words)).toBe(true);
  });
});

describe('a path in a manifest', () => {
  it.each(['a.c', 'sub/a.c', '..c'])('%j stays inside', (path) => expect(staysInside(path)).toBe(true));
  it.each(['', '/a', '../a', 'a/../b', './a', 'a//b', 'a\\b', 'a\0'])('%j does not', (path) =>
    expect(staysInside(path)).toBe(false),
  );
});

it('writes the same text whatever the order of members', () => {
  const { format, ...rest } = good;
  expect(manifestText({ ...rest, format })).toBe(manifestText(good));
  expect(JSON.parse(manifestText(good))).toEqual(good);
});
