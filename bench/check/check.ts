import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkModule } from '@klpkit/author/judge';
import type { Finding } from '@klpkit/findings';
import { addKernel, loadImage } from '@klpkit/kernel';
import { makeModule } from '../../packages/livepatch/src/testing/module.ts';
import { generated, namesOf } from './large.ts';
import { Tally } from './tally.ts';

/**
 * What `klpkit check` says of livepatches that build and work, where every error is a false alarm, and how long it takes for large ones.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.115+deb12-amd64' },
    /** Folder with proven livepatches of that kernel, and the reports of their builds as JSON. */
    modules: { type: 'string' },
    table: { type: 'string' },
  },
});
const kernel = await addKernel(values.kernel);
const lines: string[] = [`# klpkit check on ${values.kernel}`, ''];

if (values.modules) await falseAlarms(values.modules);
await large();
const text = `${lines.join('\n')}\n`;
if (values.table) await writeFile(values.table, text);
process.stdout.write(text);

async function falseAlarms(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ko')).sort();
  const checked = new Tally();
  const built = new Tally();
  const unchecked = new Map<string, number>();
  const start = performance.now();
  for (const name of names) {
    const { judgement } = await checkModule(basename(name), await readFile(join(folder, name)), { kernel });
    checked.add(name, judgement.findings);
    for (const { id } of judgement.unchecked) unchecked.set(id, (unchecked.get(id) ?? 0) + 1);
  }
  const ms = (performance.now() - start) / Math.max(1, names.length);
  for (const name of names) {
    const report = await readFile(join(folder, name.replace(/\.ko$/, '.json')), 'utf8').catch(
      () => undefined,
    );
    if (report !== undefined) built.add(name, (JSON.parse(report) as { findings: Finding[] }).findings);
  }
  lines.push(
    `${checked.summary}; ${ms.toFixed(0)} ms each in one process.`,
    '',
    ...checked.errors.map((error) => `- ${error}`),
    ...checked.table,
    `Not checked: ${[...unchecked]
      .map(([id, count]) => `${id} (${count})`)
      .sort()
      .join(', ')}`,
    '',
    '## What the builds said of the same fixes',
    '',
    `${built.summary}.`,
    '',
    ...built.table,
    '## Large livepatches',
    '',
  );
}

/** Livepatches of many functions, each with several calls and variables, as real gcc and ld make them. */
async function large(): Promise<void> {
  lines.push('| livepatch | MB | relocations | s | peak MB |', '|---|---|---|---|---|');
  const { symbols } = await loadImage(kernel);
  for (const [functions, uses] of [
    [250, 20],
    [500, 20],
    [1000, 20],
    [2000, 50],
  ]) {
    const ko = await makeModule(generated(namesOf(symbols, functions), uses));
    const start = performance.now();
    const { evidence } = await checkModule('large.ko', ko, { kernel });
    const seconds = (performance.now() - start) / 1000;
    const relocations = (evidence.model?.pieces ?? []).reduce(
      (sum, piece) => sum + (evidence.model?.referencesOf(piece).length ?? 0),
      0,
    );
    lines.push(
      `| ${functions} functions | ${(ko.length / 1e6).toFixed(1)} | ${relocations} | ${seconds.toFixed(2)} | ${(process.memoryUsage.rss() / 1e6).toFixed(0)} |`,
    );
  }
}
