import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyHunks, PatchError, parsePatch } from './index.ts';

const old = 'int a;\nint b;\nint c;\nint d;\nint e;\nint f;\nint g;\n';
const fresh = old.replace('int d;\n', 'int d = 1;\nint x;\n');
const body = `--- a/fs/x.c
+++ b/fs/x.c
@@ -1,7 +1,8 @@ top
 int a;
 int b;
 int c;
-int d;
+int d = 1;
+int x;
 int e;
 int f;
 int g;
`;

let folder = '';
const git = (...argv: string[]) =>
  execFileSync(
    'git',
    ['-c', 'user.name=A', '-c', 'user.email=a@example.org', '-c', 'init.defaultBranch=main', ...argv],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '', HOME: folder, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' },
    },
  );
const write = (path: string, text: string | Uint8Array) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const commit = (message: string) => {
  git('add', '-A');
  git('commit', '-q', '--allow-empty', '-m', message);
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-diff-'));
  git('init', '-q');
  write('fs/x.c', old);
  write('fs/gone.c', 'int gone;\n');
  write('fs/old name.c', old);
  write('fs/mode.c', old);
  write('fs/logo.bin', Uint8Array.of(0, 1, 2, 3));
  write('fs/é.c', old);
  write('fs/returns.c', old.replaceAll('\n', '\r\n'));
  write('fs/end.c', 'int a;\nint b;');
  commit('first');
  write('fs/x.c', fresh);
  write('fs/é.c', fresh);
  write('fs/returns.c', fresh.replaceAll('\n', '\r\n'));
  write('fs/end.c', 'int a;\nint b;\n');
  commit(
    '[PATCH] quote a patch\n\nThis is what it looks like:\n\ndiff --git a/fs/quoted.c b/fs/quoted.c\nThat was it.',
  );
  git('rm', '-q', 'fs/gone.c');
  git('mv', 'fs/old name.c', 'fs/new name.c');
  git('update-index', '--chmod=+x', 'fs/mode.c');
  execFileSync('chmod', ['+x', join(folder, 'fs/mode.c')]);
  write('fs/logo.bin', Uint8Array.of(0, 9, 9, 9));
  write('fs/added.c', 'int added;\n');
  write('fs/empty.h', '');
  commit('café: all kinds of entries');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kinds = (text: string) =>
  Object.fromEntries(parsePatch(text).files.map((file) => [file.newName ?? file.oldName, file.kind]));

function failure(text: string): PatchError {
  try {
    parsePatch(text);
  } catch (error) {
    if (error instanceof PatchError) return error;
    throw error;
  }
  throw new Error('the patch was read');
}

describe('what git writes', () => {
  const entries = {
    'b/fs/added.c': 'add',
    'b/fs/empty.h': 'add',
    'a/fs/gone.c': 'delete',
    'b/fs/logo.bin': 'binary',
    'b/fs/mode.c': 'mode',
    'fs/new name.c': 'rename',
  };

  test('every kind of entry', () => {
    expect(kinds(git('diff', '-M', 'HEAD~1', 'HEAD'))).toEqual(entries);
  });

  test('without a/ and b/', () => {
    const bare = Object.fromEntries(
      Object.entries(entries).map(([name, kind]) => [name.replace(/^[ab]\//, ''), kind]),
    );
    expect(kinds(git('diff', '-M', '--no-prefix', 'HEAD~1', 'HEAD'))).toEqual(bare);
  });

  test('binary content between other files', () => {
    expect(kinds(git('diff', '-M', '--binary', 'HEAD~1', 'HEAD'))).toEqual(entries);
  });

  test('a name in quotes, carriage returns of the file, a missing newline', () => {
    const { files } = parsePatch(git('diff', 'HEAD~2', 'HEAD~1'));
    expect(files.map(({ newName }) => newName)).toEqual([
      'b/fs/end.c',
      'b/fs/returns.c',
      'b/fs/x.c',
      'b/fs/é.c',
    ]);
    const [end, returns, x] = files;
    expect(applyHunks('int a;\nint b;', end?.hunks ?? []).text).toBe('int a;\nint b;\n');
    expect(applyHunks('int a;\nint b;\n', end?.hunks ?? []).failed).toHaveLength(1);
    expect(applyHunks(old.replaceAll('\n', '\r\n'), returns?.hunks ?? []).text).toBe(
      fresh.replaceAll('\n', '\r\n'),
    );
    expect(applyHunks(old, x?.hunks ?? []).text).toBe(fresh);
  });

  test('a mail whose message quotes a patch', () => {
    const patch = parsePatch(git('format-patch', '--stdout', 'HEAD~2..HEAD~1'));
    expect(patch.subject).toBe('quote a patch');
    expect(patch.files.map(({ newName }) => newName)).not.toContain('b/fs/quoted.c');
    expect(patch.files).toHaveLength(4);
    expect(patch.notes.map(({ what }) => what)).toEqual([
      'the message of the mail quotes a patch, which is not applied',
    ]);
  });

  test('a mailbox of several mails, with the first subject decoded', () => {
    const patch = parsePatch(git('format-patch', '-M', '--stdout', 'HEAD~2'));
    expect(patch.files).toHaveLength(10);
    expect(parsePatch(git('format-patch', '-M', '--stdout', 'HEAD~1')).subject).toBe(
      'café: all kinds of entries',
    );
  });

  test('a mail as text in base64 and as quoted-printable', () => {
    const mail = git('format-patch', '--stdout', 'HEAD~1');
    const split = mail.indexOf('\n\n');
    const [header, rest] = [mail.slice(0, split), mail.slice(split + 2)];
    const plain = header.replace(/\nContent-Transfer-Encoding: .*/, '');
    const encoded = Buffer.from(rest).toString('base64').replace(/.{76}/g, '$&\n');
    expect(kinds(`${plain}\nContent-Transfer-Encoding: base64\n\n${encoded}\n`)).toEqual(kinds(mail));
    const quoted = rest.replace(/[=é]/g, (char) =>
      [...Buffer.from(char)].map((byte) => `=${byte.toString(16).toUpperCase()}`).join(''),
    );
    expect(
      kinds(
        `${plain}\nContent-Transfer-Encoding: quoted-printable\n\n${quoted.replace('int ad', 'int=\n ad')}`,
      ),
    ).toEqual(kinds(mail));
  });

  test('git show and git log', () => {
    expect(parsePatch(git('show', '-M', 'HEAD')).files).toHaveLength(6);
    expect(parsePatch(git('log', '-p', '-M', '-2')).files).toHaveLength(10);
  });
});

describe('what diff writes', () => {
  const run = (...argv: string[]) => {
    try {
      return execFileSync('diff', argv, {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, TZ: 'America/Lima' },
      });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };

  test('times, a file that is new by its time, and one that is not shown', () => {
    write('one/fs/x.c', old);
    write('two/fs/x.c', fresh);
    write('two/fs/n.c', 'int n;\n');
    const plain = parsePatch(run('-ru', 'one', 'two'));
    expect(plain.files.map(({ kind, oldName, newName }) => [kind, oldName, newName])).toEqual([
      ['modify', 'one/fs/x.c', 'two/fs/x.c'],
    ]);
    expect(plain.notes.map(({ what }) => what)).toEqual([
      'two/fs/n.c is on one side only, and its content is not in the patch (diff -N shows it)',
    ]);
    const whole = parsePatch(run('-ruN', 'one', 'two'));
    expect(whole.files.map(({ kind, oldName, newName }) => [kind, oldName, newName])).toEqual([
      ['add', undefined, 'two/fs/n.c'],
      ['modify', 'one/fs/x.c', 'two/fs/x.c'],
    ]);
  });

  test('the other formats are named', () => {
    expect(failure(run('-c', 'one/fs/x.c', 'two/fs/x.c')).message).toContain('diff -u');
    expect(failure(run('one/fs/x.c', 'two/fs/x.c')).message).toContain('found none');
  });
});

describe('what transport does to a patch', () => {
  test('carriage returns at every line are taken off', () => {
    const { files } = parsePatch(body.replaceAll('\n', '\r\n'));
    expect(files[0]?.newName).toBe('b/fs/x.c');
    expect(applyHunks(old, files[0]?.hunks ?? []).text).toBe(fresh);
  });

  test('an empty line without its space is context', () => {
    const text = old.replace('int b;', '');
    const { files } = parsePatch(body.replace(' int b;\n', '\n'));
    expect(applyHunks(text, files[0]?.hunks ?? []).hunks).toMatchObject([{ fuzz: 0 }]);
    expect(applyHunks(old, files[0]?.hunks ?? []).hunks).toMatchObject([{ fuzz: 2 }]);
  });

  test('text around the patch', () => {
    const { files } = parsePatch(`Some words.\n- a list\n\n${body}-- \n2.39.5\n\n`);
    expect(files).toHaveLength(1);
    expect(files[0]?.patchLine).toBe(4);
    expect(files[0]?.hunks[0]).toMatchObject({ patchLine: 6, section: 'top', oldLines: 7, newLines: 8 });
  });
});

describe('damage is told by its line', () => {
  test.each([
    ['an empty patch', '\n \n', 1, 'empty patch'],
    ['no difference', 'hello\n', 1, 'found none'],
    [
      'a line less',
      body.replace(' int g;\n', ''),
      12,
      'promises 7 old and 8 new lines, found 6 and 7 before the end',
    ],
    ['a line more', `${body} int h;\n`, 13, 'found one more in " int h;"'],
    [
      'a removed line too many',
      body.replace('-int d;\n', '-int d;\n-int d;\n'),
      13,
      'found one more in " int g;"',
    ],
    ['a line without sign', body.replace('-int d;', 'int d;'), 7, 'found 3 and 3 before "int d;"'],
    ['a hunk without numbers', body.replace('-1,7', '-one'), 3, 'expected "@@ -line,count'],
    ['no hunk', body.slice(0, body.indexOf('@@')), 3, 'found the end of the patch'],
    ['no names', body.slice(body.indexOf('@@')), 1, 'expected the names'],
    [
      'only context',
      body
        .replace(/^-.*d;\n\+.*\n\+.*\n/m, ' int d;\n')
        .replace('7,8', '7,7')
        .replace('+1,8', '+1,7'),
      3,
      'only context',
    ],
    [
      'the end of a file before a line',
      `${body.slice(0, body.indexOf(' int a;'))}\\ No newline at end of file\n`,
      4,
      'No newline',
    ],
    ['a merge', 'diff --cc fs/x.c\nindex 1,2..3\n', 1, 'merge'],
    ['more lines than there can be', body.replace('-1,7', '-1,99999999999'), 3, 'at most'],
    ['a name with open quotes', body.replace('--- a/fs/x.c', '--- "a/fs/x.c'), 1, 'name in quotes'],
    [
      'nothing on both sides',
      body.replace('a/fs/x.c', '/dev/null').replace('b/fs/x.c', '/dev/null'),
      1,
      'one side at least',
    ],
  ])('%s', (_, text, line, words) => {
    const error = failure(text);
    expect(error.message).toContain(words);
    expect(error.message).toContain(`patch: line ${line}: `);
    expect(error.line).toBe(line);
  });
});
