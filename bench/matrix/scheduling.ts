import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  defaultPolicy,
  type Engine,
  FolderStore,
  type Job,
  type JobResult,
  MatrixState,
  runMatrix,
} from '@klpkit/fleet';
import { writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';

/**
 * What scheduling costs: matrices of more and more cells whose jobs are done as soon as they are given, each matrix in a process of its
 * own, first from nothing and then again with everything known. A cell's cost must not grow with their number.
 */
const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '100,1000,4000' },
    one: { type: 'string' },
    table: { type: 'string' },
  },
});

/** What one matrix cost. */
interface Cost {
  readonly cells: number;
  readonly jobs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly againMs: number;
  /** Bytes of the heap that a run leaves behind it, its cells included. */
  readonly keptBytes: number;
  readonly peakMb: number;
}

const kernels = 10;

/** Jobs that are done at once, and have all made the same object. */
class Simulated implements Engine {
  readonly width = 2;
  readonly #made: string;

  constructor(made: string) {
    this.#made = made;
  }

  async run(key: string, job: Job): Promise<JobResult> {
    const made = this.#made;
    if (job.kind === 'prove') return { kind: 'prove', outcome: 'proven', findings: [], proof: made };
    const artifact = {
      name: `${job.name}.ko`,
      digest: made,
      size: 100_000,
      report: made,
      page: made,
      objects: [{ name: 'vmlinux', functions: ['f', 'g'] }],
    };
    return { kind: 'build', outcome: 'built', artifact, group: key, findings: [] };
  }
  async close(): Promise<void> {}
}

async function measure(count: number): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-scheduling-'));
  try {
    const vmlinuz = join(folder, 'vmlinuz');
    await writeFile(vmlinuz, 'an image');
    // One cell of each kernel is that of all fixes together.
    const fixes = Array.from({ length: count / kernels - 1 }, (_, index) => ({
      id: `fix-${index}`,
      cves: [`CVE-2026-${10_000 + index}`],
      patches: [`fix-${index}.patch`],
      backports: [],
      releases: [],
      overrides: {},
      checks: [],
    }));
    const store = new FolderStore(join(folder, 'store'));
    const made = await store.put('an object');
    const run = async () => {
      const state = new MatrixState(folder);
      const result = await runMatrix({
        matrix: {
          name: 'web',
          kernels: [],
          fixes,
          released: [],
          policy: defaultPolicy,
        },
        kernels: Array.from({ length: kernels }, (_, index) => ({
          kernel: { id: `debian:6.${index}`, release: `6.${index}`, vmlinuz } as Kernel,
          shipped: [],
        })),
        scenarios: new Map(),
        asOf: '2026-11-30',
        released: [],
        patches: new Map(fixes.map(({ id }) => [`${id}.patch`, `the patch ${id}`.repeat(100)])),
        store,
        engine: new Simulated(made),
        state,
      });
      state.close();
      return result;
    };
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collect();
    const heap = process.memoryUsage().heapUsed;
    const before = process.cpuUsage();
    const begin = performance.now();
    const { cells, jobs } = await run();
    const wallMs = performance.now() - begin;
    const { user, system } = process.cpuUsage(before);
    collect();
    const keptBytes = process.memoryUsage().heapUsed - heap;
    const again = performance.now();
    const second = await run();
    if (cells.length !== count || second.jobs.done !== 0)
      throw new Error('the matrix was not taken to its end');
    return {
      cells: count,
      jobs: jobs.done,
      wallMs,
      cpuMs: (user + system) / 1000,
      againMs: performance.now() - again,
      keptBytes,
      peakMb: process.resourceUsage().maxRSS / 1024,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Measures in a process of its own, so that the peak of memory is that of one matrix. */
function apart(count: number): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['--one', `${count}`]);
    child.once('message', (cost) => resolve(cost as Cost));
    child.once('exit', (code) => code === 0 || reject(new Error(`the process ended with ${code}`)));
  });
}

if (values.one) {
  process.send?.(await measure(Number(values.one)));
} else {
  const load = loadavg()[0]?.toFixed(1);
  const costs: Cost[] = [];
  for (const count of values.cells.split(',').map(Number)) {
    costs.push(await apart(count));
    process.stderr.write(`${count} cells done\n`);
  }
  const base = costs.find(({ cells }) => cells === 1000) ?? costs[0];
  const each = ({ cells, cpuMs }: Cost) => cpuMs / cells;
  const rows = costs.map((cost) =>
    [
      cost.cells,
      cost.jobs,
      (cost.wallMs / cost.cells).toFixed(2),
      each(cost).toFixed(2),
      base ? (each(cost) / each(base)).toFixed(2) : '',
      (cost.againMs / cost.cells).toFixed(2),
      (cost.keptBytes / cost.cells / 1000).toFixed(1),
      cost.peakMb.toFixed(0),
    ].join(' | '),
  );
  const table = [
    '# Scheduling of a matrix',
    '',
    `Node ${process.version}; load average ${load} when it began. ${kernels} kernels; jobs are simulated and take no time, so that the cost is that`,
    'of the scheduler, the state in SQLite and the store on disk. Each size in a process of its own; CPU is of all its threads.',
    'Again: the same matrix once more, when everything is known. Kept: heap after collection with the cells at hand. To measure: `node bench/matrix/scheduling.ts`.',
    '',
    '| cells | jobs | wall ms a cell | CPU ms a cell | CPU against 1,000 cells | again, ms a cell | kept, kB a cell | peak MB |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
  if (values.table) await writeFileAtomic(values.table, table);
  else process.stdout.write(table);
}
