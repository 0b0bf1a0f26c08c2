import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addKernel, type Kernel } from '@klpkit/kernel';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoPatch, demoSource } from './demo-fix.ts';
import { schemas } from './schemas.ts';
import { klpkit } from './testing/run.ts';

let folder = '';
let kernel: Kernel;
let patch = '';

beforeAll(async () => {
  kernel = await addKernel('debian:6.12');
  folder = mkdtempSync(join(tmpdir(), 'klpkit-cli-real-'));
  patch = demoPatch(readFileSync(join(kernel.sourceDir, demoSource), 'utf8')) ?? '';
  expect(patch, 'premise: the demo fits this kernel').not.toBe('');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('klpkit kernel', () => {
  it('add gives back what is there, and list and show tell of it', async () => {
    const added = await klpkit('kernel', 'add', kernel.id, '--json');
    expect(added.code).toBe(0);
    expect(v.parse(schemas['kernel-add'], JSON.parse(added.stdout))).toMatchObject({
      outcome: 'added',
      kernel: { id: kernel.id },
    });
    const listed = await klpkit('kernel', 'list', '--json');
    const list = v.parse(schemas['kernel-list'], JSON.parse(listed.stdout));
    expect(list.outcome === 'listed' && list.kernels.map(({ id }) => id)).toContain(kernel.id);
    const shown = await klpkit('kernel', 'show', '--json', kernel.id);
    expect(v.parse(schemas['kernel-show'], JSON.parse(shown.stdout))).toMatchObject({
      outcome: 'shown',
      release: kernel.release,
    });
    expect((await klpkit('kernel', 'show', kernel.id)).stdout).toMatch(
      /CONFIG_LIVEPATCH +y {2}livepatches can be/,
    );
  });
});

describe('klpkit compare', () => {
  it('tells with a kernel who else relies on changed types, constants and prototypes', async () => {
    const source = `
      #ifdef FIX
      #define MORE(...) __VA_ARGS__
      typedef long num;
      #else
      #define MORE(...)
      typedef int num;
      #endif
      struct path { void *mnt; void *dentry; MORE(int more;) };
      enum fs_value_type { MORE(fs_value_is_new,) fs_value_is_undefined, fs_value_is_flag };
      int vfs_get_link(struct path *p, num n) { return p->mnt != 0; }
      int use(enum fs_value_type t) { return t == fs_value_is_flag; }`;
    const objects = ['before', 'after'].map((side) => {
      const path = join(folder, `${side}.o`);
      const flags = ['-g', '-O2', '-w', '-ffunction-sections', ...(side === 'after' ? ['-DFIX'] : [])];
      const made = spawnSync('gcc-12', [...flags, '-c', '-x', 'c', '-o', path, '-'], { input: source });
      expect(made.status).toBe(0);
      return path;
    });
    const { code, stdout } = await klpkit('compare', ...objects, '--kernel', kernel.id);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /KLP502: .*struct path changes.*\n.*\d+ functions take or return it \(__d_path, .*types hold one/,
    );
    expect(stdout).toMatch(/KLP504: .*from 0 to 1.*\n.*\d+ other sources name it .*fs\/fs_context\.c/);
    expect(stdout).toMatch(/signature-changed: .*vfs_get_link.*\n.*\d+ other sources name it/);
    // Without a kernel it is told that they change, and nothing of others.
    const alone = await klpkit('compare', ...objects);
    expect([alone.code, alone.stdout]).toEqual([1, expect.not.stringContaining('other sources name it')]);
  });
});

describe('klpkit who', () => {
  it('says where a function went, and who knows it', async () => {
    const argv = ['who', 'inlines', 'link_path_walk', '--unit', 'fs/namei.c', '--kernel', kernel.id];
    const { code, stdout } = await klpkit(...argv, '--json');
    expect(code).toBe(0);
    const answer = v.parse(schemas['who-inlines'], JSON.parse(stdout));
    if (answer.outcome !== 'found') throw new Error(stdout);
    expect(answer).toMatchObject({ defined: { file: 'fs/namei.c' }, isInline: false });
    const [unit] = answer.units;
    expect(unit?.holders).toContain('path_openat');
    // Only the object shows who calls the part that is left; the copies of its guard only the other two.
    expect(unit?.statements).toContainEqual(
      expect.objectContaining({
        kind: 'caller',
        into: 'path_openat',
        by: ['elf'],
        silent: ['dwarf', 'ipa-clones'],
      }),
    );
    expect(unit?.statements).toContainEqual(
      expect.objectContaining({ kind: 'inlined', into: 'path_openat', silent: ['elf'] }),
    );
    const plain = await klpkit(...argv);
    expect(plain.stdout).toMatch(/^ {4}path_openat +DWARF, ipa-clones; not ELF$/m);
    expect(plain.stdout).toMatch(/functions hold its code: .*path_openat/);
  });
});

describe('klpkit build', () => {
  it('writes the livepatch and its reports, and nothing besides', async () => {
    const out = join(folder, 'out');
    const path = written('0001-show-it.patch', patch);
    const { code, stdout } = await klpkit('build', path, '--kernel', kernel.id, '-o', out, '--json');
    const answer = v.parse(schemas.build, JSON.parse(stdout));
    expect(code).toBe(0);
    expect(answer).toMatchObject({
      outcome: 'built',
      name: 'livepatch_show_it',
      replace: true,
      objects: [{ name: 'vmlinux', functions: [{ name: 'version_proc_show', sympos: 0 }] }],
    });
    expect(readdirSync(out).sort()).toEqual([
      'livepatch-show-it.html',
      'livepatch-show-it.json',
      'livepatch-show-it.ko',
    ]);
  });

  it('tells each step, and the next command', async () => {
    const path = written('again.patch', patch);
    const { code, stdout } = await klpkit('build', path, '--kernel', kernel.id, '-o', folder, '--no-replace');
    expect(code).toBe(0);
    for (const step of ['read', 'units', 'compile', 'match', 'compare', 'extract', 'finish'])
      expect(stdout).toMatch(new RegExp(`^${step} +\\S.*\\(\\d+\\.\\d+ s\\)$`, 'm'));
    expect(stdout).toContain(
      `klpkit prove ${join(folder, 'livepatch-again.ko')} --kernel ${kernel.id} --check`,
    );
  });

  it('refuses a patch that does not apply, with code 1 and without files', async () => {
    const out = join(folder, 'refused');
    const path = written('stale.patch', patch.replace(/^ (\t.*)$/gm, ' $1 /* other */'));
    const { code, stdout, stderr } = await klpkit('build', path, '--kernel', kernel.id, '-o', out);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error patch-does-not-apply: .*fs\/proc\/version\.c/m);
    expect(stderr).toMatch(/^refused for \d+ reasons?$/m);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(out)).toBe(false);
    const json = await klpkit('build', path, '--kernel', kernel.id, '--json');
    expect(v.parse(schemas.build, JSON.parse(json.stdout))).toMatchObject({ outcome: 'refused' });
    expect(stdout).not.toContain('built');
  });

  it('ends with code 4 when nothing that runs is changed', async () => {
    const path = written(
      'comment.patch',
      patch.replace(/^\+\t.*$/m, '+\t/* This says nothing to the compiler. */'),
    );
    const { code, stdout } = await klpkit('build', path, '--kernel', kernel.id, '-o', folder, '--json');
    expect(v.parse(schemas.build, JSON.parse(stdout))).toMatchObject({ outcome: 'nothing' });
    expect(code).toBe(4);
  });

  it('names the program that is missing, with code 3', () => {
    const bin = fileURLToPath(new URL('klpkit.js', import.meta.url));
    const path = written('tools.patch', patch);
    const { status, stderr } = spawnSync(process.execPath, [bin, 'build', path, '--kernel', kernel.id], {
      encoding: 'utf8',
      env: { ...process.env, PATH: folder },
    });
    expect(stderr).toMatch(/next: (sudo )?apt-get install -y .*gcc-12/);
    expect(status).toBe(3);
  });
});

describe('klpkit prove', () => {
  it('takes no module that is not a livepatch', async () => {
    const path = written('not.ko', 'no module');
    const { code, stderr } = await klpkit('prove', path, '--kernel', kernel.id);
    expect(code).toBe(2);
    expect(stderr).toContain(`${path}: module: expected an ELF file`);
  });
});
