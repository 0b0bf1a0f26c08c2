import { renameUndefined } from '@klpkit/livepatch';
import { describe, expect, it } from 'vitest';
import { makeModule } from '../../livepatch/src/testing/module.ts';
import { changeSet } from './group.ts';

/** A livepatch of `show` in vmlinux, as the build leaves it: private symbols by KLP relocation. */
const livepatch = {
  /** Comes before the function in the file. */
  before: '',
  position: 1,
  helper: 'helper',
  text: 'seen %d',
  code: 'printk("%TEXT%", x); return helper(x) + counter + 1;',
  more: '',
};

type Change = Partial<typeof livepatch>;
const calls = 'return fresh(x) + 1;';
const reads = 'return table[x & 3];';

async function setOf(change: Change = {}) {
  const { before, position, helper, text, code, more } = { ...livepatch, ...change };
  const module = await makeModule(`
extern int printk(const char *, ...);
extern int helper(int);
extern int counter;
${before}
int new_show(int x) { ${code.replace('%TEXT%', text)} }
int new_open(int x) { return x + 1; }
static struct klp_func core[] = { { "show", new_show, ${position} }, ${more} { } };
static struct klp_object objs[] = { { 0, core }, { } };
static struct klp_patch patch = { &__this_module, objs, 0, 1 };
init { return klp_enable_patch(&patch); }
`);
  const names = new Map([
    ['helper', `.klp.sym.vmlinux.${helper},${position}`],
    ['counter', `.klp.sym.vmlinux.counter,${position}`],
  ]);
  return changeSet(renameUndefined(module, names));
}

describe('changeSet', () => {
  it('names the functions that are replaced', async () => {
    const { functions } = await setOf();
    expect(functions.map(({ object, name }) => `${object} ${name}`)).toEqual(['vmlinux show']);
  });

  it.each([
    ['positions of equal names', { position: 2 }],
    [
      'where its strings lie',
      { before: 'static const char *const others[] section(".data.own") = { "a", "bc" };' },
    ],
  ])('does not see %s, which differ from kernel to kernel', async (_, change) => {
    expect((await setOf(change)).key).toBe((await setOf()).key);
  });

  it.each([
    ['the code', { code: 'printk("%TEXT%", x); return helper(x) + counter + 2;' }],
    ['what is called', { helper: 'other_helper' }],
    ['what is said', { text: 'saw %d' }],
    [
      'a new function that it calls',
      { before: 'static __attribute__((noinline)) int fresh(int x) { return x * 3; }', code: calls },
      { before: 'static __attribute__((noinline)) int fresh(int x) { return x * 5; }', code: calls },
    ],
    [
      'a table that it reads',
      { before: 'static const int table[] = { 1, 2, 3, 4 };', code: reads },
      { before: 'static const int table[] = { 1, 2, 3, 5 };', code: reads },
    ],
    ['which functions are replaced', { more: '{ "open", new_open },' }],
  ] as [string, Change, Change?][])('sees %s', async (_, change, other = {}) => {
    expect((await setOf(change)).key).toBe((await setOf(change)).key);
    expect((await setOf(change)).key).not.toBe((await setOf(other)).key);
  });
});
