import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareObjects, readObjectModel } from '@klpkit/compare';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../packages/compare/src/testing/compile.ts';
import { opinionOn, plainName } from './second-opinion.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-opinion-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What both comparisons say of two versions of a unit. */
async function both(before: string, after: string) {
  const objects = await Promise.all([compile(before), compile(after)]);
  const paths = objects.map((bytes, index) => {
    const path = join(folder, `${index}.o`);
    writeFileSync(path, bytes);
    return path;
  });
  const [a, b] = objects.map((bytes) => readObjectModel(bytes));
  if (!a || !b) throw new Error('no objects');
  const { functions } = compareObjects(a, b);
  return {
    ours: functions
      .filter(({ status }) => status !== 'same')
      .map(({ name, status }) => `${plainName(name)} ${status}`)
      .sort(),
    second: [...(await opinionOn(paths[0] as string, paths[1] as string))]
      .map(([name, status]) => `${name} ${status}`)
      .sort(),
  };
}

const unit = (edit: Record<string, string> = {}) => {
  const at = (place: string, plain = '') => edit[place] ?? plain;
  return `
    ${at('top')}
    static int calls;
    static noinline int helper(int x) { calls++; return external(x) ${at('helper', '+ 1')}; }
    int first(int x) { static int count; count += x; printk("${at('string', 'first')}"); return helper(count); }
    int second(int x) { ${at('second')} if (unlikely(x)) cold_external("second"); return external(x + ${at('constant', '3')}); }
    ${at('bottom', 'int third(int x) { return helper(x) + helper(x + 1); }')}
  `;
};

const cases: Record<string, { edit: Record<string, string>; expected: string[] }> = {
  'nothing but other names of numbered things': { edit: { top: 'extern int more;' }, expected: [] },
  'an instruction': { edit: { helper: '+ 2' }, expected: ['helper changed'] },
  'a string': { edit: { string: 'other' }, expected: ['first changed'] },
  'a constant, with the cold part of the function': {
    edit: { constant: '4' },
    expected: ['second changed', 'second.cold changed'],
  },
  'a new function': {
    edit: { top: 'int added(int x) { return x * 3; }' },
    expected: ['added new'],
  },
  'a function that is gone': {
    edit: { bottom: '' },
    expected: ['third removed'],
  },
  'another callee': { edit: { second: 'external(9);' }, expected: ['second changed', 'second.cold changed'] },
};

describe('the second opinion', () => {
  it.each(Object.entries(cases))('agrees on %s', async (_, { edit, expected }) => {
    const { ours, second } = await both(unit(), unit(edit));
    expect(second).toEqual([...expected].sort());
    expect(ours).toEqual(second);
  });
});
