import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest } from '@klpkit/author';
import { readScenario } from '@klpkit/prove';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listSamples, sampleFiles } from './samples.ts';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-new-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('klpkit new', () => {
  it('lists every sample with what it shows', async () => {
    const { code, stdout } = await klpkit('new', '--list', '--json');
    expect(code).toBe(0);
    const answer = v.parse(schemas.new, JSON.parse(stdout));
    if (answer.outcome !== 'listed') throw new Error(answer.outcome);
    expect(answer.samples.map(({ name }) => name)).toEqual([
      'callbacks',
      'cumulative',
      'function',
      'module',
      'private-symbol',
      'same-name',
      'shadow',
      'state',
    ]);
    for (const { summary } of answer.samples) expect(summary).toMatch(/^[A-Z].{40,160}\.$/);
    expect((await klpkit('new', '--list')).stdout).toMatch(/^shadow {10}Data attached to objects/m);
  });

  it('copies each, with manifests and scenarios that can be read, and nothing of the old name', async () => {
    for (const { name } of await listSamples()) {
      const copy = join(folder, `fix-of-${name}`);
      const { code, stderr } = await klpkit('new', name, copy);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const files = readdirSync(copy, { recursive: true, encoding: 'utf8' });
      const originals = await sampleFiles(name);
      expect(files.filter((file) => originals.has(file)).sort()).toEqual([...originals.keys()]);
      const own = `fix_of_${name.replaceAll('-', '_')}`;
      for (const [file, original] of originals) {
        const text = readFileSync(join(copy, file), 'utf8');
        expect(text).not.toMatch(new RegExp(`livepatch[-_]${name.replaceAll('-', '[-_]')}`));
        if (file.endsWith('klpkit.json'))
          expect(readManifest(text, file).name).toMatch(new RegExp(`^livepatch_${own}(_|$)`));
        if (file.endsWith('.yaml')) {
          const scenario = readScenario(text, { file });
          expect(scenario.name).toMatch(new RegExp(`^fix-of-${name}`));
          expect(readScenario(original, { file }).name).toMatch(new RegExp(`^${name}`));
        }
      }
    }
  });

  it('leaves what is there alone', async () => {
    const full = join(folder, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine'), 'mine');
    const refused = await klpkit('new', 'function', full);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`${full} is not empty: there is mine`);
    expect(readdirSync(full)).toEqual(['mine']);
    const file = await klpkit('new', 'function', join(full, 'mine'));
    expect(file).toMatchObject({ code: 2 });
    expect(file.stderr).toContain('is a file');
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    expect((await klpkit('new', 'function', empty)).code).toBe(0);
    expect(readdirSync(empty)).toContain('klpkit.json');
  });

  it.each([
    [[], 'which sample?', 'klpkit new --list'],
    [['nothing', 'x'], 'there is no sample nothing', 'there are callbacks, '],
    [['../cli', 'x'], 'there is no sample ../cli', ''],
    [['function'], 'no folder for the copy is named', 'klpkit new function my-fix'],
    [['function', 'a b'], 'cannot be the name of a livepatch', ''],
    [['callbacks', 'a-name-of-forty-letters-and-a-few-more-xx'], 'is too long a name', 'a shorter name'],
  ])('%j is wrong usage', async (argv, what, next) => {
    const { code, stdout, stderr } = await klpkit('new', ...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(what);
    expect(stderr).toContain(next);
    expect(readdirSync('.')).not.toContain('x');
  });
});
