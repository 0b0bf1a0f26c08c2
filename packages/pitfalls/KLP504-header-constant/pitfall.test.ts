import { compareTypes, enumFinding } from '@klpkit/compare';
import { formatFinding } from '@klpkit/findings';
import { expect, test } from 'vitest';
import { assessCase, said, unitCase } from '../testing/case.ts';

const folder = import.meta.dirname;

async function enums(after: string) {
  const { types, comparison } = await unitCase(folder, { before: 'state.c', after, types: true });
  if (!types) throw new Error('no types');
  return {
    comparison,
    findings: compareTypes(types.before, types.after).enums.map((change) => enumFinding(change)),
  };
}

test('KLP504: an enumerator that is put in the middle renumbers those behind it', async () => {
  const { comparison, findings } = await enums('inserted.c');
  expect(comparison.functions.find(({ name }) => name === 'alive')?.status).toBe('changed');
  expect(findings.map(formatFinding).join()).toContain('KLP504');
  expect(findings[0]?.what).toContain('ST_DEAD');
  const judged = await assessCase(folder, { evidence: { found: findings } });
  expect(said(judged, 'KLP504')).toHaveLength(1);
});

test('KLP504: one that is appended changes nothing for anybody', async () => {
  const { findings } = await enums('appended.c');
  expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
});
