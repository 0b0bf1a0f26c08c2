import {
  buildLivepatch,
  checkModule,
  checkUpgrade,
  type PatchText,
  readFix,
  reportHtml,
  reportJson,
} from '@klpkit/author';
import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { splitSignature } from '@klpkit/formats';
import { findUnits, type Kernel, moduleName, openKernel } from '@klpkit/kernel';
import { type Check, parseExpectation, proveLivepatch } from '@klpkit/prove';
import { changeSet } from '../group.ts';
import { imageDigest } from '../image.ts';
import type { Store } from '../store/index.ts';
import type { BuildJob, Job, JobInput, JobKernel, JobResult, MatrixCheck, ProveJob } from '../types.ts';
import { jobFailure } from './failure.ts';
import { takeThrough } from './scenarios.ts';
import { type Made, makeFromSource, type NothingMade } from './source.ts';

/**
 * Does one job: reads its inputs from the store, puts what it makes into it, and says what came out. The same job gives the same
 * result wherever it runs. Never throws but for an abort.
 */
export async function runJob(job: Job, store: Store, signal?: AbortSignal): Promise<JobResult> {
  try {
    const kernel = await openJobKernel(job.kernel);
    return job.kind === 'build'
      ? await build(job, kernel, store, signal)
      : await prove(job, kernel, store, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    return jobFailure(error);
  }
}

/** The kernel of a job, which must be the one that the matrix was read with. */
async function openJobKernel({ id, image }: JobKernel): Promise<Kernel> {
  const kernel = await openKernel(id);
  const found = await imageDigest(kernel.vmlinuz);
  if (found !== image)
    throw new UsageError(
      `this machine's ${id} is another kernel: its image is ${found.slice(0, 16)}…, the matrix has ${image.slice(0, 16)}…`,
      `klpkit kernel remove ${id}; klpkit kernel add ${id}`,
    );
  return kernel;
}

async function textOf(store: Store, { digest }: JobInput): Promise<string> {
  return new TextDecoder().decode(await store.get(digest));
}

async function build(
  job: BuildJob,
  kernel: Kernel,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<JobResult> {
  const patches = await Promise.all(
    job.patches.map(async (input) => ({ name: input.name, text: await textOf(store, input) })),
  );
  const options = {
    name: job.name,
    overrides: new Map(Object.entries(job.overrides)),
    ...(job.maxUnits ? { maxUnits: job.maxUnits } : {}),
    signal,
  };
  let built: Made | NothingMade;
  try {
    const unsupported = job.unsupported && (await unsupportedOf(kernel, patches, job.unsupported));
    if (unsupported) return { kind: 'build', outcome: 'unsupported', findings: [unsupported] };
    built =
      job.route === 'source'
        ? await makeFromSource(kernel, patches, options)
        : await buildLivepatch(kernel, patches, options);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { findings } = error;
    return { kind: 'build', outcome: outcomeOf(findings), findings };
  }
  if (built.outcome === 'nothing')
    return { kind: 'build', outcome: 'not-affected', findings: built.findings };
  const file = `${job.name.replaceAll('_', '-')}.ko`;
  const findings = [...built.findings];
  const { judgement } = await checkModule(file, built.ko, { kernel });
  const known = new Set(findings.map(({ id, what }) => `${id} ${what}`));
  findings.push(...judgement.findings.filter(({ id, what }) => !known.has(`${id} ${what}`)));
  for (const { name, digest } of job.shipped ?? []) {
    const older = { file: name, bytes: await store.get(digest) };
    // The same livepatch need not follow itself; it may have been signed since.
    if (Buffer.compare(splitSignature(older.bytes).module, built.ko) === 0) continue;
    const upgrade = await checkUpgrade(older, { file, bytes: built.ko }, kernel);
    findings.push(...upgrade.findings.filter(({ id, what }) => !known.has(`${id} ${what}`)));
  }
  if (findings.some(({ severity }) => severity === 'error'))
    return { kind: 'build', outcome: 'refused', findings };
  return {
    kind: 'build',
    outcome: 'built',
    artifact: {
      name: file,
      digest: await store.put(built.ko),
      size: built.ko.length,
      report: await store.put(reportJson(built.report)),
      page: await store.put(reportHtml(built.report, built.details, built.ko)),
      objects: built.plan.objects.map(({ name, functions }) => ({
        name,
        functions: functions.map(({ oldName }) => oldName),
      })),
    },
    group: built.sourceKey ?? changeSet(built.ko).key,
    findings,
  };
}

/** Says so where all that a fix touches is in modules that nobody looks after. @throws {Refusal} when it cannot be read */
async function unsupportedOf(
  kernel: Kernel,
  patches: readonly PatchText[],
  unsupported: readonly string[],
): Promise<Finding | undefined> {
  const { files } = await readFix(kernel.sourceDir, patches);
  const sources = files.filter(({ kind, after }) => kind === 'source' && after !== undefined);
  const { units } = await findUnits(
    kernel,
    sources.map(({ path }) => path),
  );
  const owners = [...new Set(units.map(({ owner }) => owner))].sort();
  const isUnsupported = (owner: string) => unsupported.some((name) => moduleName(name) === moduleName(owner));
  if (owners.length === 0 || !owners.every(isUnsupported)) return undefined;
  return {
    id: 'unsupported',
    severity: 'note',
    what: `the fix is of ${owners.join(' and ')} alone, which the matrix does not support`,
  };
}

/** What a refusal means for the fix: it may be in this kernel already, or not concern it. */
function outcomeOf(findings: readonly Finding[]): 'fixed' | 'not-affected' | 'does-not-apply' | 'refused' {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const all = (id: string) => errors.length > 0 && errors.every((error) => error.id === id);
  if (all('patch-already-applied')) return 'fixed';
  if (all('not-built')) return 'not-affected';
  // A fix that is there in part is not there.
  if (errors.some(({ id }) => id === 'patch-does-not-apply' || id === 'patch-already-applied'))
    return 'does-not-apply';
  return 'refused';
}

async function prove(
  job: ProveJob,
  kernel: Kernel,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<JobResult> {
  const module = await store.get(job.module.digest);
  const proof = await proveLivepatch(
    kernel,
    { livepatches: [{ module, objects: job.objects, checks: job.checks.map(checkOf) }] },
    signal ? { signal } : {},
  );
  const [livepatch] = proof.livepatches;
  const isProven = proof.verdict === 'proven';
  // What does not come and go is taken through no longer life.
  const lives = isProven ? await takeThrough(job, kernel, module, store, signal) : [];
  const findings = [...(livepatch?.findings ?? []), ...lives.flatMap((life) => life.findings)];
  // Times and addresses differ from run to run; what is kept is what the same livepatch gives again.
  const kept = {
    kernel: proof.kernel,
    verdict: proof.verdict,
    module: job.module.digest,
    objects: job.objects,
    passes: livepatch?.passes.map(({ order, steps, checks }) => ({
      order,
      steps: steps.map(({ name, isOk }) => ({ name, isOk })),
      checks: checks.map(({ command, before, patched, reverted }) => ({
        command,
        before: before?.isMet ?? null,
        patched: patched?.isMet ?? null,
        reverted: reverted?.isMet ?? null,
      })),
    })),
    ...(lives.length > 0 ? { scenarios: lives.map(({ kept: life }) => life) } : {}),
    findings: findings.map(({ id, severity }) => ({ id, severity })),
  };
  return {
    kind: 'prove',
    outcome: isProven && lives.every(({ isGood }) => isGood) ? 'proven' : 'disproven',
    findings,
    proof: await store.put(`${JSON.stringify(kept, undefined, 2)}\n`),
  };
}

function checkOf({ run, before, patched, reverted }: MatrixCheck): Check {
  return {
    command: run,
    ...(before ? { expectBefore: parseExpectation(before) } : {}),
    ...(patched ? { expectPatched: parseExpectation(patched) } : {}),
    ...(reverted ? { expectReverted: parseExpectation(reverted) } : {}),
  };
}
