import { expect, test } from 'vitest';
import { assessCase, said } from '../testing/case.ts';
import { checkCase, smallKernel } from '../testing/livepatch.ts';

const folder = import.meta.dirname;

const option = 'CONFIG_HAVE_RELIABLE_STACKTRACE';

test('KLP412: a kernel without reliable stack traces is told, one with them is not', async () => {
  for (const [config, expected] of [
    [{}, 1],
    [{ [option]: 'y' }, 0],
  ] as const) {
    const kernel = smallKernel({ config, objects: { vmlinux: ['T work'] } });
    expect(said(await assessCase(folder, { fix: 'any.c', evidence: { kernel } }), 'KLP412')).toHaveLength(
      expected,
    );
    expect(said(await checkCase(folder, 'livepatch.c', { kernel }), 'KLP412')).toHaveLength(expected);
  }
});

test('KLP412: without a kernel it is unchecked', async () => {
  const { unchecked } = await checkCase(folder, 'livepatch.c');
  expect(unchecked.find(({ id }) => id === 'KLP412')?.missing).toEqual(['kernel']);
});

test('KLP412: with the image of a kernel alone, whose configuration nobody knows, it is unchecked', async () => {
  const { config, ...kernel } = smallKernel({ objects: { vmlinux: ['T work'] } });
  expect(config?.(option), 'premise: a known configuration without the option is told').toBeUndefined();
  const judgement = await checkCase(folder, 'livepatch.c', { kernel });
  expect(judgement.unchecked.find(({ id }) => id === 'KLP412')?.missing).toEqual(['configuration']);
  expect(said(judgement, 'KLP412')).toEqual([]);
});
