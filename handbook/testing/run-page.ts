import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { shell } from '../../packages/pitfalls/testing/page.ts';
import { type Block, blocksOf, isShown, type Kind, kindOf, renderConsole, type Step } from './blocks.ts';

const handbook = join(import.meta.dirname, '..');
const docs = join(handbook, 'src/content/docs');
const shared = join(handbook, '../packages/pitfalls/shared');

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

/** Options of {@link runPage}. */
export interface RunOptions {
  /** The folder to work in; a fresh one with the page's files otherwise. */
  readonly folder?: string;
  /** Told of each command before it runs. */
  readonly onCommand?: (command: string) => void;
}

/**
 * Runs a page: writes its files, runs its commands, in order and in one folder. The folder holds what the pitfalls' pages have as
 * well (flags, headers), and the files of `handbook/cases/SLUG`.
 *
 * @returns the page with the output that the commands really have wherever it is not what the page shows
 */
export async function runPage(page: Page, { folder, onCommand }: RunOptions = {}): Promise<string> {
  if (folder !== undefined) return runIn(page, folder, onCommand);
  const scratch = await mkdtemp(join(tmpdir(), 'klpkit-page-'));
  try {
    await cp(shared, scratch, { recursive: true });
    await cp(join(handbook, 'cases', page.slug), scratch, { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
    return await runIn(page, scratch, onCommand);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function runIn(page: Page, scratch: string, onCommand: RunOptions['onCommand']): Promise<string> {
  let { text } = page;
  // Kernels of this machine show only where a page says that it needs one.
  const env = page.kind === 'plain' ? { XDG_CACHE_HOME: join(scratch, '.cache') } : {};
  for (const block of page.blocks) {
    if (block.type === 'file') {
      const path = join(scratch, block.name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, block.text);
    }
    if (block.type !== 'console') continue;
    const real: Step[] = [];
    for (const { command, output } of block.steps) {
      onCommand?.(command);
      const timeoutMs = block.kind === 'plain' ? 60_000 : 600_000;
      const has = (await shell(scratch, command, { env, timeoutMs })).replaceAll(scratch, '.');
      real.push({ command, output: isShown(output, has) ? output : has });
    }
    text = text.replace(renderConsole(block.fence, block.steps), () => renderConsole(block.fence, real));
  }
  return text;
}
