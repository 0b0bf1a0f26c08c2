import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Finding, Refusal } from '@klpkit/findings';
import { createTwoFilesPatch } from 'diff';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ReadOptions, readFix } from './read.ts';
import { decodeSource, encodeSource } from './text.ts';

const source = Array.from({ length: 30 }, (_, i) => `int v${i + 1};\n`).join('');
const fixed = source.replace('int v10;\n', 'int v10 = 1;\nint more;\n');
const makefile = 'obj-y += x.o\nobj-$(CONFIG_Y) += y.o\n';

let folder = '';
let tree = '';
const put = (path: string, text: string | Uint8Array) => {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-fix-'));
  tree = join(folder, 'tree');
  for (const path of [
    'fs/x.c',
    'fs/y.c',
    'fs/x.h',
    'fs/a.S',
    'arch/x86/boot/b.c',
    'arch/arm64/kernel/c.c',
    'tools/t.c',
    'x.c',
  ])
    put(path, source);
  for (const path of ['Makefile', 'fs/Makefile', 'fs/Kconfig']) put(path, makefile);
  put('Documentation/d.rst', 'words\n');
  put(
    'fs/latin.c',
    Buffer.concat([Buffer.from('/* J'), Uint8Array.of(0xf6), Buffer.from(`rg */\n${source}`)]),
  );
  mkdirSync(join(folder, 'outside'));
  writeFileSync(join(folder, 'outside/secret.c'), source);
  symlinkSync(join(folder, 'outside'), join(tree, 'fs/link'));
  symlinkSync('x.c', join(tree, 'fs/alias.c'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const patchOf = (path: string, before = source, after = fixed, [a, b] = ['a/', 'b/']) =>
  createTwoFilesPatch(`${a}${path}`, `${b}${path}`, before, after, '', '', { context: 3 }).replace(
    /^=+\n/,
    '',
  );
const read = (text: string, options?: ReadOptions) =>
  readFix(tree, [{ name: '/some/where/0001-fix.patch', text }], options);

async function refusal(text: string, options?: ReadOptions): Promise<readonly Finding[]> {
  const error = await read(text, options).then(
    () => new Error('the fix was read'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return error.findings;
  throw error;
}
const ids = (findings: readonly Finding[]) => findings.map(({ id, severity }) => `${severity} ${id}`);

describe('readFix', () => {
  test('gives the file before, after and as it is compiled, and leaves the tree alone', async () => {
    const fix = await read(patchOf('fs/x.c'));
    expect(fix.findings).toEqual([]);
    expect(fix.files).toEqual([
      {
        path: 'fs/x.c',
        kind: 'source',
        before: source,
        after: fixed,
        compiled: fixed.replace('int more;\n', 'int more;\n#line 11\n'),
      },
    ]);
    expect(fix.patches).toMatchObject([
      { name: '0001-fix.patch', files: [{ path: 'fs/x.c', hunks: [{ line: 7, offset: 0, fuzz: 0 }] }] },
    ]);
    expect(readFileSync(join(tree, 'fs/x.c'), 'utf8')).toBe(source);
  });

  test.each([
    ['git', ['a/', 'b/']],
    ['no prefix', ['', '']],
    ['two folders', ['linux-6.12.orig/', 'linux-6.12/']],
    ['deep folders', ['old/linux/', 'new/linux/']],
    ['absolute', ['/usr/src/linux.orig/', '/usr/src/linux/']],
  ])('finds the tree in names: %s', async (_, prefixes) => {
    const fix = await read(patchOf('fs/x.c', source, fixed, prefixes as [string, string]));
    expect(fix.files.map(({ path }) => path)).toEqual(['fs/x.c']);
  });

  test('takes the name that exists when the other is a copy', async () => {
    for (const names of [
      ['fs/x.c.orig', 'fs/x.c'],
      ['fs/x.c', 'fs/x.c.new'],
    ]) {
      const text = patchOf('NAME')
        .replace('a/NAME', names[0] as string)
        .replace('b/NAME', names[1] as string);
      expect((await read(text)).files.map(({ path }) => path)).toEqual(['fs/x.c']);
    }
  });

  test('one depth holds for the whole patch: a missing file is not looked for further up', async () => {
    const findings = await refusal(
      patchOf('fs/x.c') + patchOf('fs/gone/Makefile', makefile, `${makefile}x = 1\n`),
    );
    expect(findings.map(({ what }) => what)).toContain(
      "0001-fix.patch line 13: the kernel's source has no fs/gone/Makefile",
    );
  });

  test('several patches, one upon the other', async () => {
    const second = patchOf('fs/x.c', fixed, fixed.replace('int more;', 'int most;'));
    const fix = await readFix(tree, [
      { name: '1', text: patchOf('fs/x.c') },
      { name: '2', text: second },
    ]);
    expect(fix.files[0]?.after).toContain('int most;');
    expect(fix.files[0]?.before).toBe(source);
    expect(fix.patches.map(({ files }) => files.length)).toEqual([1, 1]);
    await expect(readFix(tree, [{ name: '2', text: second }])).rejects.toThrow('does not apply');
  });

  test('files that are added, removed and renamed', async () => {
    const added =
      'diff --git a/fs/new.h b/fs/new.h\nnew file mode 100644\n--- /dev/null\n+++ b/fs/new.h\n@@ -0,0 +1 @@\n+int n;\n';
    const removed = `diff --git a/fs/x.h b/fs/x.h\ndeleted file mode 100644\n--- a/fs/x.h\n+++ /dev/null\n@@ -1,30 +0,0 @@\n${source.replace(/^/gm, '-').slice(0, -1)}`;
    const renamed =
      'diff --git a/fs/y.c b/fs/z.c\nsimilarity index 100%\nrename from fs/y.c\nrename to fs/z.c\n';
    const { files } = await read(added + removed + renamed);
    expect(files.map(({ path, before, after }) => [path, before !== undefined, after !== undefined])).toEqual(
      [
        ['fs/new.h', false, true],
        ['fs/x.h', true, false],
        ['fs/y.c', true, false],
        ['fs/z.c', false, true],
      ],
    );
    expect(files[3]?.after).toBe(source);
  });

  test('offset and fuzz are told, and only they', async () => {
    put('fs/moved.c', `int top;\n${source}`);
    put('fs/fuzz.c', source.replace('int v7;', 'int w7;'));
    expect(ids((await read(patchOf('fs/moved.c'))).findings)).toEqual(['note patch-offset']);
    const { findings } = await read(patchOf('fs/fuzz.c'));
    expect(ids(findings)).toEqual(['warning patch-fuzz']);
    expect(findings[0]?.at).toEqual({ file: 'fs/fuzz.c', line: 7 });
  });

  test('a hunk without any context is told', async () => {
    const text = '--- a/fs/x.c\n+++ b/fs/x.c\n@@ -10,0 +11 @@\n+int more;\n';
    const fix = await read(text);
    expect(ids(fix.findings)).toEqual(['warning patch-without-context']);
    expect(fix.files[0]?.after).toBe(source.replace('int v10;\n', 'int v10;\nint more;\n'));
  });

  test('a file that is not UTF-8 keeps its bytes', async () => {
    const bytes = readFileSync(join(tree, 'fs/latin.c'));
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toThrow();
    const fix = await read(patchOf('fs/latin.c', `x\n${source}`, `x\n${fixed}`));
    const after = Buffer.from(encodeSource(fix.files[0]?.after ?? ''));
    expect(after.subarray(0, 10)).toEqual(bytes.subarray(0, 10));
    expect(after.includes('int more;')).toBe(true);
    expect(Buffer.from(encodeSource(decodeSource(bytes)))).toEqual(bytes);
  });
});

describe('what is left out', () => {
  test('documentation, tools, other architectures: a note each', async () => {
    const text = ['Documentation/d.rst', 'tools/t.c', 'arch/arm64/kernel/c.c']
      .map((path) => patchOf(path))
      .join('');
    const { files, findings } = await read(text + patchOf('fs/x.c'));
    expect(files.map(({ path }) => path)).toEqual(['fs/x.c']);
    expect(ids(findings)).toEqual(Array(3).fill('note patch-file-ignored'));
    expect(findings[2]?.what).toContain('architecture arm64');
  });

  test('but not what sources of the kernel include from there', async () => {
    put('tools/lib/bpf/relo_core.c', source);
    expect((await read(patchOf('tools/lib/bpf/relo_core.c'))).files.map(({ kind }) => kind)).toEqual([
      'source',
    ]);
  });

  test('a patch with nothing else is refused', async () => {
    expect(ids(await refusal(patchOf('tools/t.c')))).toEqual([
      'note patch-file-ignored',
      'error nothing-to-build',
    ]);
    const mode = 'diff --git a/fs/x.c b/fs/x.c\nold mode 100644\nnew mode 100755\n';
    expect(ids(await refusal(mode))).toEqual(['note patch-file-ignored', 'error nothing-to-build']);
  });

  test('makefiles: a warning, an error if an object comes or goes, unless its option is off', async () => {
    const rules = (after: string) => patchOf('fs/x.c') + patchOf('fs/Makefile', makefile, after);
    expect(ids((await read(rules(`${makefile}ccflags-y += -DX -Iy.o\n`))).findings)).toEqual([
      'warning patch-build-rules',
    ]);
    expect(ids(await refusal(rules(`${makefile}obj-y += z.o\n`)))).toEqual(['error patch-build-rules']);
    expect(ids(await refusal(rules(makefile.replace('x.o', 'x.o \\\n\tz/'))))).toEqual([
      'error patch-build-rules',
    ]);
    const optional = rules(`${makefile}obj-$(CONFIG_Z) += z.o\n`);
    expect(ids(await refusal(optional, { isOn: () => true }))).toEqual(['error patch-build-rules']);
    expect(ids((await read(optional, { isOn: (option) => option !== 'CONFIG_Z' })).findings)).toEqual([
      'warning patch-build-rules',
    ]);
    const kconfig = patchOf('fs/x.c') + patchOf('fs/Kconfig', makefile, `${makefile}config Z\n`);
    expect(ids((await read(kconfig)).findings)).toEqual(['warning patch-build-rules']);
  });
});

describe('what is refused', () => {
  test('assembly and boot code, unless the author answers for it', async () => {
    const text = patchOf('fs/a.S') + patchOf('arch/x86/boot/b.c') + patchOf('fs/x.c');
    expect(ids(await refusal(text))).toEqual(['error KLP408', 'error KLP408']);
    const fix = await read(text, { overrides: new Map([['KLP408', 'why']]) });
    expect(fix.files.map(({ path }) => path)).toEqual(['fs/x.c']);
    expect(ids(fix.findings)).toEqual(['error KLP408', 'error KLP408']);
  });

  test.each([
    ['..', 'a/fs/../../outside/secret.c', 'leads up'],
    ['a root', '/etc/passwd', 'absolute'],
    ['a link of a folder', 'a/fs/link/secret.c', 'a link that leads there'],
    ['a link of a file', 'a/fs/alias.c', 'symbolic link'],
    ['.git', 'a/.git/config', '.git'],
  ])('a path out of the tree: %s', async (_, name, words) => {
    const text = patchOf('NAME').replace('a/NAME', name).replace('b/NAME', name.replace(/^a\//, 'b/'));
    const findings = await refusal(text + patchOf('fs/x.c'));
    expect(ids(findings)).toEqual(['error patch-leaves-tree']);
    expect(findings[0]?.what).toContain(words);
  });

  test('a new file through a link is not taken either', async () => {
    const text = '--- /dev/null\n+++ b/fs/link/new.c\n@@ -0,0 +1 @@\n+int n;\n';
    expect(ids(await refusal(text))).toEqual(['error patch-leaves-tree']);
    expect(existsSync(join(folder, 'outside/new.c'))).toBe(false);
  });

  test('everything at once: what does not apply, with the lines expected and found', async () => {
    put('fs/other.c', source.replace('int v10;', 'long v10;'));
    const findings = await refusal(patchOf('fs/other.c') + patchOf('fs/none.c') + patchOf('fs/a.S'));
    expect(ids(findings)).toEqual([
      'error patch-does-not-apply',
      'error patch-does-not-apply',
      'error KLP408',
    ]);
    expect(findings[0]).toMatchObject({
      what: '0001-fix.patch line 3: the hunk does not apply to fs/other.c: line 10 should be "int v10;", it is "long v10;"',
      at: { file: 'fs/other.c', line: 10 },
    });
  });

  test('a change that the source has already', async () => {
    put('fs/done.c', fixed);
    expect(ids(await refusal(patchOf('fs/done.c')))).toEqual(['error patch-already-applied']);
    const same = '--- /dev/null\n+++ b/fs/tiny.c\n@@ -0,0 +1 @@\n+int n;\n';
    put('fs/tiny.c', 'int n;\n');
    expect(ids(await refusal(same))).toEqual(['error patch-already-applied']);
    expect(ids(await refusal(same.replace('int n', 'int m')))).toEqual(['error patch-does-not-apply']);
  });

  test('a damaged patch, with its line', async () => {
    const findings = await refusal(patchOf('fs/x.c').replace('-7,7', '-7,9'));
    expect(ids(findings)).toEqual(['error patch-malformed']);
    expect(findings[0]?.at?.file).toBe('0001-fix.patch');
    expect(findings[0]?.at?.line).toBeGreaterThan(3);
  });

  test('binary content of code', async () => {
    const text =
      'diff --git a/fs/x.c b/fs/x.c\nindex 1..2 100644\nBinary files a/fs/x.c and b/fs/x.c differ\n';
    expect(ids(await refusal(text))).toEqual(['error patch-binary']);
  });
});

test('git format-patch of a change to a tree gives that change', async () => {
  const repo = join(folder, 'repo');
  execFileSync('cp', ['-a', tree, repo]);
  const git = (...argv: string[]) =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...argv], {
      cwd: repo,
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
    });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'first');
  writeFileSync(join(repo, 'fs/x.c'), fixed);
  git('commit', '-qam', 'x: say more');
  const fix = await read(git('format-patch', '--stdout', 'HEAD~1'));
  expect(fix.patches[0]?.subject).toBe('x: say more');
  expect(fix.files.map(({ path, after }) => [path, after])).toEqual([['fs/x.c', fixed]]);
});
