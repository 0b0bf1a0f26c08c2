import { compareTypes, layoutFinding } from '@klpkit/compare';
import { formatFinding } from '@klpkit/findings';
import { expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

/** What a build says of the types of both sides. */
async function layouts(after: string) {
  const { types, comparison } = await unitCase(folder, { after, types: true });
  if (!types) throw new Error('no types');
  const { layouts } = compareTypes(types.before, types.after);
  return { comparison, findings: layouts.map((change) => layoutFinding(change)) };
}

test('KLP502: a member in the middle moves the others', async () => {
  const { findings } = await layouts('after.c');
  expect(findings.map(formatFinding).join()).toContain('error KLP502: conn: struct conn');
  const judged = await assessCase(folder, { evidence: { found: findings } });
  expect(said(judged, 'KLP502')).toHaveLength(1);
});

test('KLP502: a member in a hole moves nothing and is told all the same', async () => {
  const { findings, comparison } = await layouts('after_hole.c');
  // The readers of the structure are the same on both sides: only the types tell.
  expect(comparison.functions.find(({ name }) => name === 'get_refs')?.status).toBe('same');
  expect(findings.map(formatFinding).join()).toContain('error KLP502: conn: struct conn');
});

test('KLP502: code that changes around the same layout is not told', async () => {
  const { findings, comparison } = await layouts('twin.c');
  expect(comparison.functions.some(({ status }) => status === 'changed')).toBe(true);
  expect(findings).toEqual([]);
});
