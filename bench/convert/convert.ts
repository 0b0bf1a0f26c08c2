import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { convertModule } from '@klpkit/author';
import { addKernel, loadImage, moduleSymvers } from '@klpkit/kernel';
import { readLivepatch } from '@klpkit/livepatch';
import { makeModule } from '../../packages/author/src/convert/testing/module.ts';

/** How long klpkit convert takes for a module with thousands of references to symbols that the kernel does not export. */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    relocations: { type: 'string', default: '10000' },
    runs: { type: 'string', default: '5' },
    table: { type: 'string' },
  },
});
const kernel = await addKernel(values.kernel);
const wanted = Number(values.relocations);
const usesOfOne = 50;
const functions = Math.ceil(wanted / usesOfOne);
const source = await generated(functions, usesOfOne);
const { ko } = await makeModule(kernel, 'klp_bench', source);

const times: number[] = [];
let text = '';
for (let run = 0; run < Number(values.runs); run++) {
  const start = performance.now();
  const { module, conversions } = await convertModule(kernel, 'klp_bench.ko', ko);
  times.push((performance.now() - start) / 1000);
  const { klpRelocations } = readLivepatch(module);
  text = `| ${klpRelocations.length} | ${conversions.length} | ${(ko.length / 1e6).toFixed(1)} |`;
  if (klpRelocations.length < wanted)
    throw new Error(`${klpRelocations.length} KLP relocations, expected ${wanted}`);
}
const [first = 0, ...later] = times;
const sorted = [...later].sort((a, b) => a - b);
const table = [
  `# klpkit convert on ${values.kernel}`,
  '',
  'A module that kbuild linked with its private symbols undefined. The first run reads the symbols of the kernel from the cache and',
  'warms the process up; `klpkit convert` is one such run and the start of Node.',
  '',
  '| KLP relocations | symbols | MB | first run, s | later runs, median s |',
  '|---|---|---|---|---|',
  `${text} ${first.toFixed(2)} | ${(sorted[sorted.length >> 1] ?? 0).toFixed(2)} |`,
  '',
].join('\n');
if (values.table) await writeFile(values.table, table);
process.stdout.write(table);

/** Functions of vmlinux that ftrace can divert, each with uses of other variables that are not exported. */
async function generated(count: number, uses: number): Promise<string> {
  const { symbols } = await loadImage(kernel);
  const exports = await moduleSymvers(kernel);
  const isPlain = (name: string) => /^[a-z]\w{3,}$/.test(name) && symbols.find(name).length === 1;
  const address = (name: string) => symbols.address[symbols.find(name)[0] as number] as number;
  const [start, end, initStart, initEnd] = ['_stext', '_etext', '__init_begin', '__init_end'].map(
    address,
  ) as [number, number, number, number];
  const variables: string[] = [];
  const replaced: string[] = [];
  for (let index = 0; index < symbols.count; index++) {
    const name = symbols.name(index);
    const at = symbols.address[index] as number;
    if (!isPlain(name) || (at >= initStart && at < initEnd)) continue;
    const type = String.fromCharCode(symbols.type[index] as number);
    if ('dDbB'.includes(type) && at < 0 && !exports.has(name) && variables.length < 500) variables.push(name);
    // System calls are certainly diverted by ftrace.
    if (
      name.startsWith('__do_sys_') ||
      (/^(proc|vfs|do)_/.test(name) && type === 't' && at > start && at < end)
    )
      replaced.push(name);
  }
  const { kernelEvidence } = await import('@klpkit/author');
  const { facts } = (await kernelEvidence(kernel, ['vmlinux'])).evidence;
  const chosen = replaced.filter((name) => facts.isTraceable?.('vmlinux', name, 0)).slice(0, count);
  if (chosen.length < count) throw new Error(`${chosen.length} functions to replace, ${count} are wanted`);
  const all = chosen.map((_, index) => index);
  return [
    '#include <linux/module.h>',
    '#include <linux/livepatch.h>',
    ...variables.map((name) => `extern int bench_${name} asm("${name}");`),
    ...all.map((index) => {
      const own = Array.from(
        { length: uses },
        (_, use) => variables[(index * uses + use) % variables.length],
      );
      return `static int new_${index}(int x) { x += ${index}; ${own.map((name) => `x += READ_ONCE(bench_${name});`).join(' ')} return x; }`;
    }),
    'static struct klp_func funcs[] = {',
    ...all.map((index) => `\t{ .old_name = "${chosen[index]}", .new_func = new_${index} },`),
    '\t{ } };',
    'static struct klp_object objs[] = { { .funcs = funcs }, { } };',
    'static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };',
    'static int __init start(void) { return klp_enable_patch(&patch); }',
    'module_init(start);',
    'MODULE_LICENSE("GPL");',
    'MODULE_INFO(livepatch, "Y");',
  ].join('\n');
}
