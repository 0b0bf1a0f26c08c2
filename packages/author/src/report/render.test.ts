import { createHash } from 'node:crypto';
import { convertKlp } from '@klpkit/livepatch';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { makeModule } from '../../../livepatch/src/testing/module.ts';
import { formatReport, reportHtml, reportJson, reportJsonSchema, reportSchema } from './index.ts';
import { sampleDetails, sampleReport } from './testing/sample.ts';

/** A copy of a plain value with every string in it changed. */
function mapStrings<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change)) as T;
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        // These are words of ours out of a fixed list.
        ['status', 'kind', 'severity', 'change'].includes(key) ? item : mapStrings(item, change),
      ]),
    ) as T;
  return value;
}

describe('the text', () => {
  test('says everything, in 100 columns', async () => {
    const text = formatReport(sampleReport);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    await expect(text).toMatchFileSnapshot('cases/sample.txt');
  });

  test('of a build that stopped before the module', async () => {
    const { module, ...rest } = sampleReport;
    expect(module).toBeDefined();
    const text = formatReport({ ...rest, units: [], relocations: [], exports: [], findings: [], tools: [] });
    await expect(text).toMatchFileSnapshot('cases/stopped.txt');
  });

  test('stays within any width, whatever the names', () => {
    const long = mapStrings(sampleReport, (text) => `${text}${'_and_so_on'.repeat(20)}`);
    for (const width of [40, 72, 100]) {
      const lines = formatReport(long, { width }).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    }
  });

  test('paint sees the roles, and the text is the same without it', () => {
    const roles = new Set<string>();
    const painted = formatReport(sampleReport, {
      paint: (role, text) => {
        roles.add(role);
        return `<${text}>`;
      },
    });
    expect([...roles].sort()).toEqual(['bad', 'dim', 'heading', 'name']);
    expect(painted).not.toBe(formatReport(sampleReport));
    expect(painted.replace(/[<>]/g, '').replace(/ +$/gm, '')).toBe(formatReport(sampleReport));
  });

  test('a name cannot move the cursor or turn the text around', () => {
    const hostile = mapStrings(sampleReport, (text) => `${text}\u001b[2J\r\n\u202e\u0007`);
    const text = formatReport(hostile);
    expect(text).toContain('\\u001b[2J\\u000d\\u000a\\u202e\\u0007');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });
});

describe('the JSON', () => {
  test('is what the schema says, and comes back as it was', () => {
    const value = JSON.parse(reportJson(sampleReport));
    expect(v.parse(reportSchema, value)).toEqual(sampleReport);
    expect(reportJson(value)).toBe(reportJson(sampleReport));
  });

  test('the schema knows no other fields and no other versions', () => {
    expect(v.safeParse(reportSchema, { ...sampleReport, when: 'now' }).success).toBe(false);
    expect(v.safeParse(reportSchema, { ...sampleReport, version: 2 }).success).toBe(false);
    expect(v.safeParse(reportSchema, sampleReport).success).toBe(true);
  });

  test('the JSON Schema has every field of the report', () => {
    const schema = reportJsonSchema() as {
      properties: object;
      required: string[];
      additionalProperties: boolean;
    };
    expect(Object.keys(schema.properties).sort()).toEqual([...Object.keys(sampleReport), 'sources'].sort());
    expect(schema.required).not.toContain('module');
    expect(schema.additionalProperties).toBe(false);
  });
});

describe('the page', () => {
  /** The tags with the names of their attributes: what a browser would make elements of. */
  const structure = (page: string) =>
    [
      ...page
        .replace(/<(style|script)( [^>]*)?>[\s\S]*?<\/\1>/g, '<$1></$1>')
        .matchAll(/<(\/?[a-z!][a-z0-9]*)([^>]*)>/gi),
    ].map(
      ([, tag, rest]) =>
        `${tag} ${[...rest.matchAll(/([a-z-]+)="[^"]*"/g)].map((match) => match[1]).join(' ')}`,
    );

  test('hostile names add no element and no attribute', () => {
    const plain = structure(reportHtml(sampleReport, sampleDetails));
    expect(plain.length).toBeGreaterThan(200);
    for (const evil of [
      '<script>alert(1)</script>',
      '" onmouseover="alert(1)',
      "' onclick='alert(1)'",
      '</title></style></table><img src=x onerror=alert(1)>',
      '&lt;script&gt;',
      '<!--',
      '{{alert(1)}}',
      '\u0000<\u202e',
    ]) {
      const change = (text: string) => text + evil;
      // Functions find their code by name: both are changed alike. The ids of pitfalls are words of ours.
      const report = mapStrings(sampleReport, change);
      const findings = report.findings.map((one, index) => ({ ...one, id: sampleReport.findings[index].id }));
      const page = reportHtml({ ...report, findings }, mapStrings(sampleDetails, change));
      expect(structure(page)).toEqual(plain);
    }
  });

  test('markup in a name is shown as it is', () => {
    const page = reportHtml({ ...sampleReport, name: '<b>&amp;"\'' }, []);
    expect(page).toContain('<h1>&lt;b&gt;&amp;amp;&quot;&#39;</h1>');
    expect(page).not.toContain('<b>&amp;');
  });

  test('needs nothing from elsewhere, and its policy allows its own script and style only', () => {
    const page = reportHtml(sampleReport, sampleDetails);
    expect(page).not.toMatch(/\b(src|href)="(?!#)/);
    expect(page).not.toMatch(/@import|url\(|https?:/);
    expect(page).not.toMatch(/ (style|on[a-z]+)="/);
    for (const tag of ['script', 'style']) {
      const bodies = [
        ...page.matchAll(new RegExp(`<${tag}(?: type="module")?>([\\s\\S]*?)</${tag}>`, 'g')),
      ].map((match) => match[1]);
      expect(bodies).toHaveLength(1);
      const hash = createHash('sha256').update(bodies[0]).digest('base64');
      expect(page).toContain(`${tag}-src &#39;sha256-${hash}&#39;`);
    }
  });

  test('links and controls lead to parts that exist, and ids are unique', () => {
    const page = reportHtml(sampleReport, sampleDetails);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...page.matchAll(/(?:href="#|aria-controls="|aria-labelledby=")([^"]+)"/g)].map(
      (match) => match[1],
    );
    expect(targets.length).toBeGreaterThan(10);
    expect(targets.filter((target) => !ids.includes(target))).toEqual([]);
    expect(page).toMatch(/<html lang="en">/);
    expect(page.match(/<table/g)?.length).toBe(page.match(/<caption>/g)?.length);
    for (const [head] of page.matchAll(/<th(?=[ >])[^>]*>/g)) expect(head).toContain('scope="');
  });

  test('equal code is folded, differences and edited lines are not', () => {
    const page = reportHtml(sampleReport, sampleDetails);
    const fold = /<tbody id="u0f0-0">([\s\S]*?)<\/tbody>/.exec(page)?.[1] ?? '';
    expect(fold).toContain('mov 0(%rdi), %rax');
    expect(fold).not.toContain('mov 11(%rdi), %rax');
    expect(fold).not.toMatch(/class="(del|add|mod|e)/);
    expect(page).toContain('>8 equal instructions</button>');
    expect(page).toContain('<td class="mod">mov $&quot;hi&quot;, %rdi</td>');
    expect(page).toContain('include/linux/sample.h:9 in say → louder, inlined');
  });

  test('is the same for the same report', () => {
    expect(reportHtml(structuredClone(sampleReport), structuredClone(sampleDetails))).toBe(
      reportHtml(sampleReport, sampleDetails),
    );
  });
});

describe('what is in the module', () => {
  const source = (name: string) => `
extern int lock_of_others(int);
extern void *klp_shadow_get_or_alloc(void *, unsigned long, unsigned long, int, void *, void *);
static __attribute__((noinline)) int helper(int x) { return lock_of_others(x) * 3; }
int ${name}(int x) { return helper(x + 1) + (klp_shadow_get_or_alloc(0, 0x77, 24, 0, 0, 0) != 0); }
int before_patch(void *obj) { return 0; }
static struct klp_func core[] = { { "show", ${name}, 2 }, { } };
static struct klp_object objs[] = { { 0, core, { before_patch } }, { } };
static struct klp_state states[] = { { 9, 4 }, { } };
static struct klp_patch patch = { &__this_module, objs, states, 1 };
init { return klp_enable_patch(&patch); }`;
  const built = async (name: string) =>
    convertKlp(await makeModule(source(name)), [
      {
        symbol: 'lock_of_others',
        object: 'vmlinux',
        name: 'lock_of_others',
        sympos: 3,
        patched: 'vmlinux',
      },
    ]);
  /** What stands in a table of the page. */
  const table = (page: string, id: string) =>
    new RegExp(`id="table-${id}"[\\s\\S]*?</details>`).exec(page)?.[0] ?? '';

  test('is shown by tables and a graph, as the workbench does', async () => {
    const page = reportHtml(sampleReport, sampleDetails, await built('show_fixed'));
    expect(table(page, 'patched')).toMatch(/show.*number 2 of its name.*show_fixed/s);
    expect(table(page, 'callbacks')).toMatch(/pre_patch.*before_patch/s);
    expect(table(page, 'states')).toMatch(/0x9.*4/s);
    expect(table(page, 'shadows')).toMatch(/0x77.*24.*makes/s);
    expect(table(page, 'relocations')).toMatch(/calls.*lock_of_others of vmlinux, the 3rd of that name/s);
    expect(page).toContain('<li>show_fixed calls helper</li>');
    expect(page).toContain('<li>helper calls lock_of_others</li>');
    expect(page).toMatch(/<rect class="marked"[^>]*\/><text[^>]*>show_fixed</);
    expect(page, 'the list of the report itself is not said twice').not.toContain('id="relocations"');
    // What the report says of sample_open's code is a link from the module; nothing leads out of the page.
    expect(page).not.toMatch(/\b(src|href)="(?!#)/);
    expect(page).not.toMatch(/ (style|on[a-z]+)="/);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(reportHtml(sampleReport, sampleDetails, await built('show_fixed'))).toBe(page);
  });

  test('names of the module are text', async () => {
    const evil = await built('show_fixed');
    const name = Buffer.from('show_fixed');
    const bytes = Buffer.from(evil);
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1))
      bytes.write('<b>&"\'</b>', at, 'latin1');
    const page = reportHtml(sampleReport, sampleDetails, new Uint8Array(bytes));
    expect(page).toContain('&lt;b&gt;&amp;&quot;&#39;');
    expect(page).not.toContain('<b>&"');
  });
});
