import { expect, test } from 'vitest';
import { cloneFlags, neutralClones } from './clones.ts';

test('a gcc that knows the dump is asked for it, others are not', () => {
  expect(cloneFlags('gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0', '/t/d')).toEqual(['-fdump-ipa-clones=/t/d']);
  expect(cloneFlags('gcc (Ubuntu 7.5.0-3ubuntu1) 7.5.0', '/t/d')).toEqual([]);
  expect(cloneFlags('Debian clang version 14.0.6', '/t/d')).toEqual([]);
});

test('paths of the dump are those of the tree, and lines those of the text that the author sees', () => {
  const dump = [
    'Callgraph clone;a;1;/view/3/lib/a.h;3;1;b;2;/klpkit-line/+4/fs/b.c;7;1;inlining to',
    'Callgraph removal;a;1;/src/include/../lib/a.h;3;1',
    'Callgraph removal;c;1;/src2/x.c;3;1',
    'odd;line',
    '',
  ].join('\n');
  expect(neutralClones(dump, ['/view/3', '/src']).split('\n')).toEqual([
    'Callgraph clone;a;1;lib/a.h;3;1;b;2;fs/b.c;11;1;inlining to',
    'Callgraph removal;a;1;lib/a.h;3;1',
    'Callgraph removal;c;1;/src2/x.c;3;1',
    'odd;line',
    '',
  ]);
});
