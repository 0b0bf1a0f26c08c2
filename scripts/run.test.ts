import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const nobody = 65534;
let folder = '';
let clone = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-scripts-test-'));
  chmodSync(folder, 0o755);
  clone = join(folder, 'clone');
  // The files as they are now, in a folder that has no node_modules.
  const files = ['package.json', 'package-lock.json', '.npmrc', 'scripts/run.mjs'];
  mkdirSync(join(clone, 'scripts'), { recursive: true });
  for (const file of files) execFileSync('cp', [join(root, file), join(clone, file)]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A folder that stands for a system on which only these files are. */
function system(name: string, files: readonly string[]): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  for (const file of files) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), '');
  }
  return path;
}

/** Runs the script as somebody who is not root. */
function runAsUser(what: string, systemRoot: string) {
  const node = process.execPath;
  const command = [node, join(clone, 'scripts/run.mjs'), what];
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : [];
  const [program, ...args] = [...as, ...command];
  return spawnSync(program ?? node, args, {
    encoding: 'utf8',
    cwd: clone,
    env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', KLPKIT_SYSTEM_ROOT: systemRoot },
  });
}

describe('npm run demo and npm test by a user who is not root', () => {
  it.each(['demo', 'test'])(
    '%s names everything that is missing in one command and ends with code 3',
    (what) => {
      const { status, stdout, stderr } = runAsUser(what, system('bare', ['usr/bin/apt-get']));
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
        /^sudo apt-get install -y --no-install-recommends gcc-12 libc6-dev .*\bqemu-system-x86\b/,
      );
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
      expect(existsSync(join(clone, 'node_modules')), 'nothing was begun').toBe(false);
    },
  );

  it('names only what is missing', () => {
    const { status, stderr } = runAsUser(
      'demo',
      system('no-make', [
        'usr/bin/apt-get',
        'usr/bin/x86_64-linux-gnu-gcc-12',
        'usr/lib/x86_64-linux-gnu/libc.a',
        'usr/lib/x86_64-linux-gnu/libelf.so.1',
        'usr/bin/xz',
        'usr/bin/qemu-system-x86_64',
        'usr/bin/busybox',
      ]),
    );
    expect(stderr).toBe(
      'missing: make (Kbuild, which tells the compiler flags)\nsudo apt-get install -y --no-install-recommends make\n',
    );
    expect(status).toBe(3);
  });

  it('names no command of Debian where there is no apt-get', () => {
    const { status, stderr } = runAsUser('demo', system('elsewhere', []));
    expect(stderr).toContain('elsewhere install what these Debian packages hold: gcc-12');
    expect(stderr).not.toContain('sudo');
    expect(status).toBe(3);
  });

  it('ends with code 2 for anything else', () => {
    const { status, stderr } = runAsUser('dance', system('bare', ['usr/bin/apt-get']));
    expect(stderr).toBe('usage: npm run demo, or npm test\n');
    expect(status).toBe(2);
  });
});
