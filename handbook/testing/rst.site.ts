import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inTemporaryFolder } from '@klpkit/host';
import { expect, test } from 'vitest';
import { writeRst } from '../rst.ts';

const run = promisify(execFile);
const config = 'project = "livepatch"\nmaster_doc = "livepatch/index"\n';

/** What Sphinx complains of. */
async function complaints(folder: string): Promise<string> {
  await writeFile(join(folder, 'conf.py'), config);
  const { stderr } = await run('sphinx-build', ['-q', '-n', '-b', 'dummy', folder, join(folder, 'out')]);
  return stderr;
}

test("the pages in the kernel's form are built by Sphinx without a warning", async () => {
  await inTemporaryFolder('klpkit-rst-', async (folder) => {
    const files = await writeRst(join(folder, 'rst'));
    expect(files.length).toBeGreaterThan(25);
    expect(await complaints(join(folder, 'rst'))).toBe('');
    // What a component of the site shows stands in the text as well.
    const symbols = await readFile(join(folder, 'rst/livepatch/symbols/unexported.rst'), 'utf8');
    expect(symbols).toMatch(/:caption: private-symbol\/bell\.c\n\n[\s\S]* {3}extern void bell_ring\(/);
    expect(symbols).not.toContain('<Sample');
    const page = join(folder, 'rst/livepatch/concepts/limits.rst');
    await writeFile(page, `${await readFile(page, 'utf8')}\n*an end is missing\n`);
    expect(await complaints(join(folder, 'rst')), 'premise: Sphinx complains').toContain('WARNING');
  });
});
