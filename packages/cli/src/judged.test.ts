import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from '@klpkit/findings';
import { pitfalls } from '@klpkit/pitfalls';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertKlp } from '../../livepatch/src/convert.ts';
import { makeModule, sample } from '../../livepatch/src/testing/module.ts';
import { makeRelease } from '../../livepatch/src/testing/series.ts';
import { renderMarkdown } from './markdown.ts';
import { answer, parsePolicy } from './policy.ts';
import { sarifLog } from './sarif.ts';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klpkit-judged-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A livepatch whose only warning is that it keeps a count. */
const oneFunction = `
  extern int printk(const char *, ...);
  static int count;
  int new_show(int x) { return printk("%d", count += x); }
  static struct klp_func funcs[] = { { "show", new_show }, { } };
  static struct klp_object objs[] = { { 0, funcs }, { } };
  static struct klp_patch patch = { &__this_module, objs, 0, 1 };
  init { return klp_enable_patch(&patch); }`;

const require = createRequire(import.meta.url);
const Ajv: typeof import('ajv-draft-04').default = require('ajv-draft-04').default;
/** Whether something is SARIF 2.1.0. */
const validateSarif = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(
  JSON.parse(readFileSync(require.resolve('schemastore/schemas/json/sarif-2.1.0-rtm.5.json'), 'utf8')),
);

const findings: Finding[] = [
  {
    id: 'KLP402',
    severity: 'error',
    what: 'it never ends',
    at: { symbol: 'kthread_a', unit: 'fs/a.c', line: 3 },
  },
  { id: 'KLP402', severity: 'error', what: 'it never ends', at: { symbol: 'kthread_b' } },
  { id: 'KLP506', severity: 'warning', what: 'state is kept', certainty: 'likely', evidence: ['the file'] },
];

describe('klpkit.toml', () => {
  it('answers findings, changes levels, and keeps the reason', async () => {
    const policy = await parsePolicy(
      'klpkit.toml',
      'max-warnings = 2\n[levels]\nKLP506 = "note"\n[[suppress]]\nid = "KLP402"\nsymbol = "kthread_a"\nreason = "it is stopped first"\n',
    );
    const { findings: left, suppressed } = answer(findings, policy);
    expect(policy.maxWarnings).toBe(2);
    expect(left.map(({ id, severity, at }) => [id, severity, at?.symbol])).toEqual([
      ['KLP402', 'error', 'kthread_b'],
      ['KLP506', 'note', undefined],
    ]);
    expect(suppressed.map(({ finding, reason }) => [finding.at?.symbol, reason])).toEqual([
      ['kthread_a', 'it is stopped first'],
    ]);
  });

  it('is told of an answer that answers nothing', async () => {
    const text = (symbol: string) => `[[suppress]]\nid = "KLP402"\nsymbol = "${symbol}"\nreason = "x"\n`;
    const idle = answer(findings, await parsePolicy('klpkit.toml', text('gone')));
    expect(idle.findings.at(-1)).toMatchObject({ id: 'unused-suppression', severity: 'warning' });
    const used = answer(findings, await parsePolicy('klpkit.toml', text('kthread_b')));
    expect(used.findings.map(({ id }) => id)).not.toContain('unused-suppression');
  });

  it.each([
    ['levels = [', 'klpkit.toml:1:'],
    ['[levels]\nKLP506 = "off"\n', 'levels.KLP506'],
    ['[[suppress]]\nid = "KLP402"\nreason = " "\n', 'a reason is needed'],
    ['[[suppress]]\nid = "KLP402"\n', 'suppress.0.reason'],
    ['surprise = 1\n', 'surprise'],
  ])('that is wrong names the place: %j', async (text, place) => {
    await expect(parsePolicy('klpkit.toml', text)).rejects.toThrow(place);
  });
});

describe('SARIF', () => {
  it('is what the standard says, with a rule for each id', () => {
    const log = sarifLog('1.0.0', 'out/live patch.ko', {
      findings,
      suppressed: [{ finding: { id: 'patch-fuzz', severity: 'warning', what: 'fuzz' }, reason: 'looked at' }],
    });
    expect(validateSarif(log), JSON.stringify(validateSarif.errors)).toBe(true);
    const [run] = log.runs;
    expect(run.tool.driver.rules?.map(({ id }) => id)).toEqual(['KLP402', 'KLP506', 'patch-fuzz']);
    expect(run.results?.map(({ ruleId, level }) => `${ruleId} ${level}`)).toEqual([
      'KLP402 error',
      'KLP402 error',
      'KLP506 warning',
      'patch-fuzz warning',
    ]);
    expect(run.results?.[0].locations?.[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'fs/a.c' },
      region: { startLine: 3 },
    });
    expect(run.results?.[1].locations?.[0].physicalLocation?.artifactLocation?.uri).toBe(
      'out/live%20patch.ko',
    );
    expect(run.results?.[3].suppressions?.[0].justification).toBe('looked at');
  });

  it('and the validation sees what is wrong', () => {
    expect(validateSarif({ version: '2.1.0', runs: [{ tool: {} }] })).toBe(false);
  });
});

describe('check', () => {
  it('passes a livepatch, and lists what it could not look for without a kernel', async () => {
    const path = join(folder, 'good.ko');
    await writeFile(path, await makeModule(sample));
    expect((await klpkit('check', path)).stdout).toMatch(
      /^good\.ko: 3 functions of vmlinux, loop, 0 KLP relocations\n/,
    );
    const { code, stdout } = await klpkit('check', path, '--json');
    const json = v.parse(schemas.check, JSON.parse(stdout));
    if (json.outcome !== 'passed' && json.outcome !== 'findings') throw new Error(json.outcome);
    expect(json.objects.map(({ name, functions }) => [name, functions.length])).toEqual([
      ['vmlinux', 1],
      ['loop', 2],
    ]);
    expect(json.kernel).toBeUndefined();
    expect(json.unchecked.find(({ id }) => id === 'KLP203')?.missing).toContain('kernel');
    expect(code).toBe(json.outcome === 'findings' ? 1 : 0);
  });

  it('ends with code 1 on an error, 0 when klpkit.toml answers it, and writes SARIF', async () => {
    const path = join(folder, 'unmarked.ko');
    await writeFile(
      path,
      await makeModule(sample, 'INFO(name, "test") INFO(license, "GPL") INFO(vermagic, "1.0 SMP ")\n'),
    );
    const bare = await klpkit('check', path);
    expect(bare.code).toBe(1);
    expect(bare.stdout).toContain('error KLP201: .modinfo: the module is not marked as a livepatch');
    expect(bare.stdout).toMatch(/not checked, for want of .*a kernel \(--kernel\)/);
    const errors = [...bare.stdout.matchAll(/^error (\S+):/gm)].map((match) => match[1]);
    const answers = [...new Set(errors)].map((id) => `[[suppress]]\nid = "${id}"\nreason = "a test"\n`);
    const policy = join(folder, 'answers.toml');
    await writeFile(policy, answers.join(''));
    const sarif = join(folder, 'out.sarif');
    const answered = await klpkit('check', path, '--policy', policy, '--sarif', sarif);
    expect(answered.stdout).toContain('answered KLP201');
    expect(answered.code).toBe(0);
    const log = JSON.parse(await readFile(sarif, 'utf8'));
    expect(validateSarif(log), JSON.stringify(validateSarif.errors)).toBe(true);
    expect(log.runs[0].results.some((result: { suppressions?: unknown }) => result.suppressions)).toBe(true);
  });

  it('shows the instruction that a finding is about', async () => {
    const placeholders = [3, 1].map((sympos, index) => {
      const of = { object: 'vmlinux', name: 'counter', patched: 'vmlinux' };
      return { symbol: `ref_${index}_counter`, sympos, ...of };
    });
    const bytes = Buffer.from(
      convertKlp(await makeModule(sample), [
        ...placeholders,
        { symbol: 'ref_2_helper', object: 'loop', name: 'helper', sympos: 0, patched: 'loop' },
        { symbol: 'ref_3_state', object: 'vmlinux', name: 'state', sympos: 0, patched: 'loop' },
      ]),
    );
    bytes.write('counter;3', bytes.indexOf('counter,3'), 'latin1');
    const path = join(folder, 'malformed.ko');
    await writeFile(path, bytes);
    const { stdout } = await klpkit('check', path);
    expect(stdout).toMatch(
      /^error KLP302: .*counter;3 is no name of a KLP symbol\n {2}why: .*\n {2}code: \w*show\+0x\w+: mov /m,
    );
  });

  it('says one function where there is one', async () => {
    const path = join(folder, 'one.ko');
    await writeFile(path, await makeModule(oneFunction));
    const { stdout } = await klpkit('check', path);
    expect(stdout).toMatch(/^one\.ko: 1 function of vmlinux, 0 KLP relocations\n/);
    expect(stdout).toMatch(/^warning KLP506: count: .*\n/m);
  });

  it('takes klpkit.toml next to the file, reports an answer that answers nothing, and counts warnings', async () => {
    const own = join(folder, 'own');
    await mkdir(own);
    const path = join(own, 'one.ko');
    await writeFile(path, await makeModule(oneFunction));
    const warned = await klpkit('check', path);
    expect(warned).toMatchObject({ code: 0, stdout: expect.stringContaining('0 errors, 1 warning, ') });
    expect((await klpkit('check', path, '--max-warnings', '0')).code).toBe(1);
    expect((await klpkit('check', path, '--max-warnings', '1')).code).toBe(0);
    expect((await klpkit('check', path, '--max-warnings', 'few')).stderr).toContain(
      'few is no number of warnings',
    );

    await writeFile(join(own, 'klpkit.toml'), 'max-warnings = 0\n');
    expect((await klpkit('check', path)).code).toBe(1);
    expect((await klpkit('check', path, '--max-warnings', '1')).code).toBe(0);

    const answers = ['KLP506', 'KLP402'].map(
      (id) => `[[suppress]]\nid = "${id}"\nreason = "counts for fun"\n`,
    );
    await writeFile(join(own, 'klpkit.toml'), answers.join(''));
    const { code, stdout } = await klpkit('check', path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^answered KLP506: .*: counts for fun$/m);
    expect(stdout).toMatch(
      /^warning unused-suppression: .*klpkit\.toml: KLP402 is suppressed, and nothing of that kind was found$/m,
    );
    expect(stdout).not.toContain('warning KLP506');
  });

  it('says of other files what they are not', async () => {
    const text = join(folder, 'text.ko');
    await writeFile(text, 'this is no module, but long enough for a header of sixty-four bytes, surely');
    const { code, stderr } = await klpkit('check', text);
    expect(code).toBe(2);
    expect(stderr).toContain('text.ko: module: expected an ELF file');
    const cut = join(folder, 'cut.ko');
    await writeFile(cut, (await makeModule(sample)).subarray(0, 700));
    const truncated = await klpkit('check', cut);
    expect(truncated.code).toBe(2);
    expect(truncated.stderr).toContain('cut.ko: elf: ');
    const program = await klpkit('check', process.execPath);
    expect(program.code).toBe(2);
    expect(program.stderr).toContain('node: elf: type');
    expect(program.stderr).toContain('a module has 1 (relocatable)');
    const plain = join(folder, 'plain.ko');
    await writeFile(plain, await makeModule('int nothing;', 'INFO(name, "plain")\n'));
    const other = await klpkit('check', plain);
    expect(other.code).toBe(1);
    expect(other.stdout).toContain('error KLP201');
    expect(other.stdout).toMatch(/^not checked, for want of klp_patch tables in the module/m);
    const empty = join(folder, 'empty.ko');
    await writeFile(empty, '');
    expect((await klpkit('check', empty)).stderr).toContain('it begins with nothing');
  });
});

describe('explain', () => {
  it('shows the page of a pitfall, by any spelling of its number', async () => {
    const { code, stdout } = await klpkit('explain', 'klp102');
    expect(code).toBe(0);
    expect(stdout).toContain('KLP102 FUNCTION INLINED INTO SOME CALLERS ONLY');
    expect(stdout).not.toContain('```');
    expect((await klpkit('explain', '102')).stdout).toBe(stdout);
  });

  it('goes through the pager on a terminal, in colour', async () => {
    const command = `'${process.execPath}' '${join(import.meta.dirname, 'klpkit.js')}' explain KLP102`;
    // A terminal of its own.
    const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, PAGER: 'sed s/^/paged:/', NO_COLOR: '' },
    });
    expect(stdout).toContain('paged:\x1b[1mKLP102 FUNCTION INLINED INTO SOME CALLERS ONLY\x1b[22m');
    expect((await klpkit('explain', 'KLP102')).stdout).not.toContain('\x1b');
  });

  it('lists all of them, and names one that is not there', async () => {
    const { stdout } = await klpkit('explain', '--list', '--json');
    const json = v.parse(schemas.explain, JSON.parse(stdout));
    expect(json.outcome === 'listed' && json.pitfalls.length).toBe(pitfalls.length);
    const { code, stderr } = await klpkit('explain', 'KLP999');
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toContain('KLP999 is no pitfall of the catalogue');
  });

  it("explains a line of the kernel's log, and leads to its pitfall", async () => {
    const line = "[    4.5] livepatch: symbol 'x' not found in symbol table";
    const { code, stdout } = await klpkit('explain', line);
    expect(code).toBe(0);
    expect(stdout).toContain("the kernel has no symbol 'x' that the livepatch names");
    const json = v.parse(schemas.explain, JSON.parse((await klpkit('explain', line, '--json')).stdout));
    expect(json).toMatchObject({ outcome: 'message', pitfall: 'KLP203' });
    expect((await klpkit('explain', 'loop: module loaded')).code).toBe(2);
  });

  it('wraps prose to the width, and leaves code as it is', () => {
    const long = 'word '.repeat(40);
    const code = 'x'.repeat(90);
    const text = renderMarkdown(
      `# Title\n\n${long}\n\n- one **two** \`a < b\`\n\n\`\`\`console\n$ ${code}\n\`\`\`\n`,
      {
        width: 60,
        paint: (role, words) => (role === 'name' ? `<${words}>` : words),
      },
    );
    const lines = text.split('\n');
    expect(lines[0]).toBe('TITLE');
    for (const line of lines.filter((each) => each.startsWith('word')))
      expect(line.length).toBeLessThanOrEqual(60);
    expect(text).toContain('- one two <a < b>');
    expect(text).toContain(`    <$ ${code}>`);
  });
});

describe('klpkit upgrade', () => {
  it('says what the kernel makes of it in both directions', async () => {
    const [older, newer] = ['fix_1.ko', 'fix_2.ko'].map((file) => join(folder, file)) as [string, string];
    await writeFile(older, await makeRelease({ name: 'fix_1', states: { 7: 1 }, callbacks: ['pre_patch'] }));
    await writeFile(
      newer,
      await makeRelease({ name: 'fix_2', states: { 7: 2 }, objects: { vmlinux: { show: '', more: '' } } }),
    );
    const forward = await klpkit('upgrade', older, newer);
    expect(forward.code).toBe(0);
    expect(forward.stdout).toContain('fix_2.ko replaces fix_1.ko\n+ more: then runs that of fix_2.ko\n');
    expect(forward.stdout).toContain('  state 7: version 1 to version 2\n');
    expect(forward.stdout).toContain('  pre_patch of vmlinux in fix_1.ko has run\n');
    expect(forward.stdout).toContain('back: fix_1 cannot be loaded while fix_2 is enabled');

    const back = await klpkit('upgrade', newer, older, '--json');
    expect(back.code).toBe(1);
    const answer = v.parse(schemas.upgrade, JSON.parse(back.stdout));
    expect(answer).toMatchObject({
      outcome: 'findings',
      enabling: 'refused',
      states: [{ id: 7, older: 2, newer: 1, isCompatible: false }],
      functions: [{ name: 'more', change: 'dropped', runs: 'kernel' }, { name: 'show' }],
      downgrade: { how: 'load', enabling: 'replaces' },
    });
  });

  it('is told of a file that is none', async () => {
    const text = join(folder, 'text.ko');
    await writeFile(text, 'no module');
    const { code, stderr } = await klpkit('upgrade', text, join(folder, 'gone.ko'));
    expect(code).toBe(2);
    expect(stderr).toContain('gone.ko: there is no such file');
  });
});
