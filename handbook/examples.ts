import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { convertKlp } from '@klpkit/livepatch';
import { type Example, examples } from './src/workbench/examples.ts';

const run = promisify(execFile);
const pitfalls = join(import.meta.dirname, '../packages/pitfalls');
const folder = join(import.meta.dirname, 'public/examples');

/** Compiles the workbench's examples, the cases of our own pitfalls, into `public/examples`. Needs gcc 12. */
export async function makeExamples(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'klpkit-examples-'));
  try {
    await mkdir(join(scratch, 'out'));
    for (const example of examples) await make(example, scratch);
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(folder, '..'), { recursive: true });
    await cp(join(scratch, 'out'), folder, { recursive: true });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function make({ files }: Example, scratch: string): Promise<void> {
  for (const { name, folder: from, source, kind, klp } of files) {
    const work = await mkdtemp(join(scratch, 'case-'));
    await cp(join(pitfalls, 'shared'), work, { recursive: true });
    await cp(join(pitfalls, from, 'cases'), work, { recursive: true });
    // One name on both sides, as a unit of a kernel has.
    await rename(join(work, source), join(work, 'unit.c'));
    const flags = kind === 'module' ? '@livepatch.flags' : '@gcc-12.flags';
    await run('gcc-12', [flags, '-c', 'unit.c', '-o', 'unit.o'], { cwd: work });
    const out = join(scratch, 'out', name);
    if (kind === 'module') await run('ld', ['-r', '-m', 'elf_x86_64', '-o', out, 'unit.o'], { cwd: work });
    else await rename(join(work, 'unit.o'), out);
    if (klp.length > 0)
      await writeFile(
        out,
        convertKlp(
          new Uint8Array(await readFile(out)),
          klp.map((name) => ({ symbol: name, object: 'vmlinux', name, sympos: 0, patched: 'vmlinux' })),
        ),
      );
  }
}
