import { execFile } from 'node:child_process';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkModule, checkUpgrade, showFile } from '@klpkit/author';
import { readObjectModel } from '@klpkit/compare';
import { inTemporaryFolder } from '@klpkit/host';
import { addKernel } from '@klpkit/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generated } from '../../bench/check/large.ts';
import { serveSite } from '../../packages/cli/src/site-server.ts';
import { makeModule } from '../../packages/livepatch/src/testing/module.ts';
import { siteFolder } from '../build.ts';
import { badLinks, traces } from '../dist-checks.ts';
import { chapters } from '../src/page-list.ts';
import { isWritten } from '../src/sidebar.ts';
import { violations } from './axe.ts';
import { answer, openInWorkbench, openSite, type Site, type Visit } from './browser.ts';

const run = promisify(execFile);

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
      expect(await violations(visit.page)).toEqual([]);
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

describe('without a network, after the first visit', () => {
  test('pages that nobody visited, the search and the workbench are there', async () => {
    const server = await serveSite(siteFolder, 0);
    const context = await site.browser.newContext();
    const strangers: string[] = [];
    context.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(server.url))
        strangers.push(request.url());
    });
    const page = await context.newPage();
    try {
      await page.goto(server.url);
      await page.evaluate(async () => {
        await navigator.serviceWorker.ready;
      });
      // The server is gone: whatever is shown now was kept.
      await server.close();
      await page.goto(`${server.url}creation/two-ways/`);
      expect(await page.locator('h1').textContent()).toMatch(/two ways/i);
      await page.locator('site-search input').waitFor({ state: 'attached' });
      await page.locator('[data-open-modal]').click();
      await page.locator('dialog[open] input').fill('inlined into some callers');
      await page.locator('.pagefind-ui__result-link', { hasText: 'KLP102' }).first().waitFor();
      await page.goto(`${server.url}workbench/`);
      await page.getByRole('button', { name: 'Two objects' }).click();
      expect(await answer(page)).toBeDefined();
      await page.getByRole('button', { name: 'sess_valid' }).first().click();
      await page.locator('dialog.code td.mod, dialog.code td.add').first().waitFor();
      await page.goto(`${server.url}no-such-page/`);
      expect(await page.title()).toMatch(/404/);
      expect(strangers).toEqual([]);
    } finally {
      await context.close();
      await server.close().catch(() => undefined);
    }
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
    expect(await visit.page.locator('dd', { hasText: '1,000 functions of vmlinux' }).count()).toBe(1);
  });

  test('opens a kernel image and finds a symbol of it', async () => {
    const { page } = await site.visit('/workbench/');
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    // The page goes on drawing while the worker reads.
    await page.evaluate(() => {
      const root = document.querySelector<HTMLElement>('[data-workbench]');
      const count = () => {
        if (root?.dataset.state === 'busy')
          root.dataset.frames = String(Number(root.dataset.frames ?? 0) + 1);
        requestAnimationFrame(count);
      };
      count();
    });
    const milliseconds = await openInWorkbench(page, [kernel.vmlinuz]);
    const frames = Number(await page.locator('[data-workbench]').getAttribute('data-frames'));
    expect(frames, 'frames drawn meanwhile').toBeGreaterThan(5);
    console.log(`workbench: the kernel image ${kernel.release} in ${milliseconds} ms`);
    expect(await page.locator('h2.opened').textContent()).toMatch(/a kernel image$/);
    expect(await page.locator('dd', { hasText: kernel.release }).first().textContent()).toContain(
      'Linux version',
    );
    await page.getByLabel('Search Symbols').fill('cmdline_proc_show');
    await page.getByRole('button', { name: 'cmdline_proc_show', exact: true }).click();
    await page
      .locator('dialog.code td', { hasText: /^call seq_/ })
      .first()
      .waitFor();
    expect(await violations(page)).toEqual([]);
    await page.context().close();
  });

  describe('a livepatch held against a kernel image', () => {
    const name = 'klp301.ko';
    const release = '6.12.117+deb12-amd64';
    const findings = (page: Visit['page']) =>
      page
        .locator('.finding .what')
        .evaluateAll((list) => list.map((one) => (one.textContent ?? '').replace(/\s+/g, ' ').trim()));

    test('is told what klpkit check --kernel tells, and what the image cannot answer is named', async () => {
      const kernel = await addKernel(`debian:${release}`);
      const { page } = await site.visit('/workbench/');
      await openInWorkbench(page, [join(siteFolder, 'examples', name)]);
      const alone = await findings(page);
      await openInWorkbench(page, [join(siteFolder, 'examples', name), kernel.vmlinuz]);
      expect(await page.locator('h2.opened').textContent()).toMatch(
        /^klp301\.ko: a livepatch, held against vmlinuz/,
      );
      const held = await findings(page);
      expect(held.length, 'premise: the kernel tells more than the file').toBeGreaterThan(alone.length);
      const bytes = new Uint8Array(await readFile(join(siteFolder, 'examples', name)));
      const { judgement } = await checkModule(name, bytes, { kernel });
      const words = { error: 'Error', warning: 'Warning', note: 'Note' } as const;
      const told = judgement.findings.map(
        ({ id, severity, certainty, what }) =>
          `${words[severity]} ${id}${certainty && certainty !== 'certain' ? ` (${certainty})` : ''}: ${what}`,
      );
      expect(held.filter((one) => !told.includes(one))).toEqual([]);
      const unchecked = (await page.locator('.unchecked').textContent()) ?? '';
      expect(unchecked).toContain('the configuration of the kernel');
      // What only the command line finds is among what the page says that it did not check.
      const more = judgement.findings.filter((_, index) => !held.includes(told[index]));
      expect(more.filter(({ id }) => !unchecked.includes(id))).toEqual([]);
      await page.locator('.unchecked summary').click();
      expect(await violations(page)).toEqual([]);
      await page.context().close();
    });

    test('shows the shipped code beside the new one, in either order, and lets the kernel go', async () => {
      const kernel = await addKernel(`debian:${release}`);
      const { page } = await site.visit('/workbench/');
      await openInWorkbench(page, [kernel.vmlinuz]);
      await openInWorkbench(page, [join(siteFolder, 'examples', name)]);
      expect(await page.locator('h2.opened').textContent()).toMatch(/held against vmlinuz/);
      const old = page.locator('#table-patched td button').first();
      await old.click();
      const dialog = page.locator('dialog.code[open]');
      await dialog.waitFor();
      expect(await dialog.locator('thead').textContent()).toMatch(/shipped.*livepatch/);
      expect(await dialog.locator('td.mod, td.add, td.del').count()).toBeGreaterThan(0);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Without vmlinuz/ }).click();
      await page.locator('h2.opened', { hasText: /^klp301\.ko: a livepatch$/ }).waitFor();
      await openInWorkbench(page, [kernel.vmlinuz]);
      expect(await page.locator('h2.opened').textContent(), 'the other order').toMatch(
        /held against vmlinuz/,
      );
      await openInWorkbench(page, [join(siteFolder, 'examples/klp102-before.o')]);
      expect(await page.locator('h2.opened').textContent(), 'an object stands alone').toBe(
        'klp102-before.o: an object',
      );
      await page.context().close();
    });
  });

  test('refuses what it cannot read with the line of the command, and goes on', async () => {
    const good = await readFile(join(siteFolder, 'examples/klp301.ko'));
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    const image = new Uint8Array(await readFile(kernel.vmlinuz));
    const damaged = image.slice();
    damaged.fill(0x5a, 0x10000, 0x20000);
    const lineOf = (work: () => unknown) =>
      (async () => work())().then(
        () => 'nothing is wrong',
        (error: Error) => error.message,
      );
    const check = (name: string, bytes: Uint8Array) => lineOf(() => checkModule(name, bytes));
    const object = async (name: string, bytes: Uint8Array) =>
      `${name}: ${await lineOf(() => readObjectModel(bytes))}`;
    const show = (name: string, bytes: Uint8Array) => lineOf(() => showFile(name, bytes));
    const lto = async (compiler: string) =>
      inTemporaryFolder('klpkit-site-', async (folder) => {
        await writeFile(join(folder, 'a.c'), 'int twice(int x) { return 2 * x; }\n');
        await run(compiler, ['-O2', '-flto', '-c', 'a.c', '-o', 'a.o'], { cwd: folder });
        return new Uint8Array(await readFile(join(folder, 'a.o')));
      });
    const cases: [string, Uint8Array, typeof check, RegExp][] = [
      ['cut.ko', good.subarray(0, good.length - 700), check, /^cut\.ko: elf: .* the file .*0x[0-9a-f]+$/],
      ['notes.txt', new TextEncoder().encode('no program at all'), check, /it begins with 6e 6f/],
      ['empty.ko', new Uint8Array(0), check, /it begins with nothing/],
      ['bitcode.o', await lto('clang-19'), object, /LLVM bitcode/],
      ['gimple.o', await lto('gcc-12'), object, /gcc's intermediate code/],
      ['cut-vmlinuz', image.subarray(0, 4_000_000), show, /bzImage: the payload is .* the file ends at/],
      ['damaged-vmlinuz', damaged, show, /^damaged-vmlinuz: [a-z0-9]+: /],
    ];
    for (const [name, bytes, command, words] of cases) {
      const line = await command(name, bytes);
      expect(line, 'premise').toMatch(words);
      expect(await openInWorkbench(visit.page, [{ name, bytes }]), name).toBeUndefined();
      expect(await alert()).toBe(line);
    }
    expect(await openInWorkbench(visit.page, [{ name: 'good.ko', bytes: good }])).toBeDefined();
    expect(await title()).toBe('good.ko: a livepatch');
    expect(await violations(visit.page)).toEqual([]);
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

  test('takes files that are dropped', async () => {
    const { page } = await site.visit('/workbench/');
    await page.evaluate(async () => {
      const data = new DataTransfer();
      for (const name of ['klp102-before.o', 'klp102-after.o'])
        data.items.add(new File([await (await fetch(`/examples/${name}`)).blob()], name));
      document
        .querySelector('[data-part="drop"]')
        ?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    expect(await answer(page)).toBeDefined();
    expect(await page.locator('h2.opened').textContent()).toBe(
      'klp102-before.o and klp102-after.o, compared',
    );
    await page.locator('details.calls summary').first().click();
    await page.locator('.graph rect.marked').first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.context().close();
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
    const upgrade = await checkUpgrade(
      { file: older.name, bytes: new Uint8Array(older.bytes) },
      { file: newer.name, bytes: new Uint8Array(newer.bytes) },
    );
    expect(await visit.page.locator('.finding').count(), 'as klpkit upgrade').toBe(upgrade.findings.length);
    expect(await visit.page.locator('dd', { hasText: upgrade.downgrade.what }).count()).toBe(1);
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
    expect(await dialog.locator('td.mod, td.add').count()).toBeGreaterThan(2);
    expect(await violations(page)).toEqual([]);
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
