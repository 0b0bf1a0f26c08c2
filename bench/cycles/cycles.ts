import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { addKernel } from '@klpkit/kernel';
import { formatScenario, runScenario } from '@klpkit/prove';
import { build, cmdline } from '../../packages/prove/src/testing/livepatches.ts';

/**
 * Loads a livepatch, replaces it by another, and unloads both, again and again, while tasks make system calls and fork: nothing may be
 * wrong in the log, and no memory may be lost from the end of the warm-up on. That the stress goes on is shown by what it has done.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    cycles: { type: 'string', default: '200' },
    table: { type: 'string' },
  },
});
/** Readings of the memory, the first of which ends the warm-up. */
const readings = 10;
const cycles = Number(values.cycles);
if (!Number.isInteger(cycles) || cycles < 2) throw new Error('--cycles is a whole number from 2');
const block = Math.max(1, Math.floor(cycles / readings));
const blocks = Math.floor(cycles / block);
const kernel = await addKernel(values.kernel);
const version = (name: string) =>
  build(kernel, { ...cmdline(name, `seq_puts(m, "${name}\\n");`), replace: true });
const modules = { old: await version('klp_cycle_old'), new: await version('klp_cycle_new') };
/** Of /proc/meminfo, and what each may lose in a cycle, in KiB. A module that stays costs 20 and more; MemAvailable wavers by hundreds. */
const limits = { MemAvailable: 8, SUnreclaim: 1, VmallocUsed: 2, Percpu: 0.5 } as const;
const fields = Object.keys(limits) as (keyof typeof limits)[];

/** Read when all is quiet: the stress is stopped, what frees memory later has had its time, and caches are empty. */
const measure = `
      - { title: pause, run: 'kill -STOP $(pidof dd) && cat /proc/$(pidof dd)/io && grep ^processes /proc/stat' }
      - title: memory
        run: sync; sleep 2; echo 3 >/proc/sys/vm/drop_caches; sleep 1; cat /proc/meminfo
      - { title: go on, run: 'kill -CONT $(pidof dd)' }`;
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
  /** Reads that one task has made, and processes that were started, since the boot. */
  readonly calls: number;
  readonly forks: number;
}
const records = result.boot?.records ?? [];
const stress = records.filter(({ label }) => label.includes(' pause: run'));
const samples = records
  .filter(({ label }) => label.includes(' memory: run'))
  .map(({ output, end }, i): Sample => {
    const kib = fields.map((field) => Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(output)?.[1]));
    const done = (name: string) =>
      Number(new RegExp(`^${name}:? (\\d+)`, 'm').exec(stress[i]?.output ?? '')?.[1]);
    return { cycles: (i + 1) * block, at: end, kib, calls: done('syscr'), forks: done('processes') };
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
/** MemAvailable is lost where it shrinks, all else where it grows. */
const lost = (i: number) => (fields[i] === 'MemAvailable' ? -slope(i) : slope(i));
const leaks = fields.filter((field, i) => !(lost(i) <= limits[field]));
const isIdle = samples.some(
  ({ calls, forks }, i) =>
    !(calls > (samples[i - 1]?.calls ?? 0) && forks > (samples[i - 1]?.forks ?? 0) + block),
);
const isGood = result.verdict === 'passed' && wrong.length === 0 && leaks.length === 0 && !isIdle;
const lines = [
  `# ${last.cycles} cycles of load, replace and unload under stress, ${kernel.id}`,
  '',
  `\`npm run bench:cycles -- --kernel ${values.kernel} --cycles ${values.cycles}\``,
  '',
  'A livepatch is loaded, replaced by another with atomic replace, both are unloaded; a check runs under each. Meanwhile one task makes',
  'system calls without end, and another forks, reads /proc and exits; what they have done is in the last two columns. Memory is read',
  `every ${block === 1 ? 'cycle' : `${block} cycles`} while the calls pause, after 2 s for what is freed later, without caches; the first reading is the end of the`,
  'warm-up. What a cycle costs is the slope of a line through the readings, and may not be above the limit.',
  '',
  `Verdict: ${result.verdict}. Errors and warnings in the log: ${wrong.length}. ${(last.at / last.cycles).toFixed(2)} s of the guest for a cycle. Memory is ${leaks.length === 0 ? 'not lost' : `LOST: ${leaks.join(', ')}`}. The stress ${isIdle ? 'DID NOT GO ON' : 'went on'}.`,
  '',
  `| cycles | ${fields.map((field) => `${field} (KiB)`).join(' | ')} | reads | processes |`,
  `|---:|${fields.map(() => '---:|').join('')}---:|---:|`,
  ...samples.map(
    ({ cycles, kib, calls, forks }) => `| ${cycles} | ${kib.join(' | ')} | ${calls} | ${forks} |`,
  ),
  `| change | ${fields.map((_, i) => signed((last.kib[i] ?? 0) - (warm.kib[i] ?? 0))).join(' | ')} | ${signed(last.calls - warm.calls)} | ${signed(last.forks - warm.forks)} |`,
  `| per cycle | ${fields.map((_, i) => signed(Number(slope(i).toFixed(2)))).join(' | ')} | | |`,
  `| limit | ${fields.map((field) => (field === 'MemAvailable' ? `-${limits[field]}` : `+${limits[field]}`)).join(' | ')} | | |`,
  ...wrong.map(({ id, what }) => `\n- ${id}: ${what}`),
  '',
];
process.stdout.write(`${lines.join('\n')}\n`);
if (values.table !== undefined) await writeFile(values.table, lines.join('\n'));
process.exitCode = isGood ? 0 : 1;

function signed(value: number): string {
  return value > 0 ? `+${value}` : `${value}`;
}
