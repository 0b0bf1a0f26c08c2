import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Agreement, agreement, buildFolder, buildLivepatch, writeSource } from '@klpkit/author';
import { type Finding, Refusal } from '@klpkit/findings';
import { writeFileAtomic } from '@klpkit/host';
import { addKernel } from '@klpkit/kernel';
import { patchOf } from '../corpus/changed.ts';
import { livepatchName } from '../corpus/fixes.ts';
import { defect, type Outcome, reasonsOf } from '../corpus/outcome.ts';
import { proveInBatches } from '../corpus/proofs.ts';
import { sampleOf, shuffled } from '../corpus/sample.ts';
import { openState } from '../corpus/state.ts';
import { largeTable } from './large.ts';
import { type SourceOutcome, tableOf } from './table.ts';

const usage = `usage: npm run bench:source -- --from 6.12.115 --to 6.12.117 …

  --of FILE             outcomes of bench:corpus: drawn is from what the binary route builds there
                        (default bench/results/corpus-FROM-TO.jsonl)
  --sample N            sources to draw (default 100), or --only FILE…
  --seed N              of the sample (default 1)
  --json FILE           one line for each source, written as soon as it is known
  --resume              go on with FILE
  --redo WORD…          with --resume: repeat what has this outcome or reason all the same
  --keep DIR            folder for the folders of C and the livepatches
  --binary DIR          compare with the livepatches of the binary route in this folder (of bench:corpus --keep, for one); what is
                        missing there is built into it
  --prove               prove each in the VM
  --per-boot N          livepatches in one boot (default 20)
  --jobs N              compilers at once (default 2)
  --table FILE          the summary, in Markdown

or     npm run bench:source -- --large [--from 6.12.117] [--table FILE]: from patch to folder for large units
`;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    of: { type: 'string' },
    sample: { type: 'string', default: '100' },
    only: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    resume: { type: 'boolean', default: false },
    redo: { type: 'string', multiple: true, default: [] },
    keep: { type: 'string' },
    binary: { type: 'string' },
    prove: { type: 'boolean', default: false },
    'per-boot': { type: 'string', default: '20' },
    jobs: { type: 'string', default: '2' },
    table: { type: 'string' },
    large: { type: 'boolean', default: false },
  },
});
if (values.large) {
  const text = await largeTable(kernelName(values.from ?? '6.12.117'));
  if (values.table) await writeFileAtomic(values.table, text);
  else process.stdout.write(text);
  process.exit();
}
if (!values.from || !values.to) {
  process.stderr.write(usage);
  process.exit(2);
}

const from = await addKernel(kernelName(values.from));
const to = await addKernel(kernelName(values.to));
const buildable = readBuildable(values.of ?? `bench/results/corpus-${values.from}-${values.to}.jsonl`);
const picked = (
  values.only ?? sampleOf([...buildable.keys()], Number(values.sample), Number(values.seed))
).sort();
const state = openState(values.json, values.resume);
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'klpkit-source-'));
mkdirSync(folder, { recursive: true });
if (values.binary !== undefined) mkdirSync(values.binary, { recursive: true });

// In an order drawn by the seed, so that what a run that was cut short has done is a fair part of all.
for (const [index, file] of shuffled(picked, Number(values.seed)).entries()) {
  const known = state.outcomes.get(file);
  const isAsked =
    known &&
    (values.redo.includes(known.outcome) || known.reasons.some(({ id }) => values.redo.includes(id)));
  if (known && !isAsked) continue;
  const outcome = await writeOne(file, buildable.get(file)?.headers ?? []);
  state.add(outcome);
  say(
    `${index + 1}/${picked.length} ${file}: ${outcome.outcome} ${outcome.reasons.map(({ id, what }) => `${id}: ${what}`).join('; ')} ${outcome.lines ? `${outcome.lines.all}/${outcome.lines.patched} lines` : ''} ${outcome.seconds.build.toFixed(1)} s`,
  );
}
if (values.binary !== undefined) {
  for (const file of picked) {
    const outcome = state.outcomes.get(file) as SourceOutcome | undefined;
    const agreed = outcome && (await compareRoutes(outcome, values.binary));
    if (!agreed) continue;
    state.add({ ...outcome, agreement: agreed } as SourceOutcome);
    for (const { what, why } of agreed.differences) if (why === undefined) say(`${file}: ${what}`);
  }
}
if (values.prove) {
  const waiting = picked
    .flatMap((file) => state.outcomes.get(file) ?? [])
    .filter(({ outcome }) => outcome === 'built');
  for await (const outcome of proveInBatches(from, waiting, folder, Number(values['per-boot']), () => {})) {
    state.add(outcome);
    say(`${outcome.file}: ${outcome.outcome} ${outcome.reasons.map(({ what }) => what).join('; ')}`);
  }
}
await state.compact();
const outcomes = picked.flatMap((file) => (state.outcomes.get(file) as SourceOutcome | undefined) ?? []);
const table = tableOf(outcomes, `The source route, ${values.from} → ${values.to}`);
if (values.table) await writeFileAtomic(values.table, table);
else process.stdout.write(table);

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** `6.12.115` as Debian 12 names the kernel made of it; a full name stays as it is. */
function kernelName(release: string): string {
  return release.includes(':') ? release : `debian:${release}+deb12-amd64`;
}

/** Sources that the binary route makes a livepatch of, with the headers that come along. */
function readBuildable(path: string): Map<string, Outcome> {
  const found = new Map<string, Outcome>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue;
    const outcome = JSON.parse(line) as Outcome;
    const isBuilt = /^(built|proven|buildable)$/.test(outcome.outcome);
    if (isBuilt && outcome.kind !== 'header') found.set(outcome.file, outcome);
  }
  return found;
}

/** The fix of one source with the headers that come along, and how either route takes it. */
async function fixOf(file: string, along: readonly string[]) {
  const text = await patchOf(from.sourceDir, to.sourceDir, [...along, file].sort());
  return {
    patches: [{ name: 'fix.patch', text }],
    options: {
      name: livepatchName(file),
      jobs: Number(values.jobs),
      ...(along.length > 0
        ? {
            units: [file],
            overrides: new Map([
              ['header-outside-units', 'the fix of one source; its headers serve this unit alone'],
            ]),
          }
        : {}),
    },
  };
}

async function writeOne(file: string, along: readonly string[]): Promise<SourceOutcome> {
  const name = livepatchName(file);
  const { patches, options } = await fixOf(file, along);
  const start = performance.now();
  let written = 0;
  const finish = (
    outcome: Outcome['outcome'],
    reasons: Outcome['reasons'],
    more: Partial<SourceOutcome> = {},
  ) => ({
    file,
    kind: buildable.get(file)?.kind ?? 'module',
    outcome,
    reasons,
    functions: [],
    headers: along,
    why: [],
    seconds: { build: (performance.now() - start) / 1000, ...(written > 0 ? { written } : {}) },
    ...more,
  });
  try {
    const source = await writeSource(from, patches, options);
    written = (performance.now() - start) / 1000;
    if (source.outcome === 'nothing') return finish('refused', reasonsOf(source.findings));
    const dir = join(folder, name);
    await mkdir(dir, { recursive: true });
    for (const [path, text] of source.files) await writeFile(join(dir, path), text);
    const built = await buildFolder(from, dir, { jobs: Number(values.jobs) });
    await writeFileAtomic(join(folder, `${name}.ko`), built.module);
    return finish('built', [], {
      livepatch: name,
      lines: source.lines,
      own: source.own,
      functions: built.plan.objects.flatMap((object) =>
        object.functions.map(({ oldName }) => `${object.name}:${oldName}`),
      ),
    });
  } catch (error) {
    if (!(error instanceof Refusal)) return finish('failed', [defect(error)]);
    return finish('refused', errorsOf(error.findings));
  }
}

/** The livepatch beside that of the binary route, which is built if it is missing; undefined where one of the routes gives none. */
async function compareRoutes(
  { file, headers, livepatch, own }: SourceOutcome,
  binaries: string,
): Promise<Agreement | undefined> {
  if (livepatch === undefined || own === undefined) return undefined;
  const path = join(binaries, `${livepatch}.ko`);
  if (!existsSync(path)) {
    const { patches, options } = await fixOf(file, headers);
    const built = await buildLivepatch(from, patches, { ...options, sourceLines: false }).catch(
      (error: unknown) => {
        if (error instanceof Refusal) return say(`${file}: the binary route refuses: ${error.message}`);
        throw error;
      },
    );
    if (built?.outcome !== 'built') return undefined;
    await writeFileAtomic(path, built.ko);
  }
  return agreement(await readFile(path), await readFile(join(folder, `${livepatch}.ko`)), own);
}

function errorsOf(findings: readonly Finding[]): Outcome['reasons'] {
  return findings
    .filter(({ severity }) => severity === 'error')
    .map(({ id, what, evidence }) => ({ id, what: evidence ? `${what} (${evidence.join(', ')})` : what }));
}
