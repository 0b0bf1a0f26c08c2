import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadObstacles, moduleNameOf, readStatus, taskWords } from './index.ts';
import { errnoInWords } from './kmod.ts';
import { readText } from './machine.ts';
import { readTaint } from './taint.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-live-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A capture: files below a root of its own, as a kernel shows them. */
function capture(name: string, files: Readonly<Record<string, string>>): { root: string } {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return { root };
}

/** What the kernel shows of a livepatch that replaces one function of vmlinux and one of the module `bell`. */
const livepatch = (name: string, more: Readonly<Record<string, string>> = {}) => {
  const at = `sys/kernel/livepatch/${name}`;
  const files: Record<string, string> = {
    [`${at}/enabled`]: '1\n',
    [`${at}/transition`]: '0\n',
    [`${at}/vmlinux/patched`]: '1\n',
    [`${at}/vmlinux/cmdline_proc_show,1/x`]: '',
    [`${at}/bell/patched`]: '0\n',
    [`${at}/bell/type_show,3/x`]: '',
    [`sys/module/${name}/refcnt`]: '1\n',
    [`sys/module/${name}/taint`]: 'OEK\n',
  };
  for (const [file, text] of Object.entries(more)) files[`${at}/${file}`] = text;
  return files;
};
const modules = (...names: string[]) => ({
  'proc/modules': names.map((name) => `${name} 16384 0 - Live 0x0 (OEK)\n`).join(''),
  'proc/sys/kernel/osrelease': '6.12.1\n',
  'proc/sys/kernel/tainted': '45056\n',
});

describe('status', () => {
  it('reads objects, functions and places', () => {
    const machine = capture('plain', { ...livepatch('one', { replace: '1\n' }), ...modules('one') });
    expect(readStatus(machine)).toMatchObject({
      release: '6.12.1',
      order: 'modules',
      livepatches: [
        {
          name: 'one',
          isEnabled: true,
          replace: true,
          objects: [
            {
              name: 'bell',
              isLoaded: false,
              isPatched: false,
              functions: [{ name: 'type_show', sympos: 3 }],
            },
            {
              name: 'vmlinux',
              isLoaded: true,
              isPatched: true,
              functions: [{ name: 'cmdline_proc_show', sympos: 1 }],
            },
          ],
        },
      ],
      left: [],
    });
    expect(readStatus(machine).livepatches[0]).not.toHaveProperty('transition');
  });

  it('takes the order from stack_order, else from the modules, else says that it is not known', () => {
    const names = (machine: { root: string }) => {
      const { order, livepatches } = readStatus(machine);
      return [order, ...livepatches.map(({ name }) => name)];
    };
    const ranked = {
      ...livepatch('a', { stack_order: '2\n' }),
      ...livepatch('b', { stack_order: '1\n' }),
      ...modules('b', 'a'),
    };
    expect(names(capture('ranked', ranked))).toEqual(['stack_order', 'b', 'a']);
    // The youngest module is the first in /proc/modules.
    const loaded = { ...livepatch('a'), ...livepatch('b'), ...modules('a', 'other', 'b') };
    expect(names(capture('loaded', loaded))).toEqual(['modules', 'b', 'a']);
    const neither = { ...livepatch('b'), ...livepatch('a'), ...modules('a') };
    expect(names(capture('neither', neither))).toEqual(['unknown', 'a', 'b']);
  });

  it('knows whom a transition waits for, by the direction', () => {
    const task = (pid: number, state: string, stack: string) => ({
      [`proc/${pid}/task/${pid}/patch_state`]: `${state}\n`,
      [`proc/${pid}/task/${pid}/comm`]: `t\u001b[2J${pid}\n`,
      [`proc/${pid}/task/${pid}/stack`]: stack,
    });
    const tasks = {
      ...task(7, '0', '[<0>] schedule+0x1/0x2\n[<0>] cmdline_proc_show+0x5/0x9\n'),
      ...task(9, '0', '[<0>] fix+0x5/0x9 [lower]\n'),
      ...task(11, '0', ''),
      ...task(12, '1', '[<0>] fix+0x5/0x9 [upper]\n'),
      'proc/self/task/1/patch_state': '0\n',
    };
    const upper = livepatch('upper', { transition: '1\n' });
    const both = { ...livepatch('lower'), ...upper, ...modules('upper', 'lower'), ...tasks };
    const patching = readStatus(capture('patching', both)).transition;
    expect(patching).toMatchObject({ livepatch: 'upper', direction: 'patching', isReadable: true });
    expect(patching?.tasks.map(({ tid, inside }) => [tid, inside])).toEqual([
      [7, 'cmdline_proc_show'],
      [9, 'fix'],
      [11, undefined],
    ]);
    expect(patching?.tasks.map(taskWords)).toEqual([
      't?[2J7:7 in cmdline_proc_show',
      't?[2J9:9 in fix',
      't?[2J11:11, which runs or is in user space',
    ]);
    const leaving = { ...both, 'sys/kernel/livepatch/upper/enabled': '0\n' };
    const unpatching = readStatus(capture('unpatching', leaving)).transition;
    expect(unpatching?.direction).toBe('unpatching');
    expect(unpatching?.tasks.map(({ tid, inside }) => [tid, inside])).toEqual([[12, 'fix']]);
  });

  it('shows modules of livepatches that are not in force any more', () => {
    const old = Object.entries(livepatch('old'));
    const gone = Object.fromEntries(old.filter(([path]) => path.startsWith('sys/module')));
    const machine = capture('left', { ...livepatch('now'), ...gone, ...modules('now', 'old', 'bell') });
    expect(readStatus(machine).left).toEqual([{ name: 'old', references: 1 }]);
  });

  it('says that a kernel has no livepatching', () => {
    expect(() => readStatus(capture('none', modules()))).toThrow('has no livepatching');
  });

  it('is not held up by what a capture should not have', () => {
    const machine = capture('hostile', { ...livepatch('one'), ...modules('one') });
    const at = join(machine.root, 'sys/kernel/livepatch/one/transition');
    rmSync(at);
    execFileSync('mkfifo', [at]);
    rmSync(join(machine.root, 'proc/modules'));
    symlinkSync('/dev/zero', join(machine.root, 'proc/modules'));
    const [only] = readStatus(machine).livepatches;
    expect(only).toMatchObject({ name: 'one', isEnabled: true });
    expect(readText(machine, 'proc/modules')?.length).toBeLessThanOrEqual(2 ** 20);
  });
});

describe('before a load', () => {
  const request = {
    name: 'new',
    release: '6.12.1',
    replace: true,
    objects: [{ name: 'vmlinux', functions: ['cmdline_proc_show'] }],
  };
  const ids = (machine: { root: string }, more: Partial<typeof request> = {}) =>
    loadObstacles(machine, readStatus(machine), { ...request, ...more }).map(
      ({ id, severity }) => `${severity} ${id}`,
    );

  it('nothing stands against a livepatch of this kernel', () => {
    expect(ids(capture('free', { ...livepatch('one'), ...modules('one') }))).toEqual([]);
  });

  it('names what does', () => {
    const one = livepatch('one', { transition: '1\n' });
    const machine = capture('full', {
      ...one,
      ...modules('one'),
      'proc/sys/kernel/ftrace_enabled': '0\n',
    });
    expect(ids(machine, { name: 'one', release: '6.12.2', replace: false })).toEqual([
      'error KLP210',
      'error name-taken',
      'error other-kernel',
      'error ftrace-disabled',
      'warning KLP222',
    ]);
  });
});

describe('the words of insmod and rmmod', () => {
  it.each([
    ['insmod: ERROR: could not insert module x.ko: Invalid parameters', 'EINVAL'],
    ["insmod: can't insert 'x.ko': Invalid argument", 'EINVAL'],
    ['insmod: ERROR: could not insert module x.ko: Unknown symbol in module', 'ENOENT'],
    ['insmod: ERROR: could not insert module x.ko: Invalid module format', 'ENOEXEC'],
    ['insmod: ERROR: could not insert module x.ko: File exists', 'EEXIST'],
    ['insmod: ERROR: could not insert module x.ko: Device or resource busy', 'EBUSY'],
    ['insmod: ERROR: could not insert module x.ko: Key was rejected by service', 'EKEYREJECTED'],
    ['rmmod: ERROR: Module x is in use', 'EAGAIN'],
    ["rmmod: can't unload module 'x': Resource temporarily unavailable", 'EAGAIN'],
    ['something else', undefined],
  ])('%s', (words, errno) => {
    expect(errnoInWords(words)).toBe(errno);
  });
});

it('reads taints by bit, those that it does not know by number', () => {
  expect(readTaint(45056).map(({ letter }) => letter)).toEqual(['O', 'E', 'K']);
  expect(readTaint(0)).toEqual([]);
  expect(readTaint(2 ** 40).map(({ letter }) => letter)).toEqual(['#40']);
});

it('spells names as the kernel does, and lets no path pass for one', () => {
  expect(moduleNameOf('livepatch-fix.ko')).toBe('livepatch_fix');
  for (const name of ['', '../x', 'a/b', 'a b', 'x'.repeat(64)])
    expect(() => moduleNameOf(name)).toThrow('is no name of a module');
});
