import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { mapParallel } from '@klpkit/host';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { formatScenario, runScenarios, type ScenarioResult } from '@klpkit/prove';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copySample } from '../packages/cli/src/samples.ts';
import { type BuiltSample, buildSample, sampleNames, samplesFolder, scenariosOf } from './prove.ts';

/** These are proven as copies of `klpkit new`, called otherwise. */
const copied: Readonly<Record<string, string>> = { callbacks: 'my-fix', cumulative: 'cve-2026' };

let folder = '';
let kernel: Kernel;
let samples: readonly BuiltSample[];
let results: readonly ScenarioResult[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-samples-'));
  kernel = await addKernel('debian:6.12.117+deb12-amd64');
  samples = await mapParallel(sampleNames, 2, async (name) => {
    const copy = copied[name];
    if (copy !== undefined) await copySample(name, join(folder, copy));
    const place = copy === undefined ? join(samplesFolder, name) : join(folder, copy);
    return buildSample(kernel, place, join(folder, 'modules'));
  });
  const requests = (await Promise.all(samples.map((sample) => scenariosOf(sample)))).flat();
  const patched = samples.find((sample) => basename(sample.folder) === 'function');
  const other = samples.find((sample) => basename(sample.folder) === 'state');
  const [wrong] = patched ? await scenariosOf(patched) : [];
  const module = other?.files.get('livepatch-state-without.ko');
  if (!wrong || !module) throw new Error('the samples function and state are missing');
  // The last one is given a livepatch that it is not for.
  results = await runScenarios(kernel, [...requests, { ...wrong, modules: { patch: { module } } }]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the samples', () => {
  it('build without an error, and each has a scenario', () => {
    expect(samples.length).toBe(sampleNames.length);
    expect(samples.flatMap(({ built }) => built).length).toBeGreaterThan(10);
    for (const { built } of samples)
      for (const { findings } of built)
        expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(results.length).toBeGreaterThan(sampleNames.length);
  });

  it('do in a booted kernel what they say', () => {
    const passed = new Set<string>();
    for (const result of results.slice(0, -1)) {
      // Of the two about a module that comes again, one is for Linux 6.1.
      const expected = result.file.endsWith('-6.1.yaml') ? 'not-applicable' : 'passed';
      expect(result.verdict, `${result.name}\n${formatScenario(result)}`).toBe(expected);
      if (expected === 'passed') passed.add(dirname(result.file));
    }
    expect(passed.size).toBe(sampleNames.length);
  });

  it('would be found out if they did something else', () => {
    const wrong = results.at(-1);
    expect(wrong?.verdict).toBe('failed');
    const failed = wrong?.steps.filter(({ status }) => status === 'failed').map(({ action }) => action);
    expect(failed).toEqual(['load']);
  });

  it('are called after the folder that they were copied to', () => {
    const files = samples.flatMap((sample) => [...sample.files.keys()]);
    expect(files).toContain('livepatch-my-fix-successor.ko');
    expect(files).toContain('livepatch-cve-2026-3.ko');
    expect(results.map(({ name }) => name)).toEqual(expect.arrayContaining(['my-fix', 'cve-2026']));
  });
});
