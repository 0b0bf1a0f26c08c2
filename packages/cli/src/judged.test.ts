import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '@klpkit/findings';
import { pitfalls } from '@klpkit/pitfalls';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  const require = createRequire(import.meta.url);
  const Ajv: typeof import('ajv-draft-04').default = require('ajv-draft-04').default;
  const schema = JSON.parse(
    readFileSync(require.resolve('schemastore/schemas/json/sarif-2.1.0-rtm.5.json'), 'utf8'),
  );
  const validate = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(schema);

  it('is what the standard says, with a rule for each id', () => {
    const log = sarifLog('1.0.0', 'out/live patch.ko', {
      findings,
      suppressed: [{ finding: { id: 'patch-fuzz', severity: 'warning', what: 'fuzz' }, reason: 'looked at' }],
    });
    expect(validate(log), JSON.stringify(validate.errors)).toBe(true);
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
    expect(validate({ version: '2.1.0', runs: [{ tool: {} }] })).toBe(false);
  });
});

describe('check', () => {
  it('passes a livepatch, and lists what it could not look for without a kernel', async () => {
    const path = join(folder, 'good.ko');
    await writeFile(path, await makeModule(sample));
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
    expect(log.runs[0].results.some((result: { suppressions?: unknown }) => result.suppressions)).toBe(true);
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
