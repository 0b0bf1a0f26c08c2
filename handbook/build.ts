import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { badLinks } from './dist-checks.ts';
import { writeServiceWorker } from './offline.ts';

const handbook = import.meta.dirname;
const root = join(handbook, '..');

/** Where the finished site is. */
export const siteFolder: string = join(handbook, 'dist');

/** What the site is made of: its own files, the pitfalls' pages, and the code that runs in the browser. */
const sources = [
  'handbook/{src,public}/**/*.{ts,js,astro,mdx,css,svg}',
  'handbook/*.{ts,mjs}',
  'handbook/package.json',
  'package-lock.json',
  'packages/pitfalls/*/page.mdx',
  'packages/cli/schemas/*.json',
  'packages/cli/src/{app.ts,commands/*.ts}',
  'samples/**/*.{c,h,json,yaml}',
  'packages/pitfalls/*/cases/**/*.{c,h}',
  'packages/{formats,findings,compare,livepatch,pitfalls}/**/*.ts',
  'packages/author/src/report/parts/*.{ts,js}',
  // What the list of the library is made of.
  'packages/{kernel,author,prove,live,fleet,host}/src/**/*.ts',
];

/** A hash over everything that the site is made of. */
async function fingerprint(): Promise<string> {
  const names: string[] = [];
  for await (const name of glob(sources, { cwd: root })) names.push(name);
  const hash = createHash('sha256');
  for (const name of names.sort()) {
    if (name.includes('/public/examples/')) continue;
    hash.update(`${name}\0`).update(await readFile(join(root, name)));
  }
  return hash.digest('hex');
}

/** True when the site is there and made of what the tree holds now. */
export async function isSiteFresh(): Promise<boolean> {
  const stamp = join(siteFolder, '.made-of');
  return existsSync(stamp) && (await readFile(stamp, 'utf8')) === (await fingerprint());
}

/**
 * Builds the site into {@link siteFolder}, examples and help texts first. The old one stays where it is until the new one is complete.
 *
 * @param onLine gets the lines that the site's builder prints
 * @throws {Error} with the last lines of the builder when it fails, or with the links that lead nowhere
 */
export async function buildSite(onLine: (line: string) => void = () => {}): Promise<void> {
  const madeOf = await fingerprint();
  await (await import('./examples.ts')).makeExamples();
  await (await import('./commands.ts')).writeCommands();
  const fresh = `${siteFolder}.${process.pid}.tmp`;
  try {
    await astro(['build', '--outDir', fresh], onLine);
    const { bad } = await badLinks(fresh);
    if (bad.length > 0) throw new Error(`links that lead nowhere:\n${bad.join('\n')}`);
    await writeServiceWorker(fresh);
    await writeFile(join(fresh, '.made-of'), madeOf);
    await rm(siteFolder, { recursive: true, force: true });
    await rename(fresh, siteFolder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function astro(args: readonly string[], onLine: (line: string) => void): Promise<void> {
  const bin = join(root, 'node_modules/astro/bin/astro.mjs');
  // A build inside of a test is for readers too: what tests set would make it one for developers.
  const { DEV, PROD, MODE, SSR, BASE_URL, VITEST, VITEST_MODE, ...own } = process.env;
  const env = {
    ...own,
    NODE_ENV: 'production',
    ASTRO_TELEMETRY_DISABLED: '1',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
  };
  await mkdir(siteFolder, { recursive: true });
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: handbook,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
        lines.push(line);
        onLine(line);
      }
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  if (code !== 0) throw new Error(`the site was not built:\n${lines.slice(-30).join('\n')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await buildSite((line) => process.stdout.write(`${line}\n`));
