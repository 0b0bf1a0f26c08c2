import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { UsageError } from '@klpkit/findings';
import { readElf, readModuleBytes, readModuleInfo } from '@klpkit/formats';
import { type Kernel, moduleName, type OnProgress } from '@klpkit/kernel';
import { chooseAccel } from '../accel.ts';
import { bootRecord, memoryFor, notBootedFindings } from '../boot.ts';
import { guestInit } from '../guest/init.ts';
import type { GuestFile } from '../guest/initramfs.ts';
import { readTargets, type Targets } from '../targets.ts';
import type { Boot, PatchedObject } from '../types.ts';
import type { Accel } from '../vm/accel.ts';
import { type StartedVm, startWithState } from '../vm/saved.ts';
import { findQemu, startVm, VmDied } from '../vm/vm.ts';
import { followSteps } from './follow.ts';
import { readScenario } from './read.ts';
import type { ScenarioResult } from './result.ts';
import type { Scenario, ScenarioStep } from './types.ts';

/** A module that a scenario loads. */
export interface GivenModule {
  /** Path of the `.ko`, or its bytes; plain or compressed. */
  readonly module: string | Uint8Array;
  /** What it patches, where it is a livepatch: gives parameters with `target-of` their value. */
  readonly objects?: readonly PatchedObject[];
}

/** A scenario to run. */
export interface ScenarioRequest {
  /** Path of the scenario; files that it names lie beside it. */
  readonly file: string;
  /** What messages and the result call it, where that is not the path. */
  readonly shownAs?: string;
  /** Its text, where the file need not be read. */
  readonly text?: string;
  /** Modules by alias; those that the scenario names itself may be left out. */
  readonly modules?: Readonly<Record<string, GivenModule>>;
  /** Values of its parameters. */
  readonly values?: Readonly<Record<string, string>>;
}

/** Options of {@link runScenario} and {@link runScenarios}. */
export interface RunScenarioOptions {
  /** Default `auto`: KVM where it really works, else emulation. */
  readonly accel?: 'auto' | Accel;
  /** Boot for each scenario, rather than go on from the saved state of an earlier boot of the kernel. */
  readonly freshBoot?: boolean;
  /** Scenarios at once; default 2, where they go on from a saved state and there are processors for it. */
  readonly jobs?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Wall time for the guest to be ready. */
const bootMs = 120_000;

/**
 * Runs a scenario on a kernel, in a VM of its own. Whatever the guest does, hang and death included, ends in a verdict.
 *
 * @throws {Refusal} for a scenario with mistakes, @throws {UsageError} for files, parameters or modules that are not there,
 * @throws {MissingTool} without QEMU, busybox or a C library
 */
export async function runScenario(
  kernel: Kernel,
  request: ScenarioRequest,
  options: RunScenarioOptions = {},
): Promise<ScenarioResult> {
  const [result] = await runScenarios(kernel, [request], options);
  if (!result) throw new Error('no scenario was run');
  return result;
}

/** Runs several scenarios, each in a VM of its own, and gives their results in order. @see runScenario */
export async function runScenarios(
  kernel: Kernel,
  requests: readonly ScenarioRequest[],
  options: RunScenarioOptions = {},
): Promise<ScenarioResult[]> {
  const { signal } = options;
  findQemu();
  // Mistakes of any are told before the first is run.
  const prepared = await Promise.all(requests.map((request) => prepare(kernel, request)));
  const init = await guestInit(kernel, signal);
  const accel = await chooseAccel(options.accel ?? 'auto', kernel, init, signal);
  const usesState = !options.freshBoot && accel === 'tcg';
  const jobs = options.jobs ?? (usesState ? Math.min(2, availableParallelism()) : 1);
  // The first VM that boots leaves the state that the others go on from.
  let isFirstReady = () => {};
  const firstReady = new Promise<void>((resolve) => {
    isFirstReady = resolve;
  });
  const results: ScenarioResult[] = [];
  let next = 0;
  const work = async (worker: number) => {
    if (worker > 0 && usesState) await firstReady;
    for (let i = next++; i < prepared.length; i = next++) {
      const one = prepared[i];
      if (one) results[i] = await runOne({ kernel, init, accel, usesState, options }, one, isFirstReady);
    }
  };
  const settled = await Promise.allSettled(
    Array.from({ length: Math.max(1, Math.min(jobs, prepared.length)) }, (_, worker) =>
      work(worker).finally(isFirstReady),
    ),
  );
  for (const { status, ...rest } of settled)
    if (status === 'rejected') throw (rest as PromiseRejectedResult).reason;
  return results;
}

/** A scenario with all that it needs. */
interface Prepared {
  readonly scenario: Scenario;
  readonly modules: ReadonlyMap<string, { readonly name: string; readonly path: string }>;
  readonly targets: Targets;
  readonly files: readonly GuestFile[];
}

const targetPath = (name: string) => `/kernel-modules/${name}.ko`;

async function prepare(kernel: Kernel, request: ScenarioRequest): Promise<Prepared> {
  const text = request.text ?? (await readText(request.file));
  const shown = request.shownAs ?? request.file;
  const first = readScenario(text, { file: shown, values: request.values ?? {} });
  const given = request.modules ?? {};
  const unknown = Object.keys(given).filter((alias) => !first.modules.some((one) => one.alias === alias));
  if (unknown.length > 0)
    throw new UsageError(
      `the scenario ${first.name} has no module ${unknown.join(', ')}`,
      `it has ${first.modules.map(({ alias }) => alias).join(', ') || 'none'}`,
    );
  const missing = first.modules.filter(({ alias, file }) => !given[alias] && file === undefined);
  if (missing.length > 0)
    throw new UsageError(
      `the scenario ${first.name} needs the modules ${missing.map(({ alias }) => alias).join(', ')}`,
      `give their files in that order, or each by name: --module ${missing[0]?.alias}=FILE`,
    );
  const values: Record<string, string> = {};
  for (const { name, default: standard, targetOf } of first.parameters) {
    const target = given[targetOf ?? '']?.objects?.find((object) => object.name !== 'vmlinux')?.name;
    const value = request.values?.[name] ?? target ?? standard;
    if (value === undefined)
      throw new UsageError(
        targetOf === undefined
          ? `the scenario ${first.name} needs a value for ${name}`
          : `the scenario ${first.name} needs a livepatch of a module as ${targetOf}, and this patches none`,
        `give it one${targetOf === undefined ? '' : ', or another livepatch'}: --set ${name}=VALUE`,
      );
    values[name] = value;
  }
  const scenario = readScenario(text, { file: shown, values });
  const folder = dirname(request.file);
  const modules = new Map<string, { name: string; path: string }>();
  const files: GuestFile[] = [];
  for (const [i, { alias, file }] of scenario.modules.entries()) {
    const module = given[alias]?.module ?? join(folder, file ?? '');
    const { bytes, name } = await readModule(module, alias);
    const path = `/livepatches/${i}.ko`;
    modules.set(alias, { name, path });
    files.push({ path, data: bytes, mode: 0o644 });
  }
  for (const { path, file } of scenario.files)
    files.push({ path, data: await readBytes(join(folder, file)) });
  const wanted = [...scenario.targets, ...scenario.steps.flatMap(kernelModulesOf)].map(moduleName);
  const targets = await readTargets(kernel, wanted);
  const absent = scenario.targets.map(moduleName).filter((name) => targets.missing.has(name));
  if (absent.length > 0) throw new UsageError(`${kernel.id} has no module ${absent.join(', ')}`);
  for (const { name, bytes } of targets.modules.values())
    files.push({ path: targetPath(name), data: bytes, mode: 0o644 });
  return { scenario, modules, targets, files };
}

function kernelModulesOf(step: ScenarioStep): string[] {
  if (step.action === 'repeat') return step.steps.flatMap(kernelModulesOf);
  return step.action === 'modprobe' ? [step.subject] : [];
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path));
}

async function readBytes(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`);
  });
}

async function readModule(
  module: string | Uint8Array,
  alias: string,
): Promise<{ bytes: Uint8Array; name: string }> {
  const file = typeof module === 'string' ? module : undefined;
  const raw = typeof module === 'string' ? await readBytes(module) : module;
  try {
    const bytes = await readModuleBytes(raw);
    const own = readModuleInfo(readElf(bytes)).get('name');
    return { bytes, name: moduleName(own ?? (file === undefined ? alias : basename(file))) };
  } catch (error) {
    throw new UsageError(`${file ?? alias}: ${(error as Error).message}`, 'give a module, a .ko file');
  }
}

interface Series {
  readonly kernel: Kernel;
  readonly init: Uint8Array;
  readonly accel: Accel;
  readonly usesState: boolean;
  readonly options: RunScenarioOptions;
}

async function runOne(series: Series, prepared: Prepared, onReady: () => void): Promise<ScenarioResult> {
  const { kernel, init, accel, usesState, options } = series;
  const { scenario, files } = prepared;
  const begin = performance.now();
  const report = (label: string) => options.onProgress?.({ label: `${scenario.name}: ${label}` });
  const head = {
    name: scenario.name,
    file: scenario.file,
    kernel: { id: kernel.id, release: kernel.release },
  };
  const seconds = () => (performance.now() - begin) / 1000;
  const none = { steps: [], findings: [], stalls: [], timelines: [] };
  if (scenario.kernels.length > 0 && !scenario.kernels.some((start) => isRelease(kernel.release, start))) {
    const reason = `it is for ${scenario.kernels.join(', ')}`;
    return { ...head, verdict: 'not-applicable', reason, ...none, seconds: seconds() };
  }
  report(`boot ${kernel.release}`);
  const spec = {
    ...{ accel, init, files, hasShell: true, bootMs, signal: options.signal },
    memoryMb: scenario.memoryMb ?? memoryFor(files.reduce((sum, { data }) => sum + data.length, 0)),
    kernel: kernel.vmlinux,
    append: scenario.append,
  };
  let started: StartedVm;
  try {
    started = usesState
      ? await startWithState(kernel, spec)
      : { vm: await startVm(spec), start: { how: 'booted' } };
  } catch (error) {
    if (!(error instanceof VmDied)) throw error;
    const boot: Boot = { accel, how: 'booted', console: error.console, records: [] };
    const died = { step: 'boot', how: error.death, message: error.message };
    const findings = notBootedFindings(error);
    return { ...head, verdict: 'failed', ...none, findings, died, boot, seconds: seconds() };
  }
  onReady();
  const { vm, start } = started;
  try {
    const followed = await followSteps(vm, { ...prepared, targetPath }, report);
    const isFailed =
      followed.steps.some(({ status }) => status === 'failed') ||
      followed.findings.some(({ severity }) => severity === 'error');
    return {
      ...head,
      verdict: isFailed ? 'failed' : 'passed',
      ...followed,
      boot: bootRecord(vm, accel, start),
      seconds: seconds(),
    };
  } finally {
    await vm.end();
  }
}

/** `6.1` is the beginning of 6.1.0-56-amd64, not of 6.12.117. */
function isRelease(release: string, start: string): boolean {
  return (
    release === start || (release.startsWith(start) && /[.\-+_]$/.test(release.slice(0, start.length + 1)))
  );
}
