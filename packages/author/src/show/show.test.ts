import { convertKlp } from '@klpkit/livepatch';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeModule } from '../../../livepatch/src/testing/module.ts';
import { disassemble, showFile } from './index.ts';

const source = `
extern int ref_counter, ref_state; extern int ref_helper(int); extern int printk(const char *, ...);
extern void *klp_shadow_get(void *, unsigned long);
int klpp_show(int x) { printk("%d", ref_counter); return ref_counter + x; }
int klpp_ioctl(int x) { return ref_helper(x) + ref_state + (klp_shadow_get(&klpp_show, 42) != 0); }
static int prepare(void *object) { return 0; }
static struct klp_func core[] = { { "show", klpp_show, 2 }, { } };
static struct klp_func loop[] = { { "ioctl", klpp_ioctl }, { } };
static struct klp_object objs[] = { { 0, core, { prepare } }, { "loop", loop }, { } };
static struct klp_state states[] = { { 7, 3 }, { } };
static struct klp_patch patch = { &__this_module, objs, states, 1 };
init { return klp_enable_patch(&patch); }
`;
let plain: Uint8Array;
let ko: Uint8Array;
beforeAll(async () => {
  plain = await makeModule(source);
  ko = convertKlp(plain, [
    { symbol: 'ref_counter', object: 'vmlinux', name: 'counter', sympos: 3, patched: 'vmlinux' },
    { symbol: 'ref_helper', object: 'loop', name: 'helper', sympos: 0, patched: 'loop' },
    { symbol: 'ref_state', object: 'loop', name: 'state', sympos: 0, patched: 'loop' },
  ]);
});

describe('a livepatch', () => {
  it('is shown with all that it patches', async () => {
    const shown = await showFile('a.ko', ko);
    if (shown.kind !== 'livepatch') throw new Error(shown.kind);
    expect(shown.replace).toBe(true);
    expect(shown.objects).toMatchObject([
      {
        name: 'vmlinux',
        functions: [{ name: 'show', sympos: 2, new: 'klpp_show' }],
        callbacks: [{ kind: 'pre_patch', symbol: 'prepare' }],
      },
      { name: 'loop', functions: [{ name: 'ioctl', sympos: 0, new: 'klpp_ioctl' }], callbacks: [] },
    ]);
    expect(shown.objects[0]?.functions[0]?.size).toBeGreaterThan(10);
    expect(shown.states).toEqual([{ id: 7, version: 3 }]);
    expect(shown.shadows).toEqual([{ id: '42', sizes: [], allocates: false, reads: true, frees: false }]);
    expect(shown.imports).toEqual(['__this_module', 'klp_enable_patch', 'klp_shadow_get', 'printk']);
  });

  it('says in words what each KLP relocation is for', async () => {
    const shown = await showFile('a.ko', ko);
    if (shown.kind !== 'livepatch') throw new Error(shown.kind);
    const words = shown.relocations.map((one) => one.words.replace(/\+0x[0-9a-f]+/, '+N')).sort();
    expect(words).toEqual([
      'the 4 bytes at klpp_ioctl+N call helper of the module loop; resolved when loop is loaded, at once if it is already',
      'the 4 bytes at klpp_ioctl+N refer to state of the module loop; resolved when loop is loaded, at once if it is already',
      'the 4 bytes at klpp_show+N refer to counter of vmlinux, the 3rd of that name; resolved while the livepatch loads',
      'the 4 bytes at klpp_show+N refer to counter of vmlinux, the 3rd of that name; resolved while the livepatch loads',
    ]);
    for (const { user, offset, size } of shown.relocations) {
      const own = shown.functions.find(({ name }) => name === user);
      expect(offset + (size ?? 0)).toBeLessThanOrEqual(own?.size ?? 0);
    }
  });

  it('is disassembled with the names of the kernel, asked for by either name', async () => {
    const { lines, name, shipped } = await disassemble('a.ko', ko, 'ioctl');
    expect(name).toBe('klpp_ioctl');
    const text = lines.map((line) => line.text);
    expect(text).toContain('call helper [loop]');
    expect(text.some((line) => line.includes('state [loop](%rip)'))).toBe(true);
    expect(shipped).toBeUndefined();
    expect(
      (await disassemble('a.ko', ko, 'klpp_show')).lines.some((line) =>
        line.text.includes('counter [vmlinux, 3]'),
      ),
    ).toBe(true);
    await expect(disassemble('a.ko', ko, 'klpp_shown')).rejects.toThrow('a.ko has no function klpp_shown');
  });
});

describe('other files', () => {
  it('are shown as what they are', async () => {
    const object = await makeModule(
      'static int n; int get(void) { return n++; } extern int x; int y(void) { return x; }',
      '',
    );
    expect(await showFile('a.o', object)).toMatchObject({
      kind: 'object',
      machine: 'x86-64',
      functions: [
        { name: 'get', isGlobal: true, section: '.text.get' },
        { name: 'y', isGlobal: true, section: '.text.y' },
      ],
      imports: ['x'],
    });
    const before = await showFile('a.ko', plain);
    expect(before.kind === 'livepatch' && before.relocations).toEqual([]);
  });

  it('are refused when they are nothing of that', async () => {
    await expect(showFile('x', new TextEncoder().encode('#!/bin/sh'))).rejects.toThrow(/^x: bzImage: /);
    await expect(showFile('x', ko.slice(0, 300))).rejects.toThrow(/^x: /);
  });
});
