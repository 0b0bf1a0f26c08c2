import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { performance } from 'node:perf_hooks';
import { UsageError } from '@klpkit/findings';
import { FormatError, readElf, readModuleBytes, readModuleInfo, readSymbols } from '@klpkit/formats';
import { type Kernel, moduleName, type OnProgress } from '@klpkit/kernel';
import { readLivepatch } from '@klpkit/livepatch';
import { chooseAccel } from './accel.ts';
import { bootRecord, memoryFor, notBootedFindings } from './boot.ts';
import { guestInit } from './guest/init.ts';
import type { GuestFile } from './guest/initramfs.ts';
import { proveOne } from './life.ts';
import type { NewCode, PreparedLivepatch } from './pass.ts';
import { readTargets } from './targets.ts';
import type { Boot, LivepatchProof, LivepatchToProve, Proof, ProofRequest } from './types.ts';
import type { Accel } from './vm/accel.ts';
import { type StartedVm, startWithState } from './vm/saved.ts';
import { findQemu, startVm, VmDied } from './vm/vm.ts';

/** Options of {@link proveLivepatch}. */
export interface ProveOptions {
  readonly onProgress?: OnProgress;
  /** Ends the VM and the proof; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Wall time for the guest to be ready. A loaded machine stretches the usual 3 s a lot. */
const bootMs = 120_000;

/** cryptomgr tests every algorithm when it is registered; jitterentropy tests its noise source as it starts. */
const withoutSelfTests = ['cryptomgr.notests', 'initcall_blacklist=jent_mod_init'] as const;

/**
 * Boots the kernel as it was shipped, loads each livepatch, watches it, runs the checks before, during and after, reverts
 * and unloads it, and searches the log. Whatever the guest does, hang and death included, ends in a verdict.
 *
 * @throws {MissingTool} without QEMU, busybox or a C library
 * @throws {UsageError} for a module that cannot be read
 */
export async function proveLivepatch(
  kernel: Kernel,
  request: ProofRequest,
  options: ProveOptions = {},
): Promise<Proof> {
  const { onProgress = () => {}, signal } = options;
  const begin = performance.now();
  if (request.livepatches.length === 0) throw new UsageError('there is no livepatch to prove');
  findQemu();
  const prepared = await Promise.all(request.livepatches.map(prepare));
  const names = new Set<string>();
  for (const { livepatch } of prepared) {
    if (names.has(livepatch.name)) throw new UsageError(`two livepatches are called ${livepatch.name}`);
    names.add(livepatch.name);
  }
  const init = await guestInit(kernel, signal);
  const accel = await chooseAccel(request.accel ?? 'auto', kernel, init, signal);
  const total = prepared.length;
  let done = 0;
  const series: Series = {
    kernel,
    request,
    init,
    accel,
    signal,
    onStep: (label) => onProgress({ label, done, total }),
    onDone: () => done++,
  };
  const isRestorable = usesState(series);
  const jobs = Math.min(request.jobs ?? (isRestorable ? Math.min(2, availableParallelism()) : 1), total);
  const shares = Array.from({ length: jobs }, (_, n) =>
    prepared.slice(Math.ceil((n * total) / jobs), Math.ceil(((n + 1) * total) / jobs)),
  );
  // The first VM that boots leaves the state that the others go on from.
  let isFirstReady = () => {};
  const firstReady = new Promise<void>((resolve) => {
    isFirstReady = resolve;
  });
  const settled = await Promise.allSettled(
    shares.map(async (share, n) => {
      if (n > 0 && isRestorable) await firstReady;
      try {
        return await proveShare(series, share, isFirstReady);
      } finally {
        isFirstReady();
      }
    }),
  );
  const proofs: LivepatchProof[] = [];
  const boots: Boot[] = [];
  for (const result of settled) {
    if (result.status === 'rejected') throw result.reason;
    // Shares count their boots from 0.
    proofs.push(...result.value.proofs.map((proof) => ({ ...proof, boot: proof.boot + boots.length })));
    boots.push(...result.value.boots);
  }
  return {
    kernel: { id: kernel.id, release: kernel.release },
    verdict: proofs.every(({ verdict }) => verdict === 'proven') ? 'proven' : 'failed',
    livepatches: proofs,
    boots,
    seconds: (performance.now() - begin) / 1000,
  };
}

/** What the VMs of one request share. */
interface Series {
  readonly kernel: Kernel;
  readonly request: ProofRequest;
  readonly init: Uint8Array;
  readonly accel: Accel;
  readonly signal: AbortSignal | undefined;
  readonly onStep: (label: string) => void;
  readonly onDone: () => void;
}

/** Saved states are not known to work under KVM, where a boot is short anyway. */
function usesState({ request, accel }: Series): boolean {
  return !request.freshBoot && accel === 'tcg';
}

/** Proves livepatches one after another, in one VM as long as they leave it fit for the next. `onReady`: the first VM is up. */
async function proveShare(
  series: Series,
  share: readonly Prepared[],
  onReady: () => void,
): Promise<{ proofs: LivepatchProof[]; boots: Boot[] }> {
  const { kernel, request, init, accel, signal, onStep, onDone } = series;
  const proofs: LivepatchProof[] = [];
  const boots: Boot[] = [];
  while (proofs.length < share.length) {
    const rest = share.slice(proofs.length);
    const patched = rest.flatMap(({ livepatch }) =>
      livepatch.objects.map(({ name }) => name).filter((name) => name !== 'vmlinux'),
    );
    const further = (request.modules ?? []).map(moduleName).filter((name) => !patched.includes(name));
    const targets = await readTargets(kernel, [...patched, ...further]);
    const unknown = further.filter((name) => targets.missing.has(name));
    if (unknown.length > 0) throw new UsageError(`${kernel.id} has no module ${unknown.join(', ')}`);
    const targetPath = (name: string) => `/kernel-modules/${name}.ko`;
    const files: GuestFile[] = [
      ...(request.files ?? []),
      ...rest.map(({ livepatch, bytes }) => ({ path: livepatch.path, data: bytes, mode: 0o644 })),
      ...[...targets.modules.values()].map(({ name, bytes }) => ({
        path: targetPath(name),
        data: bytes,
        mode: 0o644,
      })),
    ];
    const size = files.reduce((sum, { data }) => sum + data.length, 0);
    onStep(`boot ${kernel.release}`);
    let started: StartedVm;
    try {
      const spec = {
        accel,
        memoryMb: request.memoryMb ?? memoryFor(size),
        kernel: kernel.vmlinux,
        init,
        files,
        hasShell: rest.some(({ livepatch }) => livepatch.checks.length > 0),
        append: [...(request.skipsSelfTests ? withoutSelfTests : []), ...(request.append ?? [])],
        bootMs,
        signal,
      };
      started = usesState(series)
        ? await startWithState(kernel, spec)
        : { vm: await startVm(spec), start: { how: 'booted' } };
    } catch (error) {
      if (!(error instanceof VmDied)) throw error;
      boots.push({ accel, how: 'booted', console: error.console, records: [] });
      for (const { livepatch } of rest) proofs.push(notBooted(livepatch, error, boots.length - 1));
      break;
    }
    onReady();
    const { vm, start } = started;
    try {
      const guest = { vm, targets, targetPath, loaded: new Set<string>(), further };
      for (const { livepatch } of rest) {
        const { proof, isReusable } = await proveOne(guest, livepatch, (step) =>
          onStep(`${livepatch.name}: ${step}`),
        );
        proofs.push({ ...proof, boot: boots.length });
        onDone();
        if (!isReusable) break;
      }
    } finally {
      boots.push(bootRecord(vm, accel, start));
      await vm.end();
    }
  }
  return { proofs, boots };
}

/** A livepatch and the bytes of its module. */
interface Prepared {
  readonly livepatch: PreparedLivepatch;
  readonly bytes: Uint8Array;
}

async function prepare(
  { module, name, objects, checks = [] }: LivepatchToProve,
  index: number,
): Promise<Prepared> {
  const file = typeof module === 'string' ? module : undefined;
  const shown = file ?? name ?? `livepatch ${index + 1}`;
  let bytes: Uint8Array;
  let own: string | undefined;
  try {
    bytes = await readModuleBytes(typeof module === 'string' ? await readFile(module) : module);
    own = readModuleInfo(readElf(bytes)).get('name');
  } catch (error) {
    throw new UsageError(`${shown}: ${(error as Error).message}`, 'give a livepatch module, a .ko file');
  }
  const known = own ?? name ?? (file && moduleName(basename(file)));
  if (!known || !/^[\w-]{1,55}$/.test(known))
    throw new UsageError(`${shown}: a module's name is needed, found ${JSON.stringify(known ?? '')}`);
  const livepatch = {
    name: moduleName(known),
    path: `/livepatches/${index}.ko`,
    objects: objects.map((object) => ({ ...object, name: moduleName(object.name) })),
    // Their calls are counted while checks run.
    newCode: checks.length > 0 ? newCodeOf(bytes) : [],
    checks,
  };
  return { livepatch, bytes };
}

/** Where a livepatch's new code is; nothing for a module whose tables cannot be read. */
function newCodeOf(bytes: Uint8Array): NewCode[] {
  try {
    const symbols = readSymbols(readElf(bytes));
    const times = new Map<string, number>();
    for (let index = 1; index < symbols.count; index++) {
      const name = symbols.name(index);
      times.set(name, (times.get(name) ?? 0) + 1);
    }
    return (readLivepatch(bytes).patch?.objects ?? []).flatMap(({ name, functions }) =>
      functions.flatMap(({ oldName, newSymbol }) =>
        newSymbol === undefined || times.get(newSymbol) !== 1 || !/^[\w.]+$/.test(newSymbol)
          ? []
          : [{ object: moduleName(name), name: oldName, newSymbol }],
      ),
    );
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
}

function notBooted(livepatch: PreparedLivepatch, error: VmDied, boot: number): LivepatchProof {
  const step = 'boot';
  return {
    name: livepatch.name,
    verdict: 'failed',
    objects: livepatch.objects,
    passes: [],
    calls: [],
    findings: notBootedFindings(error),
    blockers: [],
    timelines: [],
    died: { step, how: error.death, message: error.message },
    boot,
    seconds: 0,
  };
}
