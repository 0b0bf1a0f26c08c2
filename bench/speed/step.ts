import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { link, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheRoot } from '@klpkit/host';
import { addKernel, type Kernel, loadImage, loadModule, openKernel, prepareImage } from '@klpkit/kernel';

// One step in a process of its own; the last line of the output is a JSON object with what it took.
const [name, kernelId, ...args] = process.argv.slice(2) as [string, string, ...string[]];
let detail = '';
/** Seconds to report instead of the whole process. */
let wall: number | undefined;

const steps: Record<string, () => Promise<void>> = {
  async 'image-cold'() {
    const kernel = await openKernel(kernelId);
    const start = performance.now();
    const image = await prepareImage(kernel);
    image.btf()?.findStruct('task_struct');
    wall = (performance.now() - start) / 1000;
    detail = `${image.symbols.count} symbols, ${image.btf()?.count ?? 0} types`;
  },
  async 'image-warm'() {
    const kernel = await openKernel(kernelId);
    const start = performance.now();
    const image = await loadImage(kernel);
    image.symbols.find('vfs_read');
    wall = (performance.now() - start) / 1000;
    detail = `${image.symbols.count} symbols`;
  },
  async build() {
    await build(await openKernel(kernelId));
  },
  async 'build-cold'() {
    // An empty compiler cache; the kernel is open already, and stays where it is.
    const kernel = await openKernel(kernelId);
    const cache = await mkdtemp(join(tmpdir(), 'klpkit-cold-'));
    process.env.XDG_CACHE_HOME = cache;
    try {
      await build(kernel);
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  },
  /** The command itself; what it says is dropped. */
  async command() {
    const { main } = await import('../../packages/cli/src/main.ts');
    const drop = { write: () => true };
    const argv = args[0] === '--help' ? args : [...args, '--kernel', kernelId];
    const code = await main(argv, { stdout: drop, stderr: drop, env: process.env });
    if (code > 1) throw new Error(`klpkit ${argv.join(' ')} ended with ${code}`);
  },
  match: matchUnits,
  prove: () => prove(false),
  'prove-fresh': () => prove(true),
  add,
};

async function build(kernel: Kernel, livepatch = 'livepatch_speed') {
  // What a step needs is loaded by it, as the commands do.
  const { buildLivepatch } = await import('@klpkit/author/build');
  const path = args.at(-1) as string;
  const result = await buildLivepatch(kernel, [{ name: 'fix.patch', text: await readFile(path, 'utf8') }], {
    name: livepatch,
  });
  if (result.outcome !== 'built') throw new Error('nothing was built');
  detail = result.steps.map(({ step, ms }) => `${step} ${(ms / 1000).toFixed(2)}`).join(', ');
  return result;
}

async function matchUnits() {
  const { compileUnit } = await import('@klpkit/author');
  const { matchImage, matchModule, modelOf, readObjectModel } = await import('@klpkit/compare');
  const { someUnits } = await import('./units.ts');
  const kernel = await openKernel(kernelId);
  const count = Number(args[0]);
  const units = await someUnits(kernel, count);
  const counts = new Map<string, number>();
  const image = await loadImage(kernel);
  let compiling = 0;
  let functions = 0;
  for (const unit of units) {
    const start = performance.now();
    const sides = await Promise.all(
      (['before', 'exact'] as const).map((side) => compileUnit(kernel, { unit, side })),
    );
    compiling += performance.now() - start;
    const [before, exact] = sides.map((side) => {
      if ('finding' in side) throw new Error(side.finding.what);
      return readObjectModel(side.bytes);
    });
    const match =
      unit.owner === 'vmlinux'
        ? matchImage(before, image, { exact })
        : matchModule(before, modelOf((await loadModule(kernel, unit.owner)).elf), { exact });
    functions += match.functions.length;
    for (const [verdict, n] of Object.entries(match.counts))
      if (n > 0) counts.set(verdict, (counts.get(verdict) ?? 0) + n);
  }
  const verdicts = [...counts].sort((a, b) => b[1] - a[1]).map(([verdict, n]) => `${n} ${verdict}`);
  const modular = units.filter((unit) => unit.owner !== 'vmlinux').length;
  detail = `${functions} functions of ${units.length - modular} built-in and ${modular} modular units: ${verdicts.join(', ')}; compiling took ${(compiling / 1000).toFixed(1)} s of it`;
}

/** Adds the kernel anew into a cache that has nothing but its packages. */
async function add() {
  const packages = join(cacheRoot(), 'debs');
  // On the same disk, so that links will do.
  const cache = await mkdtemp(join(cacheRoot(), '..', 'klpkit-add-'));
  try {
    await mkdir(join(cache, 'klpkit', 'debs'), { recursive: true });
    for (const name of await readdir(packages))
      await link(join(packages, name), join(cache, 'klpkit', 'debs', name));
    process.env.XDG_CACHE_HOME = cache;
    const start = performance.now();
    await addKernel(kernelId);
    wall = (performance.now() - start) / 1000;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

async function prove(freshBoot: boolean) {
  const { proveLivepatch } = await import('@klpkit/prove');
  const kernel = await openKernel(kernelId);
  const count = Number(args[0]);
  const livepatches = [];
  for (let number = 0; number < count; number++) {
    const built = await build(kernel, `livepatch_speed_${number}`);
    livepatches.push({
      module: built.ko,
      name: built.plan.name,
      objects: built.plan.objects.map((object) => ({
        name: object.name,
        functions: object.functions.map(({ oldName }) => oldName),
      })),
    });
  }
  const proof = await proveLivepatch(kernel, { livepatches, freshBoot });
  if (proof.verdict !== 'proven') throw new Error('the proof failed');
  wall = proof.seconds;
  detail = `the proof alone, without building: ${proof.boots.map(({ how }) => how).join(', ')}`;
}

/** When compilers, linkers and the like ran; the holder of a lock does nothing. */
const programs: { begin: number; end: number }[] = [];
subscribe('child_process', (message) => {
  const child = (message as { process: ChildProcess }).process;
  const span = { begin: performance.now(), end: Number.POSITIVE_INFINITY };
  child.once('spawn', () => {
    if (!child.spawnfile.endsWith('flock')) programs.push(span);
  });
  child.once('close', () => {
    span.end = performance.now();
  });
});

/** Seconds since the process began in which none of them ran: what is klpkit's own of the time that a user waits. */
function alone(): number {
  const now = performance.now();
  let busy = 0;
  let until = 0;
  for (const { begin, end } of programs.sort((a, b) => a.begin - b.begin)) {
    const last = Math.min(end, now);
    busy += Math.max(0, last - Math.max(begin, until));
    until = Math.max(until, last);
  }
  return (now - busy) / 1000;
}

const run = steps[name];
if (!run) throw new Error(`no step ${name}`);
await run();
// All since the process began: Node's start and reading klpkit's own modules belong to it.
const { user, system } = process.cpuUsage();
const memoryMb = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `${JSON.stringify({ cpu: (user + system) / 1e6, alone: alone(), memoryMb, detail, ...(wall === undefined ? {} : { wall }) })}\n`,
);
