import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { libraryOf } from './library.ts';

const packages = join(import.meta.dirname, '../../packages');
const files = Object.fromEntries(
  globSync('*/src/**/*.ts', { cwd: packages }).map((name) => [
    name,
    readFileSync(join(packages, name), 'utf8'),
  ]),
);

describe('the library', () => {
  it('follows exports to where they are declared', () => {
    const source = {
      'a/index.ts':
        "export * from './b/b.ts';\nexport { one as uno, type Two } from './c.ts';\n/** Its own. */\nexport const own = 1;\n",
      'a/b/b.ts': "export { deep } from '../c.ts';\n",
      'a/c.ts':
        '/**\n * Gives one. More of it.\n *\n * @returns 1\n */\nexport function one() {}\n/** A {@link Two}: of `two`. */\nexport interface Two {}\nexport async function deep() {}\n',
    };
    expect(libraryOf(source, 'a/index.ts')).toEqual([
      { name: 'deep', kind: 'function', sentence: '' },
      { name: 'uno', kind: 'function', sentence: 'Gives one.' },
      { name: 'own', kind: 'constant', sentence: 'Its own.' },
      { name: 'Two', kind: 'type', sentence: 'A Two: of `two`.' },
    ]);
    expect(() =>
      libraryOf({ 'a/index.ts': "export { x } from './c.ts';", 'a/c.ts': '' }, 'a/index.ts'),
    ).toThrow('a/index.ts exports x, which ./c.ts does not declare');
  });

  it.each([
    'formats',
    'findings',
    'compare',
    'livepatch',
    'pitfalls',
    'kernel',
    'author',
    'prove',
    'live',
    'fleet',
    'host',
  ])('has a sentence for everything that @klpkit/%s exports', (name) => {
    const entries = libraryOf(files, `${name}/src/index.ts`);
    expect(entries.length).toBeGreaterThan(5);
    expect(entries.filter(({ sentence }) => sentence === '').map(({ name }) => name)).toEqual([]);
  });
});
