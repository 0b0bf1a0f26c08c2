import { readFile, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { inTemporaryFolder } from '@klpkit/host';
import { addKernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generated } from '../../bench/check/large.ts';
import { makeModule } from '../../packages/livepatch/src/testing/module.ts';
import { siteFolder } from '../build.ts';
import { badLinks, traces } from '../dist-checks.ts';
import { chapters } from '../src/page-list.ts';
import { isWritten } from '../src/sidebar.ts';
import { answer, openInWorkbench, openSite, type Site, type Visit } from './browser.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site?.close());

/** One address for each kind of page. */
const kinds = {
  'the first page': '/',
  'a page of text': '/creation/two-ways/',
  'a page with diagrams': '/concepts/consistency/',
  'a page of the reference': '/reference/exit-codes/',
  'the list of pitfalls': '/pitfalls/',
  'a pitfall': '/pitfalls/klp102/',
  'a pitfall without detector': '/pitfalls/klp403/',
  'the workbench': '/workbench/',
  'a page that is not there': '/no-such-page/',
} as const;

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe says against a page, in a form that reads well in a failed test. */
async function violations({ page }: Pick<Visit, 'page'>): Promise<string[]> {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`,
    );
  });
  return found;
}

describe('the site', () => {
  test('has every page of the list', () => {
    const missing = chapters.flatMap(({ pages }) =>
      pages.map(({ slug }) => slug).filter((slug) => !isWritten(slug)),
    );
    expect(missing).toEqual([]);
  });

  test('has no link that leads nowhere', async () => {
    const { bad, count } = await badLinks(siteFolder);
    expect(count, 'premise: links are seen').toBeGreaterThan(1000);
    expect(bad).toEqual([]);
  });

  test('tells nothing of the machine that built it', async () => {
    expect(await traces(siteFolder, [join(import.meta.dirname, '../..')])).toEqual([]);
  });

  describe.each(Object.entries(kinds))('%s', (kind, path) => {
    test.each(['light', 'dark'] as const)('is accessible and keeps to itself (%s)', async (theme) => {
      const visit = await site.visit(path, { theme });
      expect(await visit.page.title()).not.toBe('');
      expect(await violations(visit)).toEqual([]);
      expect(visit.strangers).toEqual([]);
      if (kind !== 'a page that is not there') expect(visit.complaints).toEqual([]);
      await visit.page.context().close();
    });
  });

  test('fits a phone: no page is wider than its window', async () => {
    for (const path of Object.values(kinds)) {
      const { page } = await site.visit(path, { width: 360 });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, path).toBeLessThanOrEqual(360);
      await page.context().close();
    }
  });

  test('loads a page of text with less than 150 KB', async () => {
    for (const path of ['/', '/creation/two-ways/', '/pitfalls/klp102/']) {
      const visit = await site.visit(path);
      const bytes = await visit.packedBytes();
      console.log(`handbook: first load of ${path}: ${(bytes / 1024).toFixed(0)} KB compressed`);
      expect(bytes, 'premise: answers are seen').toBeGreaterThan(10 * 1024);
      expect(bytes, path).toBeLessThan(150 * 1024);
      await visit.page.context().close();
    }
  });

  test('finds by words what a page says', async () => {
    const visit = await site.visit('/');
    // The page loads the search when it has nothing else to do.
    await visit.page.locator('site-search input').waitFor({ state: 'attached' });
    await visit.page.locator('[data-open-modal]').click();
    await visit.page.locator('dialog[open] input').fill('inlined into some callers');
    await visit.page.locator('.pagefind-ui__result-link', { hasText: 'KLP102' }).first().waitFor();
    expect(visit.strangers).toEqual([]);
    await visit.page.context().close();
  });
});

describe('the workbench', () => {
  let visit: Visit;
  const title = () => visit.page.locator('h2.opened').textContent();
  const alert = () => visit.page.locator('[data-part="alert"]').textContent();
  beforeAll(async () => {
    visit = await site.visit('/workbench/');
  });
  afterAll(async () => {
    expect(visit.strangers, 'nothing is sent anywhere').toEqual([]);
    expect(visit.complaints).toEqual([]);
    await visit.page.context().close();
  });

  test('opens a livepatch of 1 MB and says what is in it', async () => {
    const bytes = await makeModule(generated(1000, 20));
    expect(bytes.length, 'premise').toBeGreaterThan(1_000_000);
    const milliseconds = await openInWorkbench(visit.page, [{ name: 'large.ko', bytes }]);
    console.log(`workbench: a livepatch of ${(bytes.length / 1e6).toFixed(1)} MB in ${milliseconds} ms`);
    expect(await title()).toBe('large.ko: a livepatch');
    expect(await visit.page.locator('dd', { hasText: '1000 functions of vmlinux' }).count()).toBe(1);
  });

  test('opens a kernel image and finds a symbol of it', async () => {
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    const milliseconds = await openInWorkbench(visit.page, [kernel.vmlinuz]);
    console.log(`workbench: the kernel image ${kernel.release} in ${milliseconds} ms`);
    expect(await title()).toMatch(/a kernel image$/);
    expect(await visit.page.locator('dd', { hasText: kernel.release }).first().textContent()).toContain(
      'Linux version',
    );
    await visit.page.getByLabel('Search Symbols').fill('cmdline_proc_show');
    await visit.page.getByRole('button', { name: 'cmdline_proc_show', exact: true }).click();
    await visit.page
      .locator('dialog.code td', { hasText: /^call seq_/ })
      .first()
      .waitFor();
    await visit.page.keyboard.press('Escape');
  });

  test('refuses what it cannot read with one line, and goes on', async () => {
    const good = await readFile(join(siteFolder, 'examples/klp301.ko'));
    const damaged = good.subarray(0, good.length - 700);
    expect(await openInWorkbench(visit.page, [{ name: 'damaged.ko', bytes: damaged }])).toBeUndefined();
    expect(await alert()).toMatch(/^damaged\.ko: elf: .* the file at 0x[0-9a-f]+$/);
    const foreign = { name: 'notes.txt', bytes: new TextEncoder().encode('no program at all') };
    expect(await openInWorkbench(visit.page, [foreign])).toBeUndefined();
    expect(await alert()).toMatch(
      /^notes\.txt: expected a module, an object or a kernel image; it begins with 6e 6f/,
    );
    expect(await openInWorkbench(visit.page, [{ name: 'good.ko', bytes: good }])).toBeDefined();
    expect(await title()).toBe('good.ko: a livepatch');
    expect(await violations(visit)).toEqual([]);
    expect(await visit.page.locator('[data-part="alert"]').isVisible()).toBe(false);
  });

  test('refuses a file of 1 GB before it reads it', async () => {
    await inTemporaryFolder('klpkit-site-', async (folder) => {
      const path = join(folder, 'huge.ko');
      await writeFile(path, '\x7fELF');
      await truncate(path, 1024 ** 3);
      expect(await openInWorkbench(visit.page, [path])).toBeUndefined();
      expect(await alert()).toMatch(/^huge\.ko: 1\.0 GiB are too many, at most 512\.0 MiB are read/);
    });
  });

  test('says what happens when one livepatch follows another', async () => {
    const [older, newer] = await Promise.all(
      ['klp216-older.ko', 'klp216-newer.ko'].map(async (name) => ({
        name,
        bytes: await readFile(join(siteFolder, 'examples', name)),
      })),
    );
    await openInWorkbench(visit.page, [older, newer]);
    expect(await visit.page.locator('.verdict').textContent()).toMatch(
      /^the kernel does not enable klp216-newer\.ko/,
    );
    await visit.page.getByRole('button', { name: 'Turn the two round' }).click();
    await visit.page.locator('h2.opened', { hasText: 'klp216-older.ko after klp216-newer.ko' }).waitFor();
  });

  test('works from the keyboard alone', async () => {
    const { page } = await site.visit('/workbench/');
    const press = async (key: string, until: string) => {
      for (let times = 0; times < 80; times++) {
        await page.keyboard.press(key);
        const has = await page.evaluate(() => {
          const { activeElement: on } = document;
          return on?.tagName === 'BUTTON' ? (on.textContent ?? '') : '';
        });
        if (has.includes(until)) return;
      }
      throw new Error(`no ${until} is reached with ${key}`);
    };
    await press('Tab', 'Two objects, before and after');
    await page.keyboard.press('Enter');
    await answer(page);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/compared$/);
    await press('Tab', 'sess_valid');
    await page.keyboard.press('Enter');
    const dialog = page.locator('dialog.code[open]');
    await dialog.waitFor();
    expect(await dialog.locator('tr.changed, tr.added').count()).toBeGreaterThan(2);
    expect(await violations({ page })).toEqual([]);
    await page.keyboard.type('je ');
    await page.keyboard.press('Enter');
    expect(await dialog.locator('.found').textContent()).toMatch(/^\d of \d$/);
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('sess_valid');
    await page.context().close();
  });
});

/** Pictures for people: KLPKIT_SCREENSHOTS names the folder. */
const folder = process.env.KLPKIT_SCREENSHOTS;
if (folder !== undefined)
  test('is drawn', { timeout: 300_000 }, async () => {
    for (const width of [360, 820, 1440])
      for (const theme of ['light', 'dark'] as const)
        for (const [kind, path] of Object.entries(kinds)) {
          const { page } = await site.visit(path, { width, theme });
          const name = `${kind.replaceAll(' ', '-')}-${width}-${theme}.png`;
          if (path === '/workbench/') {
            await page.getByRole('button', { name: 'Two objects' }).click();
            await answer(page);
          }
          await page.screenshot({ path: join(folder, name), fullPage: path !== '/pitfalls/' });
          await page.context().close();
        }
  });
