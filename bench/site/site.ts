import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { addKernel } from '@klpkit/kernel';
import { siteFolder } from '../../handbook/build.ts';
import { openInWorkbench, openSite } from '../../handbook/testing/browser.ts';
import { makeModule } from '../../packages/livepatch/src/testing/module.ts';
import { generated } from '../check/large.ts';

/**
 * How heavy pages of the handbook are and how long the workbench takes in Chromium: from the choice of a file to what is shown, the median
 * of five, each in a fresh page whose worker has loaded.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    table: { type: 'string' },
  },
});
const times = 5;
const kernel = await addKernel(values.kernel);
const image = { name: kernel.release, bytes: await readFile(kernel.vmlinuz) };
const livepatch = { name: 'large.ko', bytes: await makeModule(generated(1000, 20)) };
const site = await openSite();
const lines = ['| page | first load, KB compressed |', '|---|---|'];
for (const path of ['/', '/creation/two-ways/', '/pitfalls/', '/pitfalls/klp102/', '/workbench/']) {
  const visit = await site.visit(path);
  lines.push(`| ${path} | ${((await visit.packedBytes()) / 1024).toFixed(0)} |`);
  await visit.page.context().close();
}
let kept = 0;
for await (const name of glob('**/*.*', { cwd: siteFolder }))
  kept += gzipSync(await readFile(join(siteFolder, name))).length;
lines.push(`| all of it, kept in the background for reading offline | ${(kept / 1024).toFixed(0)} |`);
lines.push('', '| opened in the workbench | MB | ms |', '|---|---|---|');
for (const [what, files] of [
  ['a livepatch of 1000 functions', [livepatch]],
  [`the kernel image ${kernel.release}`, [image]],
  ['both, held against each other', [livepatch, image]],
] as const) {
  const taken: number[] = [];
  for (let round = 0; round < times; round++) {
    const { page } = await site.visit('/workbench/');
    taken.push((await openInWorkbench(page, files)) ?? Number.NaN);
    await page.context().close();
  }
  taken.sort((a, b) => a - b);
  lines.push(
    `| ${what} | ${(files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6).toFixed(1)} | ${taken[times >> 1]} (${taken[0]} to ${taken[times - 1]}) |`,
  );
}
await site.close();
const text = `${lines.join('\n')}\n`;
if (values.table) await writeFile(values.table, text);
process.stdout.write(text);
