import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FolderStore } from '@klpkit/fleet';
import { cacheRoot, writeFileAtomic } from '@klpkit/host';
import { addKernel, kernelsOfSeries, listKernels } from '@klpkit/kernel';
import { freePort, startRedis } from '../../packages/fleet/src/testing/services.ts';
import { patchOf } from '../corpus/changed.ts';
import type { Outcome } from '../corpus/outcome.ts';
import { sampleOf } from '../corpus/sample.ts';
import { type Answer, type Timed, tableOf } from './table.ts';

/**
 * A matrix of real fixes: files that the step from one release to the next changes and that the corpus has proven, on every kernel of
 * the series in the cache.
 *
 * The first run is embedded and finds no unit compiled. Then, with `--queue`, the embedded engine and two workers behind a Redis of
 * its own take turns, as A B B A …, so that a machine that becomes slower is slower for both. Each of those runs has a state and a
 * store of its own, and a copy of its own of the compiled units that the first run left; what klpkit keeps in the kernels' folders is
 * there since the first run. Cells, bytes and releases must be the same in all.
 */
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'debian:6.12.115+deb12-amd64' },
    to: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    corpus: { type: 'string', default: 'bench/results/corpus-6.12.115-6.12.117.jsonl' },
    fixes: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    series: { type: 'string', default: 'debian:6.12' },
    kernel: { type: 'string', multiple: true },
    'no-prove': { type: 'boolean', default: false },
    queue: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    table: { type: 'string' },
  },
});

/** A run, and what its folders are called after. */
interface Run extends Timed {
  readonly place: string;
}

const bin = fileURLToPath(new URL('../../packages/cli/src/bin.ts', import.meta.url));
const jobsAtOnce = 2;
const children: ChildProcess[] = [];
const folder = await mkdtemp(join(tmpdir(), 'klpkit-bench-matrix-'));
process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

try {
  const titles = await writeMatrix();
  const first = await embedded('first');
  const runs = [first];
  for (let round = 0; values.queue && round < Number(values.rounds); round++) {
    const turns = [embedded, queued];
    if (round % 2 === 1) turns.reverse();
    for (const turn of turns) runs.push(await turn(`${turn.name}-${round}`));
  }
  const differences: string[] = [];
  for (const run of runs.slice(1)) differences.push(...(await differ(first, run)));
  for (const what of differences) process.stderr.write(`${what}\n`);
  if (differences.length > 0) process.exitCode = 1;
  const table = tableOf({ runs, titles, differences, values, jobsAtOnce });
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

/** Writes the matrix and its patches; gives the file of each fix. */
async function writeMatrix(): Promise<Map<string, string>> {
  const from = await addKernel(values.from);
  const to = await addKernel(values.to);
  const kernels = values.kernel ?? kernelsOfSeries(await listKernels(), values.series).map(({ id }) => id);
  const lines = ['format: 1', 'name: bench', 'kernels:', ...kernels.map((id) => `  - ${id}`), 'fixes:'];
  const titles = new Map<string, string>();
  await mkdir(join(folder, 'patches'));
  for (const [index, file] of (await files()).entries()) {
    await writeFile(
      join(folder, `patches/${index}.patch`),
      await patchOf(from.sourceDir, to.sourceDir, [file]),
    );
    titles.set(`fix-${index}`, file);
    lines.push(`  - { id: fix-${index}, title: '${file}', patch: patches/${index}.patch }`);
  }
  lines.push('policy:', `  prove: ${!values['no-prove']}`, '');
  await writeFile(join(folder, 'matrix.yaml'), lines.join('\n'));
  return titles;
}

/** A cache of its own for a run: the kernels are shared, compiled units are those of the first run, copied. */
async function makeCache(place: string): Promise<string> {
  const cache = join(folder, `${place}.cache`);
  await mkdir(join(cache, 'klpkit'), { recursive: true });
  for (const name of ['kernels', 'sources', 'debs', 'userland'])
    await symlink(join(cacheRoot(), name), join(cache, 'klpkit', name));
  await cp(join(cacheRoot(), 'prove'), join(cache, 'klpkit/prove'), { recursive: true });
  if (place === 'first') await mkdir(join(cache, 'klpkit/objects'));
  else
    await cp(join(folder, 'first.cache/klpkit/objects'), join(cache, 'klpkit/objects'), { recursive: true });
  return cache;
}

/** Starts klpkit in the folder; `said` grows with what it says. */
function start(args: readonly string[], cache: string): ChildProcess & { said: string } {
  const child = Object.assign(
    spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { ...process.env, XDG_CACHE_HOME: cache },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
    { said: '' },
  );
  child.stdout?.on('data', (chunk: Buffer) => {
    child.said += chunk.toString();
  });
  children.push(child);
  return child;
}

function placesOf(place: string): string[] {
  return ['--state', `${place}.state`, '--store', `${place}.store`];
}

/** A run of the matrix, from its command to its end, and then a release of what it gave. */
async function take(place: string, what: string, cache: string, more: readonly string[] = []): Promise<Run> {
  process.stderr.write(`${what}\n`);
  const begin = performance.now();
  const own = placesOf(place);
  const child = start(['matrix', 'run', 'matrix.yaml', '--json', ...own, ...more], cache);
  const code = await new Promise((resolve) => child.once('close', resolve));
  const seconds = (performance.now() - begin) / 1000;
  // 1: a cell waits for a human, which fixes that do not apply to an older kernel do.
  if (code !== 0 && code !== 1) throw new Error(`klpkit matrix ended with ${code}`);
  const { cells, jobs } = JSON.parse(child.said) as Answer;
  if (cells.some(({ state }) => state === 'released')) {
    const report = start(
      ['matrix', 'report', 'matrix.yaml', ...own, '--release', `${place}.release`, '--json'],
      cache,
    );
    await new Promise((resolve) => report.once('close', resolve));
  }
  process.stderr.write(`  ${seconds.toFixed(1)} s\n`);
  return { what, place, seconds, cells, jobs: jobs.done };
}

async function embedded(place: string): Promise<Run> {
  const what = place === 'first' ? 'embedded, nothing compiled' : 'embedded';
  return take(place, what, await makeCache(place), ['--jobs', `${jobsAtOnce}`]);
}

async function queued(place: string): Promise<Run> {
  const cache = await makeCache(place);
  const redis = await startRedis(folder, await freePort());
  const queue = ['--queue', `redis://127.0.0.1:${redis.port}`];
  const workers = Array.from({ length: jobsAtOnce }, () =>
    start(['worker', ...queue, '--store', `${place}.store`, '--jobs', '1'], cache),
  );
  await Promise.all(
    workers.map((worker) => new Promise<void>((resolve) => worker.stdout?.once('data', () => resolve()))),
  );
  try {
    return await take(place, `${jobsAtOnce} workers behind Redis`, cache, queue);
  } finally {
    for (const worker of workers) worker.kill('SIGTERM');
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('close', resolve))));
    await redis.kill();
  }
}

/** What a run gave otherwise than another: cells, the bytes that they name, files of the releases. */
async function differ(one: Run, other: Run): Promise<string[]> {
  const differences: string[] = [];
  for (const [index, cell] of one.cells.entries()) {
    const { kernel, fix, artifact, proof } = cell;
    if (JSON.stringify(cell) !== JSON.stringify(other.cells[index]))
      differences.push(`${other.place}: ${fix} on ${kernel} is another cell than in ${one.place}`);
    for (const digest of [artifact?.digest, artifact?.report, artifact?.page, proof?.digest]) {
      if (digest === undefined) continue;
      // The store gives out only what is what its name says.
      await new FolderStore(join(folder, `${other.place}.store`))
        .get(digest)
        .catch((error: Error) => differences.push(`${other.place}: ${fix} on ${kernel}: ${error.message}`));
    }
  }
  const [released, again] = [await filesOf(`${one.place}.release`), await filesOf(`${other.place}.release`)];
  for (const name of new Set([...released.keys(), ...again.keys()]))
    if (!released.get(name) || !again.get(name)?.equals(released.get(name) as Buffer))
      differences.push(`${other.place}: ${name} of the release is another file than in ${one.place}`);
  return differences;
}

async function filesOf(release: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(join(folder, release), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const found = new Map<string, Buffer>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(path.slice(join(folder, release).length + 1), await readFile(path));
  }
  return found;
}
