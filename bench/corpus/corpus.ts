import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reportJson } from '@klpkit/author';
import { writeFileAtomic } from '@klpkit/host';
import { addKernel, findUnits, type Kernel } from '@klpkit/kernel';
import { changedFiles } from './changed.ts';
import { buildFix, type FixToBuild, type Step } from './fixes.ts';
import type { Outcome } from './outcome.ts';
import { proveInBatches } from './proofs.ts';
import { sampleOf, shuffled } from './sample.ts';
import { secondOpinion } from './second-opinion.ts';
import { openState, shardOf } from './state.ts';
import { tableOf } from './table.ts';

/** Parts of the tree that fixes are drawn from. */
const areas = [
  'arch/x86',
  'block',
  'certs',
  'crypto',
  'drivers',
  'fs',
  'init',
  'io_uring',
  'ipc',
  'kernel',
  'lib',
  'mm',
  'net',
  'security',
  'sound',
  'virt',
];

const usage = `usage: npm run bench:corpus -- --from 6.12.115 --to 6.12.117 …

  --all                 every changed source and header; else --sample N of the sources (default 60), or --only FILE…
  --seed N              of the sample, and of what is proven (default 1)
  --shard i/n           every n-th of them, from the i-th on
  --json FILE           one line for each file, written as soon as it is known
  --resume              go on with FILE: what is finished there is not repeated (shards: put the files together first)
  --redo WORD…          with --resume: repeat what has this outcome or reason all the same
  --keep DIR            folder for the livepatches (.ko) and their reports (.json)
  --build N             how many modules are made at most; the rest is compared and judged only (default all)
  --prove N             how many are proven in the VM, drawn by the seed; default all, 0 for none
  --per-boot N          livepatches in one boot (default 20)
  --max-units N         most units that a changed header may reach (default 300)
  --jobs N              compilers at once (default 2)
  --no-headers          sources only
  --no-lines            reasons without source lines, which saves a compilation
  --second-opinion      compare the disassembly of each changed unit as well
  --verbose             each step of the proofs
  --table FILE          the summary, in Markdown
`;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    all: { type: 'boolean', default: false },
    sample: { type: 'string', default: '60' },
    only: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    shard: { type: 'string' },
    json: { type: 'string' },
    resume: { type: 'boolean', default: false },
    redo: { type: 'string', multiple: true, default: [] },
    keep: { type: 'string' },
    build: { type: 'string' },
    prove: { type: 'string' },
    'per-boot': { type: 'string', default: '20' },
    'max-units': { type: 'string', default: '300' },
    jobs: { type: 'string', default: '2' },
    'no-headers': { type: 'boolean', default: false },
    'no-lines': { type: 'boolean', default: false },
    'second-opinion': { type: 'boolean', default: false },
    table: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
if (!values.from || !values.to) {
  process.stderr.write(usage);
  process.exit(2);
}
const seed = Number(values.seed);

const from = await addKernel(kernelName(values.from));
const to = await addKernel(kernelName(values.to));
say(`changed files of ${from.sourceVersion ?? from.id} → ${to.sourceVersion ?? to.id}`);
const sources = await changedFiles(from.sourceDir, to.sourceDir, areas, ['.c']);
const headers = await changedFiles(from.sourceDir, to.sourceDir, [...areas, 'include'], ['.h', '.inc']);
say(`${sources.length} sources and ${headers.length} headers changed`);
const step: Step = { from, to, sources: new Set(sources), headers: new Set(headers) };
const state = openState(values.json, values.resume);
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'klpkit-corpus-'));
mkdirSync(folder, { recursive: true });

const picked = shardOf(await pick(), values.shard);
// In an order drawn by the seed, so that what a run that was cut short has done is a fair part of all; headers last.
const unfinished = shuffled(
  picked.filter((file) => !isFinished(state.outcomes.get(file))),
  seed,
);
const todo = [true, false].flatMap((isSource) =>
  unfinished.filter((file) => step.sources.has(file) === isSource),
);
say(`${picked.length} to compare, ${todo.length} of them still to do`);
const kinds = await kindsOf(from, todo);
const begin = performance.now();
for (const [index, file] of todo.entries()) {
  const kind = kinds.get(file);
  if (kind === undefined) continue;
  const outcome = typeof kind === 'string' ? await compareOne(file, kind) : kind;
  state.add(outcome);
  const left = ((performance.now() - begin) / (index + 1)) * (todo.length - index - 1);
  const words = outcome.reasons.map(({ id }) => id);
  say(
    `${index + 1}/${todo.length} ${file}: ${outcome.outcome}${words.length ? `: ${[...new Set(words)].join(', ')}` : ''}, ${outcome.seconds.build.toFixed(1)} s, ${Math.round(process.memoryUsage.rss() / 1e6)} MB, ${Math.ceil(left / 60_000)} min left${outcome.second?.length ? `; second opinion: ${outcome.second.join('; ')}` : ''}`,
  );
}

const built = picked
  .flatMap((file) => state.outcomes.get(file) ?? [])
  .filter(
    ({ outcome, livepatch }) => (outcome === 'built' || outcome === 'proven') && livepatch !== undefined,
  );
const chosen = new Set(
  sampleOf(
    built.map(({ file }) => file),
    values.prove === undefined ? built.length : Number(values.prove),
    seed,
  ),
);
const waiting = built.filter(({ file, outcome }) => outcome === 'built' && chosen.has(file));
if (waiting.length > 0) say(`${waiting.length} to prove`);
for await (const outcome of proveInBatches(
  from,
  waiting,
  folder,
  Number(values['per-boot']),
  (what) => values.verbose && say(what),
)) {
  state.add(outcome);
  say(
    `${outcome.file}: ${outcome.outcome} ${outcome.reasons.map(({ id, what }) => `${id}: ${what}`).join('; ')}`,
  );
}
await state.compact();
const outcomes = [...state.outcomes.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
const table = tableOf(outcomes, `Fixes of ${values.from} → ${values.to}, built for ${from.id}`);
if (values.table) await writeFileAtomic(values.table, table);
else process.stdout.write(table);
process.exitCode = outcomes.some(({ outcome }) => outcome === 'failed') ? 1 : 0;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** `6.12.115` as Debian 12 names the kernel made of it; a full name stays as it is. */
function kernelName(release: string): string {
  return release.includes(':') ? release : `debian:${release}+deb12-amd64`;
}

/** The changed files that this run is about. */
async function pick(): Promise<string[]> {
  if (values.only) return values.only;
  if (values.all) return values['no-headers'] ? sources : [...sources, ...headers];
  // Some of a draw is not built for this machine: draw again without it until enough are left.
  const absent = new Set<string>();
  for (;;) {
    const sample = sampleOf(
      sources.filter((file) => !absent.has(file)),
      Number(values.sample),
      seed,
    );
    const { missing } = await findUnits(from, sample);
    if (missing.length === 0) return sample;
    for (const { source } of missing) absent.add(source);
  }
}

/** Nothing is left to do for a file. */
function isFinished(outcome: Outcome | undefined): boolean {
  return isDone(outcome) && !isUnasked(outcome);
}

/** The outcome stands. */
function isDone(outcome: Outcome | undefined): outcome is Outcome {
  if (!outcome) return false;
  const { redo } = values;
  if (redo.includes(outcome.outcome) || outcome.reasons.some(({ id }) => redo.includes(id))) return false;
  return outcome.outcome !== 'built' || existsSync(join(folder, `${outcome.livepatch}.ko`));
}

/** The second opinion is wanted and was not asked. */
function isUnasked(outcome: Outcome): boolean {
  return values['second-opinion'] && outcome.second === undefined && outcome.outcome !== 'not-built';
}

/** Where the code of each file lives, or the outcome when it lives nowhere. */
async function kindsOf(
  kernel: Kernel,
  files: readonly string[],
): Promise<Map<string, FixToBuild['kind'] | Outcome>> {
  const kinds = new Map<string, FixToBuild['kind'] | Outcome>();
  const asked = files.filter((file) => step.sources.has(file));
  const { units, missing } = await findUnits(kernel, asked, {
    onProgress: ({ label, done, total }) => say(`${label}${total ? ` ${done}/${total}` : ''}`),
  });
  for (const { source, reason, options } of missing)
    kinds.set(source, {
      file: source,
      kind: 'none',
      outcome: 'not-built',
      reasons: (options.length > 0 ? options : ['no option']).map((id) => ({ id, what: reason })),
      functions: [],
      headers: [],
      why: [],
      seconds: { build: 0 },
    });
  for (const { source, owner } of units) kinds.set(source, owner === 'vmlinux' ? 'built-in' : 'module');
  for (const file of files) {
    if (kinds.has(file)) continue;
    // What other files include, `.c` or not, is compiled with those.
    kinds.set(file, 'header');
  }
  return kinds;
}

/** Fixes of which there is a module. */
function modules(): number {
  return [...state.outcomes.values()].filter(({ livepatch }) => livepatch !== undefined).length;
}

async function compareOne(file: string, kind: FixToBuild['kind']): Promise<Outcome> {
  const known = state.outcomes.get(file);
  const stands = isDone(known);
  const { outcome, built, units } = await buildFix(step, {
    file,
    kind,
    maxUnits: Number(values['max-units']),
    jobs: Number(values.jobs),
    makesModule: !stands && (values.build === undefined || modules() < Number(values.build)),
    sourceLines: !values['no-lines'],
  });
  const second: string[] = [];
  if (values['second-opinion']) for (const unit of units) second.push(...(await secondOpinion(unit)));
  if (built) {
    await writeFileAtomic(join(folder, `${built.plan.name}.ko`), built.ko);
    await writeFileAtomic(join(folder, `${built.plan.name}.json`), reportJson(built.report));
  }
  return { ...(stands ? known : outcome), ...(values['second-opinion'] ? { second } : {}) };
}
