import { expect, it } from 'vitest';
import { convertKlp } from './convert.ts';
import { explainRelocations } from './explain.ts';
import { readLivepatch } from './read.ts';
import { makeModule } from './testing/module.ts';

const source = `
extern int ref_helper(int), ref_tail(int); extern int ref_count;
int klpp_show(int x) {
  asm volatile("1: nop\\n.pushsection __jump_table,\\"aw\\"\\n.long 1b - .\\n.long 1b - .\\n.quad ref_key - .\\n.popsection");
  return x + ref_helper(x) + ref_count;
}
int klpp_open(int x) { return ref_tail(x); }
int *pointer = &ref_count;
static struct klp_func core[] = { { "show", klpp_show }, { } };
static struct klp_func loop[] = { { "open", klpp_open }, { } };
static struct klp_object objs[] = { { 0, core }, { "loop", loop }, { } };
static struct klp_patch patch = { &__this_module, objs, 0, 1 };
init { return klp_enable_patch(&patch); }
`;

it('says of every KLP relocation which bytes it writes, what they do with which symbol, and when', async () => {
  const of = (symbol: string, object: string, name: string, sympos = 0) => ({
    symbol,
    object,
    name,
    sympos,
    patched: object,
  });
  const ko = convertKlp(await makeModule(`#pragma GCC optimize("O2")\n${source}`), [
    of('ref_helper', 'vmlinux', 'helper', 11),
    of('ref_tail', 'loop', 'tail.isra.0', 2),
    of('ref_count', 'vmlinux', 'count.37', 21),
    of('ref_key', 'vmlinux', 'key'),
  ]);
  const words = explainRelocations(ko, readLivepatch(ko)).map((one) =>
    one.words.replace(/\+0x[1-9a-f][0-9a-f]*/, '+N'),
  );
  expect(words.sort()).toEqual([
    'the 4 bytes at klpp_open+N jump to tail.isra.0 of the module loop, the 2nd of that name; resolved when loop is loaded, at once if it is already',
    'the 4 bytes at klpp_show+N call helper of vmlinux, the 11th of that name; resolved while the livepatch loads',
    'the 4 bytes at klpp_show+N refer to count.37 of vmlinux, the 21st of that name; resolved while the livepatch loads',
    'the 8 bytes at pointer+0x0 refer to count.37 of vmlinux, the 21st of that name; resolved while the livepatch loads',
    'the entry of __jump_table for klpp_show+N refers to key of vmlinux; resolved while the livepatch loads',
  ]);
});

it('says when a relocation will never be resolved', async () => {
  const livepatch = readLivepatch(
    convertKlp(await makeModule(source), [
      { symbol: 'ref_tail', object: 'loop', name: 'tail', sympos: 0, patched: 'other' },
    ]),
  );
  const [one] = livepatch.klpRelocations;
  expect(one?.patchedObject).toBe('other');
  const ko = await makeModule(source);
  expect(explainRelocations(ko, livepatch).map(({ when }) => when)).toEqual([
    'never resolved: the livepatch does not patch other',
  ]);
});
