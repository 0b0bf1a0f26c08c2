import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { blocksOf, isShown, kindOf, kinds } from './blocks.mjs';
import { testPages } from './page-tests.ts';
import { readPages } from './run-page.ts';
import { openShell } from './shell.mjs';

await testPages('plain');

describe('code blocks of the handbook', async () => {
  const pages = await readPages();
  const all = pages.flatMap(({ slug, blocks }) => blocks.map((block) => ({ slug, block })));

  test('all run or say why not', () => {
    const commands = Object.fromEntries(kinds.map((kind) => [kind, 0]));
    const reasons: string[] = [];
    let files = 0;
    for (const { slug, block } of all) {
      if (block.type === 'console') commands[block.kind] += block.steps.length;
      else if (block.type === 'file') files++;
      else {
        expect(
          block.reason,
          `${slug}:${block.line} (${block.language}) neither runs nor says why`,
        ).toBeDefined();
        reasons.push(`  ${slug}:${block.line}: ${block.reason}`);
      }
    }
    const run = all.length - reasons.length;
    console.log(
      [
        `handbook: ${run} of ${all.length} code blocks are run: ${files} files, commands ${kinds.map((kind) => `${commands[kind]} ${kind}`).join(', ')}; ${reasons.length} are shown only`,
        ...reasons,
      ].join('\n'),
    );
    expect(reasons.length, 'blocks that are shown only').toBeLessThan(5);
  });

  test('files are used by a command of their page, or by a file that is', () => {
    for (const { slug, block } of all) {
      if (block.type !== 'file') continue;
      const page = pages.find((one) => one.slug === slug);
      const users = (page?.blocks ?? []).flatMap((one) => {
        if (one.type === 'console') return one.steps.map(({ command }) => command);
        return one.type === 'file' && one !== block ? [one.text] : [];
      });
      const parts = block.name.split('/');
      const isUsed = users.some((text) => parts.some((part) => text.includes(part.replace(/\.\w+$/, ''))));
      expect(isUsed, `${slug}:${block.line}: nothing uses ${block.name}`).toBe(true);
    }
  });
});

describe('the reading of blocks', () => {
  const fence = '```';
  test('tells commands, files and what is shown apart', () => {
    const page = [
      `${fence}c title="a.c"`,
      'int a;',
      fence,
      `${fence}console boot`,
      '$ one \\',
      '  two',
      'out',
      '$ three',
      fence,
      `${fence}text shown="a log of another machine"`,
      'x',
      fence,
    ].join('\n');
    const blocks = blocksOf(page);
    expect(blocks).toEqual([
      { line: 1, type: 'file', name: 'a.c', text: 'int a;\n' },
      {
        line: 4,
        type: 'console',
        kind: 'boot',
        inClone: false,
        fence: '```console boot',
        steps: [
          { command: 'one \\\n  two', output: 'out\n' },
          { command: 'three', output: '' },
        ],
      },
      { line: 10, type: 'shown', language: 'text', reason: 'a log of another machine' },
    ]);
    expect(kindOf(blocks)).toBe('boot');
    const [inClone] = blocksOf([`${fence}console clone`, '$ one', fence].join('\n'));
    expect(inClone).toMatchObject({ kind: 'plain', inClone: true });
  });

  test('looks through durations and gaps, and through nothing else', () => {
    expect(isShown('built in 0.03 s\n', 'built in 12.5 s\n')).toBe(true);
    expect(isShown('a\n…\nc\n', 'a\nb1\nb2\nc\n')).toBe(true);
    expect(isShown('…\nc\n', 'a\nc\nb\nc\n')).toBe(true);
    expect(isShown('a\n…\n', 'a\n')).toBe(true);
    expect(isShown('a\n…\nd\n', 'a\nb\nc\n')).toBe(false);
    expect(isShown('9 bytes\n', '10 bytes\n')).toBe(false);
    expect(isShown('', 'a\n')).toBe(false);
  });
});

describe('the shell of a page', () => {
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  test('keeps its folder and what was exported from command to command', async () => {
    const shell = openShell(tmpdir(), env);
    expect(await shell.run('export GREETING="a b"; quiet=1; cd /')).toBe('');
    expect(await shell.run('echo "$GREETING $PWD $quiet"')).toBe('a b / \n');
    expect(await shell.run('exit 3')).toBe('');
    expect(await shell.run('echo out; echo err >&2; printf "$GREETING"'), 'both outputs').toBe(
      'out\nerr\na b\n',
    );
  });

  test('says which command it had to end', async () => {
    const shell = openShell(tmpdir(), env, { timeoutMs: 100 });
    await expect(shell.run('echo begun; tail -f /dev/null')).rejects.toThrow(
      'ended after 0.1 s: echo begun; tail -f /dev/null\nbegun',
    );
  });
});
