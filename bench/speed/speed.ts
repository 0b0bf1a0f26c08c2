import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadImage, openKernel } from '@klpkit/kernel';
import { makeModule } from '../../packages/livepatch/src/testing/module.ts';
import { generated, namesOf } from '../check/large.ts';
import { editFix } from './fix.ts';

/**
 * Measures klpkit's own steps, each in a process of its own: wall seconds, CPU seconds of klpkit alone (compilers and other children
 * left out), and the peak of its resident memory. Every figure is the median of some runs; growth is given as a ratio within one run.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    runs: { type: 'string', default: '3' },
    table: { type: 'string' },
  },
});

interface Figure {
  readonly wall: number;
  readonly cpu: number;
  /** Wall seconds in which no program ran that klpkit had started. */
  readonly alone: number;
  readonly memoryMb: number;
  readonly detail?: string;
}

const start = new URL('../../packages/cli/src/start.js', import.meta.url).href;
const step = fileURLToPath(new URL('step.ts', import.meta.url));

function once(name: string, args: readonly string[], env: Record<string, string> = {}): Figure {
  const begin = performance.now();
  // As the command starts: what the types were taken off is kept.
  const done = spawnSync(process.execPath, ['--import', start, step, name, values.kernel, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  const wall = (performance.now() - begin) / 1000;
  if (done.status !== 0)
    throw new Error(`${name} ${args.join(' ')} ended with ${done.status}:\n${done.stderr}`);
  return { wall, ...(JSON.parse(done.stdout.trim().split('\n').at(-1) ?? '{}') as Omit<Figure, 'wall'>) };
}

function median(figures: readonly Figure[]): Figure {
  return [...figures].sort((a, b) => a.wall - b.wall)[Math.floor(figures.length / 2)] as Figure;
}

function measure(name: string, args: readonly string[] = [], env: Record<string, string> = {}): Figure {
  return median(Array.from({ length: Number(values.runs) }, () => once(name, args, env)));
}

const loadBefore = loadavg()[0]?.toFixed(1);
const folder = await mkdtemp(join(tmpdir(), 'klpkit-speed-'));
const rows: [what: string, figure: Figure][] = [];
const add = (what: string, figure: Figure) => {
  rows.push([what, figure]);
  process.stderr.write(`${what}: ${figure.wall.toFixed(2)} s\n`);
};
try {
  // A compiler cache of its own for each run makes units cold; the kernel itself stays warm.
  add('start of the command (--help)', measure('command', ['--help']));
  const { symbols } = await loadImage(await openKernel(values.kernel));
  const large = join(folder, 'large.ko');
  await writeFile(large, await makeModule(generated(namesOf(symbols, 1000), 20)));
  add('klpkit check of a livepatch of 1.1 MB', measure('command', ['check', large]));
  add('image, first reading', measure('image-cold'));
  add('image, cached', measure('image-warm'));
  add('run-pre match of 60 units', once('match', ['60']));
  const one = join(folder, 'one.patch');
  await writeFile(one, await editFix(values.kernel, ['fs/namei.c']));
  add('fix of fs/namei.c to .ko, unit cold', measure('build-cold', [one]));
  add('fix of fs/namei.c to .ko, unit cached', measure('build', [one]));
  const many = [
    'fs/namei.c',
    'fs/open.c',
    'fs/readdir.c',
    'fs/pipe.c',
    'fs/stat.c',
    'fs/file.c',
    'fs/dcache.c',
    'fs/inode.c',
  ];
  for (const count of [1, 2, 4, 8]) {
    const path = join(folder, `${count}.patch`);
    await writeFile(path, await editFix(values.kernel, many.slice(0, count)));
    once('build', [path]);
    add(`fix of ${count} units to .ko, units cached`, measure('build', [path]));
  }
  // The first leaves the saved state that the others go on from.
  once('prove', ['1', one]);
  add('proof of a small livepatch', measure('prove', ['1', one]));
  add('proof of a small livepatch, fresh boot', measure('prove-fresh', ['1', one]));
  add('proof of ten livepatches from one boot', once('prove', ['10', one]));
  add('kernel add from downloaded packages', once('add', []));
} finally {
  await rm(folder, { recursive: true, force: true });
}

const table = [
  `# Speed on ${values.kernel}`,
  '',
  `Node ${process.version}, median of ${values.runs} runs in processes of their own; ${cpus().length} processors, load average ${loadBefore} when it began and ${loadavg()[0]?.toFixed(1)} when it ended. CPU is klpkit's own, start of Node included, without the programs that it starts; "own wall" is the time in which none of them (gcc, ld, make, objtool, modpost, QEMU) runs; reading an image, proofs and adding a kernel are timed within the process.`,
  '',
  '| what | wall s | own wall s | own CPU s | peak MB | |',
  '|---|---|---|---|---|---|',
  ...rows.map(
    ([what, { wall, alone, cpu, memoryMb, detail }]) =>
      `| ${what} | ${wall.toFixed(2)} | ${alone.toFixed(2)} | ${cpu.toFixed(2)} | ${memoryMb} | ${detail ?? ''} |`,
  ),
  '',
].join('\n');
if (values.table) await writeFile(values.table, table);
process.stdout.write(table);
