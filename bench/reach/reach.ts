import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inTemporaryFolder, writeFileAtomic } from '@klpkit/host';
import { addKernel, unitsIncluding } from '@klpkit/kernel';
import { compileAll } from '../../packages/author/src/compile/index.ts';
import { readFix } from '../../packages/author/src/fix/index.ts';
import { makeOverlay } from '../../packages/author/src/overlay/index.ts';
import { narrowUnits } from '../../packages/author/src/reach/index.ts';
import { patchOf } from '../corpus/changed.ts';

/**
 * Holds the narrowing of units against brute force: every unit that includes a header is compiled on both sides, and none whose
 * object differs may have been narrowed away.
 *
 * A case is a header and an edit of it: `fs/ext4/ext4.h:PATTERN:REPLACEMENT` (a regular expression, the first place), or a header
 * alone, with its change from `--kernel` to `--to`.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: 'debian:6.12.115+deb12-amd64' },
    to: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    jobs: { type: 'string', default: '2' },
    most: { type: 'string', default: '300' },
    table: { type: 'string' },
  },
});
const kernel = await addKernel(values.kernel);
const to = await addKernel(values.to);
const jobs = Number(values.jobs);
const rows: string[] = [];
let lost = 0;
for (const one of positionals) {
  const [header = '', pattern, replacement = ''] = one.split(':');
  const text =
    pattern === undefined
      ? await patchOf(kernel.sourceDir, to.sourceDir, [header])
      : await edited(header, new RegExp(pattern, 'm'), replacement.replaceAll('\\n', '\n'));
  const fix = await readFix(kernel.sourceDir, [{ name: 'fix.patch', text }], {
    overrides: new Map(),
    isOn: () => true,
  });
  const { units, isTooMany, count } = await unitsIncluding(kernel, [header], { most: Number(values.most) });
  if (isTooMany) {
    process.stderr.write(`${header}: ${count} units, more than --most\n`);
    continue;
  }
  await inTemporaryFolder('klpkit-reach-', async (folder) => {
    const overlay = makeOverlay(
      kernel.sourceDir,
      fix.files.map(({ path, compiled }) => ({ path, text: compiled })),
      join(folder, 'source'),
    );
    const begin = performance.now();
    const narrowed = await narrowUnits(kernel, units, overlay, { jobs });
    const looked = (performance.now() - begin) / 1000;
    const { compiled, failed } = await compileAll(
      kernel,
      units.flatMap((unit) => [
        { unit, side: 'before' as const },
        { unit, side: 'after' as const, overlay },
      ]),
      { jobs },
    );
    const brute = (performance.now() - begin) / 1000 - looked;
    const differing = units.filter((unit) => {
      const [before, after] = compiled.filter((each) => each.unit === unit);
      return !before || !after || Buffer.compare(before.bytes, after.bytes) !== 0;
    });
    const missed = differing.filter((unit) => !narrowed.units.includes(unit));
    lost += missed.length;
    rows.push(
      `| ${one.replaceAll('|', '\\|')} | ${units.length} | ${narrowed.unread} | ${narrowed.untouched} | ${narrowed.units.length} | ${differing.length}${failed.length ? ` (${failed.length} do not compile)` : ''} | ${missed.map(({ source }) => source).join(', ') || 'none'} | ${looked.toFixed(0)} | ${brute.toFixed(0)} |`,
    );
    process.stderr.write(`${rows.at(-1)}\n`);
  });
}
const table = [
  `# Units that a header reaches, on ${kernel.id}`,
  '',
  'Looked at: preprocessed on both sides. Compiled: all units on both sides, by brute force.',
  '',
  '| change | include it | do not read it | nothing that becomes code differs | to compile | object differs | lost | looking, s | compiling all, s |',
  '|---|---|---|---|---|---|---|---|---|',
  ...rows,
  '',
].join('\n');
if (values.table) await writeFileAtomic(values.table, table);
process.stdout.write(table);
process.exitCode = lost > 0 ? 1 : 0;

async function edited(header: string, pattern: RegExp, replacement: string): Promise<string> {
  const path = join(kernel.sourceDir, header);
  const before = await readFile(path, 'utf8');
  const after = before.replace(pattern, replacement);
  if (after === before) throw new Error(`${header} has no ${pattern}`);
  return inTemporaryFolder('klpkit-edited-', async (folder) => {
    await writeFileAtomic(join(folder, 'a', header), before);
    await writeFileAtomic(join(folder, 'b', header), after);
    return patchOf(join(folder, 'a'), join(folder, 'b'), [header]);
  });
}
