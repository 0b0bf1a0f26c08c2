// How long it takes to read and compare two objects, and how it grows: `npm run bench:compare -- [--out FILE]`.
// Each size runs in a process of its own, so that its memory is its own.
import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readElf, readSymbols } from '@klpkit/formats';
import { compareObjects, readObjectModel } from '../../packages/compare/src/index.ts';
import { type Shape, syntheticObject } from './objects.ts';

/** The first is the size that the target speaks of: 3,000 sections and 4,600 symbols. */
const shapes: readonly Shape[] = [
  { functions: 1250, variableEach: 3, labels: 1680 },
  { functions: 100, variableEach: 3, labels: 0 },
  { functions: 1_000, variableEach: 3, labels: 0 },
  { functions: 10_000, variableEach: 3, labels: 0 },
  { functions: 100_000, variableEach: 3, labels: 0 },
];

/** What one process measured. */
interface Measured extends Shape {
  readonly sections: number;
  readonly symbols: number;
  readonly fileBytes: number;
  /** Processor time of the first comparison of the process, and the median of those once the compiler of the machine has settled. */
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  /** Median wall time of the latter. */
  readonly warmWallSeconds: number;
  readonly changed: number;
  /** Resident memory of the process at its peak: with the first comparison, as of a command, and with all of them. */
  readonly firstMebibytes: number;
  readonly peakMebibytes: number;
}

function measure(shape: Shape): Measured {
  const before = syntheticObject(shape, false);
  const after = syntheticObject(shape, true);
  const elf = readElf(before);
  const base = {
    ...shape,
    sections: elf.sections.length,
    symbols: readSymbols(elf).count,
    fileBytes: before.length,
  };
  const times: number[] = [];
  const walls: number[] = [];
  let changed = 0;
  let firstMebibytes = 0;
  const peak = () => process.resourceUsage().maxRSS / 1024;
  // Compiling in the background, which counts as processor time, goes on for about ten runs.
  const [settling, measured] = shape.functions > 20_000 ? [2, 3] : [10, 11];
  const runs = settling + measured;
  for (let run = 0; run < runs; run++) {
    const start = process.cpuUsage();
    const begin = performance.now();
    const { functions, findings } = compareObjects(readObjectModel(before), readObjectModel(after));
    walls.push((performance.now() - begin) / 1000);
    const used = process.cpuUsage(start);
    times.push((used.user + used.system) / 1e6);
    if (run === 0) firstMebibytes = peak();
    const touched = functions.filter(({ status }) => status !== 'same');
    changed = touched.length;
    const expected = Math.floor((shape.functions + 49) / 100);
    if (changed !== expected || touched.some(({ status }) => status !== 'changed') || findings.length > 0)
      throw new Error(`${changed} functions changed of ${expected}, ${findings[0]?.what ?? 'no findings'}`);
  }
  const median = (of: readonly number[]) =>
    of.slice(settling).sort((a, b) => a - b)[Math.floor(measured / 2)];
  return {
    ...base,
    coldSeconds: times[0],
    warmSeconds: median(times),
    warmWallSeconds: median(walls),
    changed,
    firstMebibytes,
    peakMebibytes: peak(),
  };
}

function table(all: readonly Measured[]): string {
  const lines = [
    '| functions | sections | symbols | file, MB | cold, s | warm, s | warm, wall s | µs per function | against the row above | peak once, MiB | peak of all runs, MiB |',
    '|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|',
  ];
  const number = new Intl.NumberFormat('en').format;
  all.forEach((row, index) => {
    const last = all[index - 1];
    const growth =
      index < 2 || !last
        ? ''
        : `${(row.functions / last.functions).toFixed(0)} × the functions, ${(row.warmSeconds / last.warmSeconds).toFixed(1)} × the time`;
    lines.push(
      `| ${number(row.functions)} | ${number(row.sections)} | ${number(row.symbols)} | ${(row.fileBytes / 1e6).toFixed(2)} | ${row.coldSeconds.toFixed(3)} | ${row.warmSeconds.toFixed(3)} | ${row.warmWallSeconds.toFixed(3)} | ${((row.warmSeconds / row.functions) * 1e6).toFixed(0)} | ${growth} | ${row.firstMebibytes.toFixed(0)} | ${row.peakMebibytes.toFixed(0)} |`,
    );
  });
  return `${lines.join('\n')}\n`;
}

const { values } = parseArgs({
  options: { out: { type: 'string' }, row: { type: 'string' } },
});
if (values.row !== undefined) process.stdout.write(JSON.stringify(measure(shapes[Number(values.row)])));
else {
  const self = fileURLToPath(import.meta.url);
  const all = shapes.map((_, row) => {
    const out = execFileSync(process.execPath, [self, '--row', String(row)], {
      encoding: 'utf8',
      maxBuffer: 1 << 20,
    });
    return JSON.parse(out) as Measured;
  });
  const text = `# Comparing two objects

Synthetic objects for x86-64 (\`bench/compare/objects.ts\`): each function calls the next, prints a string of its own, has an entry in
\`__bug_table\` and in \`__mcount_loc\`; every third has a static variable \`count.N\`. After the fix every hundredth function holds another
constant, all strings have moved and all variables are numbered anew. Time is processor time (with that
of compiling and collecting garbage) for reading both objects and comparing them in process: the first time, and the median once warm,
which takes ten comparisons (two of 100,000 functions); then wall time as well. Memory is the peak of
the whole process, the two objects and their making in it: with one comparison, and with all of them.

${table(all)}
Target: the first row under 0.15 s once warm, and under 300 MiB with one comparison. Node ${process.versions.node}, ${cpus().length} cores.

To repeat: \`npm run bench:compare -- --out bench/results/compare.md\`.
`;
  process.stdout.write(text);
  if (values.out !== undefined) {
    writeFileSync(`${values.out}.new`, text);
    renameSync(`${values.out}.new`, values.out);
  }
}
