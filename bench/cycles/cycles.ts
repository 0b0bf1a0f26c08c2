import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { addKernel } from '@klpkit/kernel';
import { formatScenario, runScenario } from '@klpkit/prove';
import { build, cmdline } from '../../packages/prove/src/testing/livepatches.ts';

/**
 * Loads a livepatch, replaces it by another, and unloads both, again and again, while tasks make system calls and fork: nothing may be
 * wrong in the log, and the guest's memory must not shrink from the end of the warm-up on.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    cycles: { type: 'string', default: '200' },
    table: { type: 'string' },
  },
});
const block = 20;
const blocks = Math.ceil(Number(values.cycles) / block);
const kernel = await addKernel(values.kernel);
const version = (name: string) =>
  build(kernel, { ...cmdline(name, `seq_puts(m, "${name}\\n");`), replace: true });
const modules = { old: await version('klp_cycle_old'), new: await version('klp_cycle_new') };
const fields = ['MemAvailable', 'Slab', 'SUnreclaim', 'VmallocUsed', 'Percpu'] as const;

const measure = `
      - title: memory
        run: sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; cat /proc/meminfo`;
const text = `name: cycles
summary: Load, replace and unload under stress, over and over.
modules: { old: , new: }
append: [log_buf_len=4M]
steps:
  - background: dd if=/dev/zero of=/dev/null bs=1 count=100000000000
    name: calls
  - background: while :; do cat /proc/version /proc/uptime >/dev/null; usleep 5000; done
    name: forks
  - repeat:
      - repeat:
          - load: old
          - { run: cat /proc/cmdline, expect: klp_cycle_old }
          - replace: new
          - { run: cat /proc/cmdline, expect: klp_cycle_new }
          - unload: old
          - disable: new
          - unload: new
        times: ${block}${measure}
    times: ${blocks}
  - { stop: forks, always: true }
  - { stop: calls, always: true }
`;
const result = await runScenario(
  kernel,
  { file: 'cycles.yaml', text, modules },
  { freshBoot: true, onProgress: () => {} },
);
process.stdout.write(formatScenario(result));

interface Sample {
  readonly cycles: number;
  readonly at: number;
  readonly kib: readonly number[];
}
const samples = (result.boot?.records ?? [])
  .filter(({ label }) => label.includes(' memory: run'))
  .map(({ output, end }, i): Sample => {
    const kib = fields.map((field) => Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(output)?.[1]));
    return { cycles: (i + 1) * block, at: end, kib };
  });
const [warm] = samples;
const last = samples.at(-1);
if (!warm || !last) throw new Error('the memory was never measured');
/** Kibibytes that a field grew by per cycle from the end of the warm-up on, by least squares. */
const slope = (field: number): number => {
  const points = samples.map(({ cycles, kib }) => [cycles, kib[field] ?? 0] as const);
  const mean = (pick: 0 | 1) => points.reduce((sum, point) => sum + point[pick], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return (
    over /
    Math.max(
      1,
      points.reduce((sum, [a]) => sum + (a - x) ** 2, 0),
    )
  );
};
const wrong = result.findings.filter(({ severity }) => severity !== 'note');
const lines = [
  `# ${last.cycles} cycles of load, replace and unload under stress, ${kernel.id}`,
  '',
  `\`npm run bench:cycles -- --kernel ${values.kernel} --cycles ${values.cycles}\``,
  '',
  'A livepatch is loaded, replaced by another with atomic replace, both are unloaded; a check runs under each. Meanwhile one task makes',
  'system calls without end, and another forks, reads /proc and exits. Memory is read after caches were dropped, every',
  `${block} cycles; the first reading is the end of the warm-up.`,
  '',
  `Verdict: ${result.verdict}. Errors and warnings in the log: ${wrong.length}. ${(last.at / last.cycles).toFixed(2)} s of the guest for a cycle.`,
  '',
  `| cycles | ${fields.map((field) => `${field} (KiB)`).join(' | ')} |`,
  `|---:|${fields.map(() => '---:|').join('')}`,
  ...samples.map(({ cycles, kib }) => `| ${cycles} | ${kib.join(' | ')} |`),
  `| change | ${fields.map((_, i) => signed((last.kib[i] ?? 0) - (warm.kib[i] ?? 0))).join(' | ')} |`,
  `| per cycle | ${fields.map((_, i) => signed(Number(slope(i).toFixed(2)))).join(' | ')} |`,
  ...wrong.map(({ id, what }) => `\n- ${id}: ${what}`),
  '',
];
process.stdout.write(`${lines.join('\n')}\n`);
if (values.table !== undefined) await writeFile(values.table, lines.join('\n'));
process.exitCode = result.verdict === 'passed' ? 0 : 1;

function signed(value: number): string {
  return value > 0 ? `+${value}` : `${value}`;
}
