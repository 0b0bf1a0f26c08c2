import { describe, expect, it } from 'vitest';
import { usualLayout } from './layout.ts';
import { readLivepatch } from './read.ts';
import { makeModule, sample } from './testing/module.ts';

describe('readLivepatch', () => {
  it('finds what a livepatch patches', async () => {
    const livepatch = readLivepatch(await makeModule(sample));
    expect(livepatch).toMatchObject({ name: 'test', license: 'GPL', vermagic: '1.0 SMP ', mark: 'Y' });
    expect(livepatch.patch).toEqual({
      replace: true,
      states: [],
      unterminated: [],
      astray: [],
      objects: [
        {
          name: 'vmlinux',
          isVmlinux: true,
          callbacks: new Map(),
          functions: [{ oldName: 'show', sympos: 2, newSymbol: '__klpkit_new_0_show', hasNew: true }],
        },
        {
          name: 'loop',
          isVmlinux: false,
          callbacks: new Map(),
          functions: [
            { oldName: 'ioctl.isra.0', sympos: 0, newSymbol: '__klpkit_new_1_ioctl', hasNew: true },
            { oldName: 'open', sympos: 0, newSymbol: '__klpkit_new_2_open', hasNew: true },
          ],
        },
      ],
    });
  });

  it('finds callbacks, states, static new functions and tables that are constant', async () => {
    const { patch } = readLivepatch(
      await makeModule(`
        static int before(void) { return 0; }
        static void after(void) { }
        static int mine(void) { return 1; }
        static struct klp_func f[] = { { "theirs", mine }, { } };
        static const struct klp_object o[] = { { "can", f, { before, 0, 0, after } }, { } };
        static struct klp_state s[] = { { 7, 3 }, { 8, 1 }, { } };
        static const struct klp_patch p = { &__this_module, (void *)o, s };
        init { return klp_enable_patch((void *)&p); }`),
    );
    expect(patch?.replace).toBe(false);
    expect(patch?.states).toEqual([
      { id: 7, version: 3 },
      { id: 8, version: 1 },
    ]);
    expect([...(patch?.objects[0].callbacks ?? [])]).toEqual([
      ['pre_patch', 'before'],
      ['post_unpatch', 'after'],
    ]);
    expect(patch?.objects[0].functions[0].newSymbol).toBe('mine');
  });

  it('calls new code by its global symbol where a local one is at the same place', async () => {
    const tables = (second: string) => `
      static int theirs(void) { return 1; }
      ${second}
      static struct klp_func f[] = { { "theirs", theirs }, { } };
      static struct klp_object o[] = { { "can", f }, { } };
      static struct klp_patch p = { &__this_module, o };
      init { return klp_enable_patch(&p); }`;
    const name = async (second: string) =>
      readLivepatch(await makeModule(tables(second))).patch?.objects[0].functions[0].newSymbol;
    expect(await name('')).toBe('theirs');
    expect(await name('extern int __klpkit_new_0_theirs(void) __attribute__((alias("theirs")));')).toBe(
      '__klpkit_new_0_theirs',
    );
  });

  it('says which array has no end', async () => {
    const tables = (end: string) => `
      static int mine(void) { return 1; }
      static struct klp_func f[] section(".data.f") = { { "theirs", mine } ${end} };
      static struct klp_object o[] = { { "can", f }, { } };
      static struct klp_patch p = { &__this_module, o };
      init { return klp_enable_patch(&p); }`;
    expect(readLivepatch(await makeModule(tables(''))).patch?.unterminated).toEqual(['funcs of can']);
    expect(readLivepatch(await makeModule(tables(', { }'))).patch?.unterminated).toEqual([]);
  });

  it.each([
    ['f', []],
    ['(void *)((char *)f + 0x100000)', ['funcs of can']],
    ['(void *)printk', ['funcs of can']],
  ])('says which pointer leads out of the data: %s', async (funcs, astray) => {
    const tables = `
      extern int printk(const char *, ...);
      static int mine(void) { return 1; }
      static struct klp_func f[] = { { "theirs", mine }, { } };
      static struct klp_object o[] = { { "can", ${funcs} }, { "more", f }, { } };
      static struct klp_patch p = { &__this_module, o };
      init { return klp_enable_patch(&p); }`;
    const patch = readLivepatch(await makeModule(tables)).patch;
    expect(patch?.objects.map(({ name }) => name)).toEqual(['can', 'more']);
    expect([patch?.astray, patch?.unterminated]).toEqual([astray, []]);
  });

  it('does not read on into the next variable', async () => {
    const tables = (end: string) => `
      static int mine(void) { return 1; }
      #define tables __attribute__((__section__(".data.tables"), __aligned__(8), __used__))
      static struct klp_func other[] tables = { { "theirs too", mine }, { } };
      static struct klp_func f[] tables = { { "theirs", mine } ${end} };
      static struct klp_object o[] = { { "can", f }, { } };
      static struct klp_patch p = { &__this_module, o };
      init { return klp_enable_patch(&p); }`;
    const read = async (end: string) => readLivepatch(await makeModule(tables(end))).patch;
    expect((await read(''))?.unterminated).toEqual(['funcs of can']);
    expect((await read(''))?.objects[0].functions.map(({ oldName }) => oldName)).toEqual(['theirs']);
    expect((await read(', { }'))?.unterminated).toEqual([]);
  });

  it('reads what kpatch-build leaves for its init', async () => {
    const { patch } = readLivepatch(
      await makeModule(`
        static int mine(void) { return 1; }
        static int also(void) { return 2; }
        static int before(void *o) { return 0; }
        struct kpatch_patch_func { unsigned long new_addr, new_size, old_addr, old_size, sympos; char *name, *objname; };
        struct kpatch_patch_func funcs[] section(".kpatch.funcs") = {
          { (unsigned long)mine, 8, 0, 8, 2, "theirs", "vmlinux" }, { (unsigned long)also, 8, 0, 8, 0, "open", "can" } };
        struct { int (*callback)(void *); char *objname; } hook section(".kpatch.callbacks.pre_patch") = { before, "can" };
        extern void *zalloc(void); init { return klp_enable_patch(zalloc()); }`),
    );
    expect(patch).toEqual({
      replace: true,
      states: [],
      unterminated: [],
      astray: [],
      objects: [
        {
          name: 'vmlinux',
          isVmlinux: true,
          callbacks: new Map(),
          functions: [{ oldName: 'theirs', sympos: 2, newSymbol: 'mine', hasNew: true }],
        },
        {
          name: 'can',
          isVmlinux: false,
          callbacks: new Map([['pre_patch', 'before']]),
          functions: [{ oldName: 'open', sympos: 0, newSymbol: 'also', hasNew: true }],
        },
      ],
    });
  });

  it.each(['.init.klp_objects', '__klp_objects'])('reads what klp-build leaves in %s', async (name) => {
    const { patch } = readLivepatch(
      await makeModule(`
        static int mine(void) { return 1; }
        static void after(void *o) { }
        struct klp_func_ext { const char *old_name; void *new_func; unsigned long sympos; };
        struct klp_object_ext { const char *name; struct klp_func_ext *funcs; struct { void *four[4]; bool on; } callbacks; unsigned n; };
        struct klp_func_ext f[] section(".init.klp_funcs") = { { "theirs", mine, 3 }, { "other", mine }, { "unrelated", mine } };
        struct klp_object_ext o[] section("${name}") = { { 0, f, { { 0 } }, 2 }, { "can", f + 2, { { 0, after } }, 1 } };
        extern void *zalloc(void); init { return klp_enable_patch(zalloc()); }`),
    );
    const functions = patch?.objects.map((object) => object.functions.map(({ oldName }) => oldName));
    expect(functions).toEqual([['theirs', 'other'], ['unrelated']]);
    expect(patch?.objects[0].functions[0]).toMatchObject({ sympos: 3, newSymbol: 'mine' });
    expect(patch?.objects.map((object) => [object.name, object.isVmlinux])).toEqual([
      ['vmlinux', true],
      ['can', false],
    ]);
    expect([...(patch?.objects[1].callbacks ?? [])]).toEqual([['post_patch', 'after']]);
  });

  it('does not take other structures that begin with a module for a livepatch', async () => {
    const livepatch = readLivepatch(
      await makeModule(`
        static int opened(void) { return 1; }
        static struct { struct module *owner; void *open; void *rest[40]; } fops = { &__this_module, opened };
        init { return klp_enable_patch((void *)&fops); }`),
    );
    expect(livepatch.undefinedSymbols.map(({ name }) => name)).toContain('klp_enable_patch');
    expect(livepatch.patch).toBeUndefined();
  });

  it('goes by the layout that it is given', async () => {
    const ko = await makeModule(sample);
    const patch = { ...usualLayout.patch, objs: 16 };
    expect(readLivepatch(ko, usualLayout).patch).toBeDefined();
    expect(readLivepatch(ko, { ...usualLayout, patch }).patch).toBeUndefined();
  });

  it('reads a module that is not marked, and one without symbols', async () => {
    const { mark, name } = readLivepatch(await makeModule(sample, 'INFO(name, "other")'));
    expect([mark, name]).toEqual([undefined, 'other']);
  });
});
