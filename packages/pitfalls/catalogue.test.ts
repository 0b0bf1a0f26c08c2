import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pitfalls } from './src/index.ts';
import { folderOf } from './src/pages.ts';

const room = import.meta.dirname;
const folders = readdirSync(room).filter((name) => /^KLP\d{3}-/.test(name));

/** Sources of the rooms whose steps find pitfalls themselves. */
const steps = {
  read: ['author/src/fix', 'author/src/build', 'author/src/overlay'],
  match: ['author/src/build', 'author/src/compile', 'compare/src/match'],
  compare: ['compare/src', 'author/src/types', 'author/src/build'],
  extract: ['author/src/extract', 'author/src/build'],
  finish: ['author/src/finish', 'livepatch/src'],
  rules: ['livepatch/src/rules'],
  prove: ['prove/src'],
} as const;

function sourcesIn(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(test|real|boot)\.ts$|testing\//.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

test('the catalogue and the folders are the same, each number once, in order', () => {
  expect(pitfalls.map(({ id, name }) => `${id}-${name}`)).toEqual([...folders].sort());
  expect(new Set(pitfalls.map(({ id }) => id)).size).toBe(pitfalls.length);
  expect(pitfalls.length).toBe(103);
});

describe.each(pitfalls.map((pitfall) => [pitfall.id, pitfall] as const))('%s', (id, pitfall) => {
  const folder = folderOf(pitfall);

  test('has a page that is named after it, with what every page tells', () => {
    const page = readFileSync(join(folder, 'page.mdx'), 'utf8');
    expect(page.startsWith(`# ${id} `)).toBe(true);
    for (const heading of ['## See it yourself', '## The safe way', '## Seen with', '## Sources'])
      expect(page).toContain(`\n${heading}\n`);
    for (const route of page.includes('**Both routes.**') ? [] : ['**Binary route.**', '**Source route.**'])
      expect(page).toContain(route);
    // Every pitfall that a page refers to exists.
    for (const [other] of page.matchAll(/KLP\d{3}/g))
      expect(folders.some((name) => name.startsWith(other))).toBe(true);
  });

  test('has cases and a test of its own', () => {
    expect(readdirSync(join(folder, 'cases')).length).toBeGreaterThan(0);
    const tests = ['pitfall.test.ts', 'pitfall.real.ts', 'pitfall.boot.ts'].filter((name) =>
      existsSync(join(folder, name)),
    );
    expect(tests.length).toBeGreaterThan(0);
    for (const name of tests) expect(readFileSync(join(folder, name), 'utf8')).toContain(id);
    for (const name of readdirSync(join(folder, 'cases')))
      if (/\.[chS]$/.test(name))
        expect(readFileSync(join(folder, 'cases', name), 'utf8')).toMatch(/SPDX-License-Identifier: MIT/);
  });

  test('is found by assess or check, or says why nothing can find it', () => {
    const isFound = pitfall.unit || pitfall.livepatch || pitfall.foundBy;
    expect(Boolean(isFound) || pitfall.review !== undefined).toBe(true);
    for (const step of pitfall.foundBy ?? [])
      expect(
        steps[step].some((sources) => sourcesIn(join(room, '..', sources)).includes(id)),
        `${step} finds ${id}`,
      ).toBe(true);
  });

  test('speaks in whole sentences', () => {
    expect(pitfall.statement).toMatch(/^[A-Z_a-z.*-].*\.$/s);
    expect(pitfall.safeWay).toMatch(/\.$/);
    expect(pitfall.title.length).toBeLessThanOrEqual(90);
  });
});

test('at least 85 have a detector', () => {
  const found = pitfalls.filter((pitfall) => pitfall.unit || pitfall.livepatch || pitfall.foundBy);
  expect(found.length).toBeGreaterThanOrEqual(85);
});
