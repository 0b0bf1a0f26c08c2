import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import type { Cell } from '@klpkit/fleet';
import { writeFileAtomic } from '@klpkit/host';
import { addKernel, listKernels } from '@klpkit/kernel';
import { patchOf } from '../corpus/changed.ts';
import type { Outcome } from '../corpus/outcome.ts';
import { sampleOf } from '../corpus/sample.ts';

/**
 * A matrix of real fixes: files that the step from one release to the next changes and that the corpus has proven, on every kernel of
 * the cache. First with nothing compiled in this run, then once more for the time with units cached, and, with `--queue`, by two
 * workers behind a Redis of its own, whose cells must be the same ones.
 */
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'debian:6.12.115+deb12-amd64' },
    to: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    corpus: { type: 'string', default: 'bench/results/corpus-6.12.115-6.12.117.jsonl' },
    fixes: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    kernel: { type: 'string', multiple: true },
    'no-prove': { type: 'boolean', default: false },
    queue: { type: 'boolean', default: false },
    table: { type: 'string' },
  },
});

/** A run of the matrix, from its command to its end. */
interface Timed {
  readonly what: string;
  readonly seconds: number;
  readonly cells: readonly Cell[];
  readonly jobs: number;
}

const bin = fileURLToPath(new URL('../../packages/cli/src/bin.ts', import.meta.url));
const jobsAtOnce = 2;
const load = loadavg()[0]?.toFixed(1);
const children: ChildProcess[] = [];
const folder = await mkdtemp(join(tmpdir(), 'klpkit-bench-matrix-'));
process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

try {
  await writeMatrix();
  const runs = [await run('embedded, first', 'first'), await run('embedded, units cached', 'second')];
  if (values.queue) runs.push(await runByQueue());
  const [, embedded, queued] = runs;
  if (queued && embedded && !isDeepStrictEqual(queued.cells, embedded.cells)) {
    process.stderr.write('the queue gave other cells than the embedded engine\n');
    process.exitCode = 1;
  }
  const table = tableOf(runs);
  if (values.table) await writeFileAtomic(values.table, table);
  else process.stdout.write(table);
} finally {
  for (const child of children) child.kill('SIGTERM');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Fixes of one source each that the corpus proved without further files, spread over the tree. */
async function files(): Promise<string[]> {
  const outcomes = (await readFile(values.corpus, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Outcome);
  const proven = outcomes.filter(
    ({ outcome, kind, headers }) => outcome === 'proven' && kind !== 'header' && headers.length === 0,
  );
  return sampleOf(
    proven.map(({ file }) => file),
    Number(values.fixes),
    Number(values.seed),
  );
}

async function writeMatrix(): Promise<void> {
  const from = await addKernel(values.from);
  const to = await addKernel(values.to);
  const kernels =
    values.kernel ?? (await listKernels()).map(({ id }) => id).filter((id) => id.startsWith('debian:'));
  const lines = ['format: 1', 'name: bench', 'kernels:', ...kernels.map((id) => `  - ${id}`), 'fixes:'];
  await mkdir(join(folder, 'patches'));
  for (const [index, file] of (await files()).entries()) {
    await writeFile(
      join(folder, `patches/${index}.patch`),
      await patchOf(from.sourceDir, to.sourceDir, [file]),
    );
    lines.push(`  - { id: fix-${index}, title: '${file}', patch: patches/${index}.patch }`);
  }
  lines.push('policy:', `  prove: ${!values['no-prove']}`, '');
  await writeFile(join(folder, 'matrix.yaml'), lines.join('\n'));
}

/** Starts klpkit in the folder; `said` grows with what it says. */
function start(args: readonly string[]): ChildProcess & { said: string } {
  const child = Object.assign(
    spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }),
    { said: '' },
  );
  child.stdout?.on('data', (chunk: Buffer) => {
    child.said += chunk.toString();
  });
  children.push(child);
  return child;
}

async function run(what: string, place: string, more: readonly string[] = []): Promise<Timed> {
  process.stderr.write(`${what}\n`);
  const begin = performance.now();
  const places = ['--state', `${place}.state`, '--store', `${place}.store`];
  const child = start([
    'matrix',
    'run',
    'matrix.yaml',
    '--json',
    '--jobs',
    `${jobsAtOnce}`,
    ...places,
    ...more,
  ]);
  const code = await new Promise((resolve) => child.once('close', resolve));
  const seconds = (performance.now() - begin) / 1000;
  // 1: a cell waits for a human, which fixes that do not apply to an older kernel do.
  if (code !== 0 && code !== 1) throw new Error(`klpkit matrix ended with ${code}`);
  const { cells, jobs } = JSON.parse(child.said) as { cells: Cell[]; jobs: { done: number } };
  return { what, seconds, cells, jobs: jobs.done };
}

async function runByQueue(): Promise<Timed> {
  const port = await freePort();
  const redis = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(redis);
  await new Promise<void>((resolve, reject) => {
    redis.once('error', reject);
    redis.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Ready to accept connections')) resolve();
    });
  });
  const queue = ['--queue', `redis://127.0.0.1:${port}`];
  const workers = [1, 2].map(() => start(['worker', ...queue, '--store', 'third.store', '--jobs', '1']));
  await Promise.all(
    workers.map((worker) => new Promise<void>((resolve) => worker.stdout?.once('data', () => resolve()))),
  );
  return run('two workers behind Redis, units cached', 'third', queue);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

function tableOf(runs: readonly Timed[]): string {
  const cells = runs[0]?.cells ?? [];
  const releases = [...new Set(cells.map(({ release }) => release))];
  const states = [...new Set(cells.map(({ state }) => state))].sort();
  const [, embedded, queued] = runs;
  return [
    `# A matrix of ${releases.length} kernels and ${values.fixes} fixes`,
    '',
    `Fixes of the step ${values.from} → ${values.to}, drawn by seed ${values.seed} from those that the corpus proved.`,
    `Node ${process.version}, ${availableParallelism()} processors, ${jobsAtOnce} jobs at once; load average ${load} when it began.`,
    `To measure: \`node bench/matrix/matrix.ts --queue\`.`,
    '',
    '| run | jobs | wall s | s a cell |',
    '|---|---|---|---|',
    ...runs.map(
      ({ what, seconds, jobs }) =>
        `| ${what} | ${jobs} | ${seconds.toFixed(1)} | ${(seconds / Math.max(1, cells.length)).toFixed(2)} |`,
    ),
    '',
    ...(queued && embedded
      ? [
          `The queue took ${((queued.seconds / embedded.seconds - 1) * 100).toFixed(1)} % more than the embedded engine; its cells are ${isDeepStrictEqual(queued.cells, embedded.cells) ? 'the same, with the same bytes' : 'others'}.`,
          '',
        ]
      : []),
    `| kernel | ${states.join(' | ')} |`,
    `|---|${states.map(() => '---|').join('')}`,
    ...releases.map(
      (release) =>
        `| ${release} | ${states.map((state) => cells.filter((cell) => cell.release === release && cell.state === state).length).join(' | ')} |`,
    ),
    '',
  ].join('\n');
}
