import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type Block, blocksOf, isShown, type Kind, kindOf, renderConsole, type Step } from './blocks.mjs';
import { makeClone } from './clone.ts';
import { openShell } from './shell.mjs';

const handbook = join(import.meta.dirname, '..');
const docs = join(handbook, 'src/content/docs');
const pitfalls = join(handbook, '../packages/pitfalls');

/** A page of `src/content/docs` with its blocks. */
export interface Page {
  /** `api/callbacks`. */
  readonly slug: string;
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly kind: Kind;
}

/** All pages of the handbook itself, by slug. The pitfalls' pages are tested beside their detectors. */
export async function readPages(): Promise<Page[]> {
  const names: string[] = [];
  for await (const name of glob('**/*.{md,mdx}', { cwd: docs })) names.push(name);
  return Promise.all(
    names.sort().map(async (name) => {
      const path = join(docs, name);
      const text = await readFile(path, 'utf8');
      const blocks = blocksOf(text);
      return { slug: name.replace(/\.mdx?$/, ''), path, text, blocks, kind: kindOf(blocks) };
    }),
  );
}

/**
 * Runs a page in a fresh folder: writes its files, types its commands, in order and into one shell. The folder is a clone of klpkit
 * where the page says so, without klpkit on the PATH. Otherwise it holds what the pitfalls' pages have as well (flags, headers) and
 * the files of `handbook/cases/SLUG`, and klpkit is on the PATH.
 *
 * @returns the page with the output that the commands really have wherever it is not what the page shows
 */
export async function runPage(page: Page): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'klpkit-page-'));
  try {
    const inClone = page.blocks.some((block) => block.type === 'console' && block.inClone);
    if (inClone) await makeClone(scratch);
    else {
      await cp(join(pitfalls, 'shared'), scratch, { recursive: true });
      await cp(join(handbook, 'cases', page.slug), scratch, { recursive: true }).catch((error: unknown) => {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      });
    }
    return await runIn(page, scratch, inClone);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function runIn(page: Page, scratch: string, inClone: boolean): Promise<string> {
  let { text } = page;
  const programs = (process.env.PATH ?? '').split(delimiter);
  const path = inClone
    ? programs.filter((folder) => !folder.includes('node_modules'))
    : [join(pitfalls, 'testing/bin'), ...programs];
  const env = {
    PATH: path.join(delimiter),
    LC_ALL: 'C',
    HOME: process.env.HOME,
    COLUMNS: '110',
    NO_COLOR: '1',
    // Kernels of this machine show only where a page says that it needs one.
    ...(page.kind === 'plain' ? { XDG_CACHE_HOME: join(scratch, '.cache') } : {}),
  };
  const shell = openShell(scratch, env, { timeoutMs: page.kind === 'plain' ? 60_000 : 600_000 });
  for (const block of page.blocks) {
    if (block.type === 'file') {
      const path = join(scratch, block.name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, block.text);
    }
    if (block.type !== 'console') continue;
    const real: Step[] = [];
    for (const { command, output } of block.steps) {
      const has = (await shell.run(command)).replaceAll(scratch, '.');
      real.push({ command, output: isShown(output, has) ? output : has });
    }
    text = text.replace(renderConsole(block.fence, block.steps), () => renderConsole(block.fence, real));
  }
  return text;
}
