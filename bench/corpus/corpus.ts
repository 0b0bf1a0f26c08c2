import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuiltLivepatch, buildLivepatch } from '@klpkit/author';
import { Refusal } from '@klpkit/findings';
import { addKernel, findUnits, type Kernel, type Unit } from '@klpkit/kernel';
import { proveLivepatch } from '@klpkit/prove';
import { changedFiles, patchOf } from './changed.ts';
import { type Outcome, reasonsOf, tableOf } from './outcome.ts';
import { sampleOf } from './sample.ts';

/** Parts of the tree that fixes are drawn from. */
const areas = ['arch/x86', 'drivers', 'fs', 'kernel', 'mm', 'net'];
/** Livepatches proven in one boot. */
const perBoot = 10;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    sample: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    table: { type: 'string' },
    only: { type: 'string', multiple: true },
    'no-proof': { type: 'boolean', default: false },
  },
});
if (!values.from || !values.to) {
  process.stderr.write(
    'usage: npm run bench:corpus -- --from 6.12.115 --to 6.12.117 [--sample 60] [--seed 1] [--json FILE] [--table FILE] [--only SOURCE]…\n',
  );
  process.exit(2);
}

/** `6.12.115` as Debian 12 names the kernel made of it; a full name stays as it is. */
function kernelName(release: string): string {
  return release.includes(':') ? release : `debian:${release}+deb12-amd64`;
}

interface Built {
  readonly file: string;
  readonly unit: Unit;
  readonly headers: readonly string[];
  readonly seconds: number;
  readonly livepatch: BuiltLivepatch;
}

const from = await addKernel(kernelName(values.from));
const to = await addKernel(kernelName(values.to));
say(`changed files of ${from.sourceVersion ?? from.id} → ${to.sourceVersion ?? to.id}`);
const sources = await changedFiles(from.sourceDir, to.sourceDir, areas, ['.c']);
const headers = await changedFiles(from.sourceDir, to.sourceDir, [...areas, 'include'], ['.h']);
say(`${sources.length} sources and ${headers.length} headers changed`);

const picked = values.only ?? (await pickBuilt(from, sources, Number(values.sample), Number(values.seed)));
const outcomes: Outcome[] = [];
const waiting: Built[] = [];
for (const [index, file] of picked.entries()) {
  const result = await buildOne(from, to, file);
  if ('livepatch' in result) {
    waiting.push(result);
    say(
      `${index + 1}/${picked.length} ${file}: built in ${result.seconds.toFixed(1)} s, ${functionsOf(result).length} functions`,
    );
  } else {
    outcomes.push(result);
    say(
      `${index + 1}/${picked.length} ${file}: ${result.outcome}: ${result.reasons.map(({ id }) => id).join(', ')}`,
    );
  }
}
if (!values['no-proof'])
  for (let at = 0; at < waiting.length; at += perBoot)
    outcomes.push(...(await proveBatch(from, waiting.slice(at, at + perBoot))));
outcomes.sort((a, b) => (a.file < b.file ? -1 : 1));
if (values.json)
  await writeFile(values.json, outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join(''));
const table = tableOf(outcomes, `Fixes of ${values.from} → ${values.to}, built for ${from.id}`);
if (values.table) await writeFile(values.table, table);
process.stdout.write(table);
process.exitCode = outcomes.some(({ outcome }) => outcome === 'failed') ? 1 : 0;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A sample of the changed sources that this kernel builds. */
async function pickBuilt(
  kernel: Kernel,
  changed: readonly string[],
  count: number,
  seed: number,
): Promise<string[]> {
  // Some of the draw is not built for this machine, so draw again without it until enough are left.
  const absent = new Set<string>();
  const present = new Set<string>();
  for (;;) {
    const sample = sampleOf(
      changed.filter((file) => !absent.has(file)),
      count,
      seed,
    );
    const unknown = sample.filter((file) => !present.has(file));
    if (unknown.length === 0) return sample;
    for (const file of unknown) {
      const { units } = await findUnits(kernel, [file]);
      (units.some((unit) => unit.source === file) ? present : absent).add(file);
    }
  }
}

/** Builds the fix of one source; with the changed headers that it includes when it does not compile without. */
async function buildOne(kernel: Kernel, target: Kernel, file: string): Promise<Built | Outcome> {
  const { units } = await findUnits(kernel, [file]);
  const unit = units.find((each) => each.source === file);
  if (!unit) throw new Error(`${file} is not built into ${kernel.id}`);
  const start = performance.now();
  const kind = unit.owner === 'vmlinux' ? 'built-in' : 'module';
  const name = `livepatch_${file.replace(/\.c$/, '').replace(/[^A-Za-z0-9]/g, '_')}`.slice(0, 55);
  let along: string[] = [];
  const seconds = () => (performance.now() - start) / 1000;
  const refused = (reasons: Outcome['reasons']): Outcome => ({
    file,
    kind,
    outcome: 'refused',
    reasons,
    functions: [],
    headers: along,
    seconds: { build: seconds() },
  });
  for (;;) {
    const text = await patchOf(kernel.sourceDir, target.sourceDir, [...along, file]);
    try {
      const result = await buildLivepatch(kernel, [{ name: 'fix.patch', text }], {
        name,
        sourceLines: false,
        ...(along.length > 0
          ? {
              units: [file],
              overrides: new Map([
                ['header-outside-units', 'the fix of one source; its headers serve this unit alone'],
              ]),
            }
          : {}),
      });
      if (result.outcome === 'nothing')
        return refused(
          result.findings.filter(({ id }) => id === 'nothing-changed').map(({ id, what }) => ({ id, what })),
        );
      return { file, unit, headers: along, seconds: seconds(), livepatch: result };
    } catch (error) {
      const message =
        error instanceof Refusal
          ? error.findings
              .filter((finding) => finding.id === 'does-not-compile')
              .map((finding) => `${finding.what}\n${finding.why ?? ''}`)
              .join('\n')
          : '';
      const more = message === '' ? [] : await headersFor(kernel, target, file, message, along);
      if (more.length === 0) return refused(reasonsOf(error));
      along = [...along, ...more].sort();
    }
  }
}

/** Of the changed headers that a source includes, those that bring what the compiler misses; all, when no message names them. */
async function headersFor(
  kernel: Kernel,
  target: Kernel,
  file: string,
  message: string,
  along: readonly string[],
): Promise<string[]> {
  const candidates = (await changedHeadersOf(kernel, target, file)).filter((path) => !along.includes(path));
  const missed = new Set([...message.matchAll(/['‘](\w+)['’]/g)].map((match) => match[1]));
  // Where the message names nothing, the line of source that it shows may.
  const shown = new Set(
    [...message.matchAll(/^ *\d+ \|(.*)$/gm)].flatMap(([, line]) => (line as string).match(/\w{6,}/g) ?? []),
  );
  const bringing: string[] = [];
  const touching: string[] = [];
  for (const path of candidates) {
    const lines = (await patchOf(kernel.sourceDir, target.sourceDir, [path])).split('\n');
    // Lines around a change count too: a function's name may stand above the parameter that changes.
    const words = (list: readonly string[]) => list.flatMap((line) => line.match(/\w+/g) ?? []);
    if (message.includes(`${path}:`) || words(lines).some((word) => missed.has(word))) bringing.push(path);
    if (words(lines.filter((line) => /^[+-][^+-]/.test(line))).some((word) => shown.has(word)))
      touching.push(path);
  }
  if (bringing.length === 0 && touching.length > 0) return touching;
  return bringing.length > 0 ? bringing : candidates;
}

/** Changed headers that a source names, directly or through other changed ones. */
async function changedHeadersOf(kernel: Kernel, target: Kernel, file: string): Promise<string[]> {
  const known = new Set(headers);
  const reached = new Set<string>();
  const queue = [file];
  const seen = new Set(queue);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const text = await readFile(join(target.sourceDir, path), 'utf8').catch(() => '');
    for (const [, open, name] of text.matchAll(/^\s*#\s*include\s*(["<])([^">]+)[">]/gm)) {
      const folder = path.slice(0, path.lastIndexOf('/'));
      const places = [
        ...(open === '"' ? [join(folder, name)] : []),
        join('include', name),
        join('arch/x86/include', name),
        join('include/uapi', name),
      ];
      const found = places.find((place) => existsSync(join(target.sourceDir, place)));
      if (found === undefined || seen.has(found)) continue;
      seen.add(found);
      queue.push(found);
      if (known.has(found) && existsSync(join(kernel.sourceDir, found))) reached.add(found);
    }
  }
  return [...reached].sort();
}

function functionsOf({ livepatch }: Built): string[] {
  return livepatch.plan.objects.flatMap((object) =>
    object.functions.map(({ oldName }) => `${object.name}:${oldName}`),
  );
}

async function proveBatch(kernel: Kernel, batch: readonly Built[]): Promise<Outcome[]> {
  const proof = await proveLivepatch(kernel, {
    livepatches: batch.map(({ livepatch }) => ({
      module: livepatch.ko,
      name: livepatch.plan.name,
      objects: livepatch.plan.objects.map((object) => ({
        name: object.name,
        functions: object.functions.map(({ oldName }) => oldName),
      })),
    })),
  });
  return batch.map((built, index) => {
    const part = proof.livepatches[index];
    const proven = part?.verdict === 'proven';
    const bad = part?.findings.filter((finding) => finding.severity !== 'note') ?? [];
    say(
      `${built.file}: ${part?.verdict ?? 'not proven'}${bad.length ? `: ${bad.map(({ what }) => what).join('; ')}` : ''}`,
    );
    return {
      file: built.file,
      kind: built.unit.owner === 'vmlinux' ? 'built-in' : 'module',
      outcome: proven ? 'proven' : 'failed',
      reasons: bad.map(({ id, what }) => ({ id, what })),
      functions: functionsOf(built),
      headers: built.headers,
      seconds: { build: built.seconds, ...(part ? { proof: part.seconds } : {}) },
    };
  });
}
