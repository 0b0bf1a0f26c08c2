import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reportHtml } from '../../packages/author/src/report/index.ts';
import { sampleDetails, sampleReport } from '../../packages/author/src/report/testing/sample.ts';
import { convertKlp } from '../../packages/livepatch/src/index.ts';
import { makeModule } from '../../packages/livepatch/src/testing/module.ts';
import { violations } from './axe.ts';
import { browserOptions } from './browser.ts';

const uses = 15;
/** A livepatch with more relocations than a table shows without a search. */
const source = `
${Array.from({ length: uses }, (_, index) => `extern int of_others_${index}(int);`).join('\n')}
static __attribute__((noinline)) int helper(int x) { ${Array.from({ length: uses }, (_, index) => `x += of_others_${index}(x);`).join(' ')} return x; }
int sample_open_fixed(int x) { return helper(x + 1); }
static struct klp_func core[] = { { "sample_open", sample_open_fixed, 2 }, { } };
static struct klp_object objs[] = { { 0, core }, { } };
static struct klp_patch patch = { &__this_module, objs, 0, 1 };
init { return klp_enable_patch(&patch); }`;

let browser: Browser;
let folder: string;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-report-'));
  const ko = convertKlp(
    await makeModule(source),
    Array.from({ length: uses }, (_, index) => ({
      symbol: `of_others_${index}`,
      object: 'vmlinux',
      name: `of_others_${index}`,
      sympos: 0,
      patched: 'vmlinux',
    })),
  );
  const path = join(folder, 'report.html');
  await writeFile(path, reportHtml(sampleReport, sampleDetails, ko));
  url = pathToFileURL(path).href;
  browser = await chromium.launch(browserOptions);
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(options: { width?: number; theme?: 'light' | 'dark' } = {}): Promise<{
  page: Page;
  complaints: string[];
}> {
  const { width = 1280, theme = 'light' } = options;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url) complaints.push(`asks for ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

test.each(['light', 'dark'] as const)(
  'the report of a build is accessible from a file alone (%s)',
  async (theme) => {
    const { page, complaints } = await open({ theme });
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  },
);

test('the report fits a phone', async () => {
  const { page } = await open({ width: 360 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.context().close();
});

test('the report finds words in code, also in folded code, and in tables', async () => {
  const { page, complaints } = await open();
  const folded = page.locator('tr', { hasText: 'mov 3(%rdi), %rax' });
  expect(await folded.isVisible(), 'premise: equal code is folded').toBe(false);
  const find = page.getByLabel('Find in the code of sample_open', { exact: true });
  await find.fill('mov 3(%rdi)');
  expect(await folded.isVisible()).toBe(true);
  await find.fill('mov');
  await find.press('Enter');
  expect(await page.locator('.found').first().textContent()).toBe('2 of 13');
  await page.getByLabel('Search KLP relocations in words').fill('calls of_others_7');
  expect(await page.locator('#table-relocations tbody tr:visible').count()).toBe(1);
  expect(await page.locator('#table-relocations .shown').textContent()).toBe(`1 of ${uses} found`);
  expect(await page.locator('.graph svg rect').count()).toBeGreaterThan(uses);
  await page.getByRole('button', { name: 'Show all code' }).click();
  await page.getByRole('button', { name: 'Hide equal code' }).click();
  expect(await folded.isVisible()).toBe(false);
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** Pictures for people: KLPKIT_SCREENSHOTS names the folder. */
const pictures = process.env.KLPKIT_SCREENSHOTS;
if (pictures !== undefined)
  test('the report is drawn', async () => {
    for (const width of [360, 820, 1440])
      for (const theme of ['light', 'dark'] as const) {
        const { page } = await open({ width, theme });
        await page.screenshot({ path: join(pictures, `report-${width}-${theme}.png`), fullPage: true });
        await page.context().close();
      }
  });
