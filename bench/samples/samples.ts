import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { addKernel } from '@klpkit/kernel';
import { formatScenario, runScenarios, type ScenarioResult } from '@klpkit/prove';
import { readyLivepatches, readyRequests } from '../../packages/prove/src/testing/ready.ts';
import {
  type BuiltSample,
  buildSample,
  sampleNames,
  samplesFolder,
  scenariosOf,
} from '../../samples/prove.ts';

/**
 * Builds every sample for each kernel, runs every scenario that is for it and every scenario that klpkit brings, and records how long that
 * took.
 */
const { values } = parseArgs({
  options: {
    kernel: {
      type: 'string',
      multiple: true,
      default: ['debian:6.12.117+deb12-amd64', 'debian:6.1.0-56-amd64'],
    },
    table: { type: 'string' },
  },
});

const lines = [
  '# Samples',
  '',
  'Every sample built by `buildFolder`, checks included, and every scenario run from a saved boot under QEMU emulation, two VMs at a',
  'time; so are the scenarios that klpkit brings, with livepatches of one function.',
  '`node bench/samples/samples.ts --table bench/results/samples.md` makes this table; seconds are of the wall.',
];
let allSeconds = 0;
let isFailed = false;
for (const id of values.kernel) {
  const kernel = await addKernel(id);
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-bench-samples-'));
  try {
    const begin = performance.now();
    const samples: { built: BuiltSample; seconds: number }[] = [];
    for (const name of sampleNames) {
      const since = performance.now();
      const built = await buildSample(kernel, join(samplesFolder, name), folder);
      samples.push({ built, seconds: (performance.now() - since) / 1000 });
    }
    const ready = await readyRequests(await readyLivepatches(kernel));
    const buildSeconds = (performance.now() - begin) / 1000;
    const owners: string[] = [];
    const requests = [];
    for (const { built } of samples)
      for (const request of await scenariosOf(built)) {
        owners.push(basename(built.folder));
        requests.push(request);
      }
    for (const request of ready) {
      owners.push('ready');
      requests.push(request);
    }
    const since = performance.now();
    const results = await runScenarios(kernel, requests);
    const runSeconds = (performance.now() - since) / 1000;
    allSeconds += buildSeconds + runSeconds;
    lines.push('', `## ${kernel.release}`, '');
    lines.push(
      '| sample | livepatches | build, s | scenario | verdict | steps | transitions | s |',
      '|---|---|---|---|---|---|---|---|',
    );
    for (const { built, seconds } of samples) {
      const name = basename(built.folder);
      let isFirst = true;
      results.forEach((result, at) => {
        if (owners[at] !== name || result.verdict === 'not-applicable') return;
        if (result.verdict === 'failed') {
          isFailed = true;
          process.stdout.write(formatScenario(result));
        }
        lines.push(row(isFirst ? built : undefined, name, isFirst ? seconds : undefined, result));
        isFirst = false;
      });
    }
    results.forEach((result, at) => {
      if (owners[at] !== 'ready') return;
      if (result.verdict === 'failed') {
        isFailed = true;
        process.stdout.write(formatScenario(result));
      }
      const line = row(undefined, '', undefined, result);
      lines.push(at === owners.indexOf('ready') ? line.replace('|  |', '| of klpkit |') : line);
    });
    lines.push(
      '',
      `${samples.reduce((sum, { built }) => sum + built.built.length, 0)} livepatches of the samples and five for the scenarios built in ${buildSeconds.toFixed(1)} s, one after the other; ${results.filter(({ verdict }) => verdict !== 'not-applicable').length} scenarios in ${runSeconds.toFixed(1)} s.`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
lines.push('', `All together: ${allSeconds.toFixed(0)} s.`, '');
process.stdout.write(lines.join('\n'));
if (values.table) await writeFile(values.table, lines.join('\n'));
process.exitCode = isFailed ? 1 : 0;

function row(
  built: BuiltSample | undefined,
  name: string,
  seconds: number | undefined,
  { verdict, steps, timelines, seconds: run, file }: ScenarioResult,
): string {
  const cells = [
    built ? name : '',
    built ? built.built.length : '',
    seconds === undefined ? '' : seconds.toFixed(1),
    basename(file),
    verdict,
    steps.length,
    timelines.length,
    run.toFixed(1),
  ];
  return `| ${cells.join(' | ')} |`;
}
