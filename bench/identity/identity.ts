import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Piece } from '@klpkit/compare';
import { Refusal } from '@klpkit/findings';
import { writeFileAtomic } from '@klpkit/host';
import { addKernel } from '@klpkit/kernel';
import { type LivepatchProof, proveLivepatch } from '@klpkit/prove';
import {
  type IdentityLivepatch,
  type IdentityUnit,
  makeIdentityLivepatch,
  openIdentity,
  readIdentityUnit,
} from '../../packages/author/src/build/testing/identity.ts';
import { random } from '../corpus/sample.ts';
import { drawUnits } from '../speed/units.ts';
import { diskWorkload, workload, workloadModules } from './workload.ts';

/**
 * Replaces functions of many units by copies of themselves, puts the kernel to work, and takes them back: whatever then differs from
 * before is the emitter's fault.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    functions: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    'per-livepatch': { type: 'string', default: '250' },
    json: { type: 'string' },
    keep: { type: 'string' },
    table: { type: 'string' },
    'no-proof': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const perLivepatch = Number(values['per-livepatch']);

interface Choice {
  readonly unit: IdentityUnit;
  readonly piece: Piece;
}

const kernel = await addKernel(values.kernel);
const identity = await openIdentity(kernel);
const wanted = Number(values.functions);
/** Reasons for which ftrace, and so livepatching, knows nothing of a function. */
const outside = new Map([
  ['KLP130', 'ftrace has no entry in it'],
  ['KLP407', 'it runs at boot or load alone'],
]);
const units: IdentityUnit[] = [];
/** Functions that could be drawn. */
let drawable = 0;
// A unit has about eighteen functions that can be replaced; some more, so that those drawn are spread.
for (const unit of await drawUnits(kernel, Math.ceil(wanted / 10), seed)) {
  if (drawable >= wanted * 1.05) break;
  const read = await readIdentityUnit(identity, unit);
  units.push(read);
  drawable += read.replaceable.length + read.leftOut.filter(({ reason }) => !outside.has(reason)).length;
  say(`${units.length} ${unit.source}: ${read.replaceable.length} functions, ${drawable} in all`);
}
const beyond = new Map<string, string[]>();
const leftOut = new Map<string, string[]>();
const drawn = shuffled(
  units.flatMap((unit): (Choice | { unit: IdentityUnit; name: string; reason: string })[] => [
    ...unit.replaceable.map((piece) => ({ unit, piece })),
    ...unit.leftOut.flatMap(({ name, reason }) => {
      if (!outside.has(reason)) return [{ unit, name, reason }];
      beyond.set(reason, [...(beyond.get(reason) ?? []), name]);
      return [];
    }),
  ]),
).slice(0, wanted);
const choices = drawn.filter((each): each is Choice => 'piece' in each);
for (const each of drawn)
  if ('reason' in each)
    leftOut.set(each.reason, [
      ...(leftOut.get(each.reason) ?? []),
      `${each.unit.judged.unit.source}:${each.name}`,
    ]);
const leftOutCount = drawn.length - choices.length;
const livepatches: IdentityLivepatch[] = [];
const failures: string[] = [];
for (const [number, batch] of batches().entries()) {
  const chosen = new Map<IdentityUnit, Set<Piece>>();
  for (const { unit, piece } of batch) chosen.set(unit, (chosen.get(unit) ?? new Set()).add(piece));
  const parts = [...chosen].map(([unit, pieces]) => ({ unit, chosen: pieces }));
  try {
    const made = await makeIdentityLivepatch(identity, `livepatch_identity_${number}`, parts);
    livepatches.push(made);
    if (values.keep) await writeFileAtomic(join(values.keep, `${made.plan.name}.ko`), made.ko);
    for (const { id, severity, what } of made.findings)
      if (severity !== 'note' && id !== 'KLP310') failures.push(`build: ${id}: ${what}`);
  } catch (error) {
    const reasons =
      error instanceof Refusal ? error.findings.map(({ id, what }) => `${id}: ${what}`) : [`${error}`];
    failures.push(...reasons.map((reason) => `build: ${reason}`));
  }
}
const built = livepatches.flatMap(({ plan }) => plan.objects);
say(`${livepatches.length} livepatches of ${countOf(built)} functions`);

const warnings: string[] = [];
let proofs: readonly LivepatchProof[] = [];
let boots = 0;
if (!values['no-proof'] && livepatches.length > 0) {
  const proof = await proveLivepatch(
    kernel,
    {
      livepatches: livepatches.map(({ plan, ko }) => ({
        module: ko,
        name: plan.name,
        objects: plan.objects.map(({ name, functions }) => ({
          name,
          functions: functions.map(({ oldName }) => oldName),
        })),
        checks: [...workload, diskWorkload],
      })),
      modules: workloadModules,
      memoryMb: 512,
    },
    { onProgress: ({ label }) => values.verbose && say(label) },
  );
  proofs = proof.livepatches;
  boots = proof.boots.length;
  for (const { name, findings, verdict } of proofs) {
    say(`${name}: ${verdict}`);
    for (const { severity, id, what } of findings)
      (severity === 'error' ? failures : warnings).push(`${name}: ${id}: ${what}`);
  }
}
const loaded = proofs
  .filter(({ verdict }) => verdict === 'proven')
  .flatMap(({ name }) => livepatches.find(({ plan }) => plan.name === name)?.plan.objects ?? []);

const isOfModule = ({ unit }: { unit: IdentityUnit }) => unit.judged.unit.owner !== 'vmlinux';
const result = {
  kernel: kernel.id,
  seed,
  units: units.map(({ judged }) => judged.unit.source).sort(),
  drawn: drawn.length,
  ofModules: drawn.filter(isOfModule).length,
  replaced: choices.map(({ unit, piece }) => `${unit.judged.unit.owner}:${piece.name}`).sort(),
  leftOut: Object.fromEntries([...leftOut].map(([reason, names]) => [reason, names.sort()])),
  beyond: Object.fromEntries([...beyond].map(([reason, names]) => [reason, names.length])),
  livepatches: livepatches.map(({ plan, relocations }) => ({
    name: plan.name,
    functions: countOf(plan.objects),
    relocations,
    verdict: proofs.find(({ name }) => name === plan.name)?.verdict ?? 'not proven',
  })),
  boots,
  failures,
  warnings,
};
const percent = ((100 * leftOutCount) / Math.max(drawn.length, 1)).toFixed(1);
const table = [
  `# Functions replaced by copies of themselves, ${kernel.id}`,
  '',
  `\`npm run bench:identity -- --kernel ${values.kernel} --functions ${values.functions} --seed ${values.seed}\``,
  '',
  '| | |',
  '|---|---|',
  `| units | ${units.length}, of them ${units.filter(({ judged }) => judged.unit.owner !== 'vmlinux').length} of modules |`,
  `| functions drawn | ${drawn.length}, of them ${result.ofModules} of modules, among those that ftrace can redirect |`,
  `| left out | ${leftOutCount} (${percent} %) |`,
  `| built | ${countOf(built)} in ${livepatches.length} livepatches, ${livepatches.reduce((sum, each) => sum + each.relocations, 0)} symbols by KLP relocation |`,
  `| loaded, at work, taken back | ${countOf(loaded)}, of them ${countOf(loaded.filter(({ name }) => name !== 'vmlinux'))} of modules, in ${boots} ${boots === 1 ? 'boot' : 'boots'} |`,
  `| failures | ${failures.length} |`,
  '',
  `Not drawn from, since no livepatch can replace them: ${[...beyond].map(([reason, names]) => `${names.length} functions (${reason}: ${outside.get(reason)})`).join(', ') || 'none'}.`,
  '',
  'Left out of those drawn:',
  '',
  '| why | count | functions |',
  '|---|---|---|',
  ...[...leftOut]
    .sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1))
    .map(([reason, names]) => `| ${reason} | ${names.length} | ${names.sort().join(', ')} |`),
  '',
  ...listing('Failures', failures),
  ...listing('Warnings and notes of the proof', warnings),
].join('\n');
if (values.json) await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
if (values.table) await writeFile(values.table, table);
process.stdout.write(table);
if (failures.length > 0) process.exitCode = 1;

/** Those of vmlinux together, and those of each module. */
function batches(): Choice[][] {
  const byOwner = new Map<boolean, Choice[]>();
  for (const choice of choices) {
    const isModule = choice.unit.judged.unit.owner !== 'vmlinux';
    byOwner.set(isModule, [...(byOwner.get(isModule) ?? []), choice]);
  }
  return [...byOwner].flatMap(([, list]) => {
    const parts: Choice[][] = [];
    for (let at = 0; at < list.length; at += perLivepatch) parts.push(list.slice(at, at + perLivepatch));
    return parts;
  });
}

function countOf(objects: readonly { readonly functions: readonly unknown[] }[]): number {
  return objects.reduce((sum, { functions }) => sum + functions.length, 0);
}

function shuffled<T>(list: T[]): T[] {
  const next = random(seed);
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(next() * (index + 1));
    [list[index], list[other]] = [list[other] as T, list[index] as T];
  }
  return list;
}

function listing(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, '', ...[...new Set(lines)].map((line) => `- ${line}`), ''];
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
