import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Piece } from '@klpkit/compare';
import { Refusal } from '@klpkit/findings';
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
import { someUnits } from '../speed/units.ts';
import { diskWorkload, workload, workloadModules } from './workload.ts';

/**
 * Replaces functions of many units by copies of themselves, puts the kernel to work, and takes them back: whatever then differs from
 * before is the emitter's fault.
 */
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'debian:6.12.117+deb12-amd64' },
    units: { type: 'string', default: '40' },
    functions: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    'per-livepatch': { type: 'string', default: '50' },
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
const drawn = await someUnits(kernel, Number(values.units), seed);
const units: IdentityUnit[] = [];
for (const unit of drawn) {
  units.push(await readIdentityUnit(identity, unit));
  say(`${units.length}/${drawn.length} ${unit.source}: ${units.at(-1)?.replaceable.length} functions`);
}
const leftOut = new Map<string, string[]>();
for (const unit of units)
  for (const { name, reason } of unit.leftOut) leftOut.set(reason, [...(leftOut.get(reason) ?? []), name]);

const choices = shuffled(
  units.flatMap((unit) => unit.replaceable.map((piece): Choice => ({ unit, piece }))),
).slice(0, Number(values.functions));
const livepatches: IdentityLivepatch[] = [];
const failures: string[] = [];
for (const [number, batch] of batches().entries()) {
  const chosen = new Map<IdentityUnit, Set<Piece>>();
  for (const { unit, piece } of batch) chosen.set(unit, (chosen.get(unit) ?? new Set()).add(piece));
  const parts = [...chosen].map(([unit, pieces]) => ({ unit, chosen: pieces }));
  try {
    const made = await makeIdentityLivepatch(identity, `livepatch_identity_${number}`, parts);
    livepatches.push(made);
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

const total = units.reduce((sum, unit) => sum + unit.leftOut.length + unit.replaceable.length, 0);
const table = [
  `# Functions replaced by copies of themselves, ${kernel.id}`,
  '',
  `\`npm run bench:identity -- --units ${values.units} --functions ${values.functions} --seed ${values.seed}\``,
  '',
  '| | |',
  '|---|---|',
  `| units | ${units.length}, of them ${units.filter(({ judged }) => judged.unit.owner !== 'vmlinux').length} of modules |`,
  `| functions in them | ${total} |`,
  `| that can be replaced | ${units.reduce((sum, unit) => sum + unit.replaceable.length, 0)} |`,
  `| built | ${countOf(built)} in ${livepatches.length} livepatches, ${livepatches.reduce((sum, each) => sum + each.relocations, 0)} symbols by KLP relocation |`,
  `| loaded, at work, taken back | ${countOf(loaded)}, of them ${countOf(loaded.filter(({ name }) => name !== 'vmlinux'))} of modules, in ${boots} ${boots === 1 ? 'boot' : 'boots'} |`,
  `| failures | ${failures.length} |`,
  '',
  'Left out:',
  '',
  '| why | functions | such as |',
  '|---|---|---|',
  ...[...leftOut]
    .sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1))
    .map(([reason, names]) => `| ${reason} | ${names.length} | ${names.sort().slice(0, 3).join(', ')} |`),
  '',
  ...listing('Failures', failures),
  ...listing('Warnings and notes of the proof', warnings),
].join('\n');
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
