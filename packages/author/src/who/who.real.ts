import { UsageError } from '@klpkit/findings';
import { addKernel, type Kernel } from '@klpkit/kernel';
import { beforeAll, expect, test } from 'vitest';
import { whoInlines } from './index.ts';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await addKernel('debian:6.12');
});

test('a function that is inlined everywhere, and the one that holds it', async () => {
  const found = await whoInlines(kernel, 'may_lookup', { jobs: 2 });
  expect(found).toMatchObject({ defined: { file: 'fs/namei.c' }, compiled: 1, failed: [] });
  const [unit] = found.units;
  expect(unit).toMatchObject({ source: 'fs/namei.c', owner: 'vmlinux', symbols: [] });
  expect(unit?.placement.inlined).toMatchObject([
    { into: 'link_path_walk', chain: [], by: ['dwarf', 'ipa-clones'] },
  ]);
  expect(unit?.holders).toEqual(['link_path_walk']);
  // Its caller was split; others call the part.
  const caller = (await whoInlines(kernel, 'link_path_walk', { jobs: 2 })).units[0];
  expect(caller?.placement.symbols.some((symbol) => symbol.includes('.part.'))).toBe(true);
  expect(caller?.placement.callers.map(({ name }) => name)).toContain('path_openat');
  expect(caller?.symbols.every(({ isTraceable }) => isTraceable)).toBe(true);
});

test('a function of a header: one unit is looked into, all are counted', async () => {
  const found = await whoInlines(kernel, 'dget', { unit: 'fs/namei.c', jobs: 2 });
  expect(found).toMatchObject({ isInline: true, defined: { file: 'include/linux/dcache.h' } });
  expect(found.units[0]?.holders).toContain('path_get');
  await expect(whoInlines(kernel, 'dget')).rejects.toThrow(
    /header \(include\/linux\/dcache\.h:\d+\), which \d+/,
  );
});

test('all units that include a small header', async () => {
  const all = { allUnits: true, maxUnits: 60, jobs: 2 };
  const found = await whoInlines(kernel, 'proc_fd', all);
  expect(found.units.map(({ source }) => source)).toContain('fs/proc/fd.c');
  expect(found.compiled).toBeGreaterThan(1);
  expect(found.failed).toEqual([]);
  await expect(whoInlines(kernel, 'proc_fd', { ...all, maxUnits: 1 })).rejects.toThrow(/more than 1/);
});

test.each([
  ['no_such_function_anywhere', /no source of .* names/],
  ['hlist_entry_safe', /is a macro, defined at include\//],
  ['memcpy_orig', /written in assembly/],
  ['4bad', /no name of a C function/],
  ['kcsan_found_watchpoint', /CONFIG_KCSAN is off/],
])('%s is no function that can be looked into', async (name, why) => {
  const asked = whoInlines(kernel, name, { jobs: 2 });
  await expect(asked).rejects.toThrow(UsageError);
  await expect(asked).rejects.toThrow(why);
});

test('several units have a static function of one name', async () => {
  await expect(whoInlines(kernel, 'proc_pid_follow_link', { unit: 'fs/namei.c' })).rejects.toThrow(
    /knows no function/,
  );
  await expect(whoInlines(kernel, 'status_show')).rejects.toThrow(/units.*define.* status_show: /);
});
