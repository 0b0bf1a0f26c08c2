import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type LaunchOptions, type Page } from 'playwright-core';
import { type SiteServer, serveSite } from '../../packages/cli/src/site-server.ts';
import { buildSite, isSiteFresh, siteFolder } from '../build.ts';

/** Debian's Chromium; playwright-core downloads none. */
export const browserOptions: LaunchOptions = {
  executablePath: '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
};

/** The site, served, with a browser in front of it. */
export interface Site {
  readonly url: string;
  readonly browser: Browser;
  /** A page with whatever it asked of other origins, what it complained of, and the bytes of what it got, compressed. */
  visit(path: string, options?: VisitOptions): Promise<Visit>;
  close(): Promise<void>;
}

/** How a page is looked at. */
export interface VisitOptions {
  readonly width?: number;
  readonly theme?: 'light' | 'dark';
}

/** A page that is open. */
export interface Visit {
  readonly page: Page;
  /** Requests that went to anybody but the site, and any that sent something. */
  readonly strangers: string[];
  /** Errors of the console, and exceptions. */
  readonly complaints: string[];
  /** Bytes of all answers so far as gzip packs them. */
  packedBytes(): Promise<number>;
}

/** Builds the site where it is stale, serves it on a free port, and starts the browser. */
export async function openSite(): Promise<Site> {
  if (!(await isSiteFresh())) await buildSite();
  const server: SiteServer = await serveSite(siteFolder, 0);
  const browser = await chromium.launch(browserOptions);
  return {
    url: server.url,
    browser,
    async visit(path, { width = 1280, theme = 'light' } = {}) {
      const context = await browser.newContext({
        viewport: { width, height: 900 },
        colorScheme: theme,
        // It fetches the whole site, which is no part of what a page weighs.
        serviceWorkers: 'block',
      });
      const page = await context.newPage();
      const strangers: string[] = [];
      const complaints: string[] = [];
      const packed: Promise<number>[] = [];
      const sizeOf = (body: Buffer) => Math.min(body.length, gzipSync(body).length);
      page.on('request', (request) => {
        const isOwn = request.url().startsWith(server.url) || /^(blob|data):/.test(request.url());
        if (!isOwn || request.method() !== 'GET') strangers.push(`${request.method()} ${request.url()}`);
      });
      page.on('response', (response) => {
        packed.push(response.body().then(sizeOf, () => 0));
      });
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(new URL(path, server.url).href, { waitUntil: 'networkidle' });
      return {
        page,
        strangers,
        complaints,
        packedBytes: async () => (await Promise.all(packed)).reduce((sum, bytes) => sum + bytes, 0),
      };
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** Gives files to the workbench and waits until they are shown or refused. @returns milliseconds as the page saw them, for shown ones */
export async function openInWorkbench(
  page: Page,
  files: readonly (string | { readonly name: string; readonly bytes: Uint8Array })[],
): Promise<number | undefined> {
  const input = page.locator('[data-part="pick"]');
  await page.evaluate(() => {
    for (const root of document.querySelectorAll<HTMLElement>('[data-workbench]'))
      root.dataset.state = 'waiting';
  });
  const paths = files.filter((file) => typeof file === 'string');
  const payloads = files.flatMap((file) =>
    typeof file === 'string'
      ? []
      : [{ name: file.name, mimeType: 'application/octet-stream', buffer: Buffer.from(file.bytes) }],
  );
  if (paths.length > 0) await input.setInputFiles(paths);
  else await input.setInputFiles(payloads);
  return answer(page);
}

/** Waits until the workbench shows or refuses something. */
export async function answer(page: Page): Promise<number | undefined> {
  const root = page.locator('[data-workbench]');
  await page.waitForSelector('[data-workbench][data-state="shown"], [data-workbench][data-state="refused"]', {
    timeout: 90_000,
  });
  if ((await root.getAttribute('data-state')) === 'refused') return undefined;
  return Number(await root.getAttribute('data-milliseconds'));
}
