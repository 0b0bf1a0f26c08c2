import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { UsageError } from '@klpkit/findings';
import { mapParallel } from '@klpkit/host';
import type { Kernel, OnProgress } from '@klpkit/kernel';
import { chooseAccel } from '../accel.ts';
import { guestInit } from '../guest/init.ts';
import { newTaints } from '../log/scan.ts';
import { plain } from '../vm/console.ts';
import { startWithState } from '../vm/saved.ts';
import { findQemu, type Vm, VmDied, type VmSpec } from '../vm/vm.ts';
import { type BuiltTests, buildTests } from './build.ts';
import { testUserland } from './userland.ts';

/** One case of a script. */
export interface SelftestCase {
  readonly name: string;
  readonly isOk: boolean;
}

/** What one script gave. */
export interface SelftestScript {
  readonly name: string;
  /** `failed` too when a case that the script has did not come. */
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Exit code; null when a signal, the time limit or the end of the VM ended it. */
  readonly code: number | null;
  /** Cases that the script has. */
  readonly planned: number;
  readonly cases: readonly SelftestCase[];
  /** What else there is to say: why it was skipped, how the VM died, what the kernel is tainted with. */
  readonly words?: string;
  /** Its output, where it did not pass. */
  readonly output?: string;
  /** Seconds of the guest. */
  readonly seconds: number;
}

/** What the kernel's own livepatch tests gave. */
export interface SelftestResult {
  readonly kernel: { readonly id: string; readonly release: string };
  readonly verdict: 'passed' | 'failed';
  readonly scripts: readonly SelftestScript[];
  /** Wall seconds: of the build of the tests, and of everything. */
  readonly buildSeconds: number;
  readonly seconds: number;
}

/** Options of {@link runSelftests}. */
export interface SelftestOptions {
  /** Names of scripts, with or without `test-` and `.sh`; all when not given. */
  readonly scripts?: readonly string[];
  /** VMs at once; default 2. */
  readonly jobs?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Seconds of the guest that a script may take; the slowest take 20 on an idle machine. */
const scriptSeconds = 400;
const bootMs = 180_000;
/** W: a warning, D: an oops, L: a lockup, B: a bad page. Others come of the tests' own modules. */
const harmlessTaints = ~((1 << 9) | (1 << 7) | (1 << 14) | (1 << 5));

/** Mounts what the scripts expect, and gives them /dev/fd. Modules that are loaded by name get their tables besides. */
const preparation = [
  'mount -t debugfs none /sys/kernel/debug',
  'mount -t tracefs none /sys/kernel/tracing',
  'ln -s /proc/self/fd /dev/fd',
];

/**
 * Builds the livepatch tests of the kernel's source package and runs each script in a VM of its own, as it was written.
 *
 * @throws {UsageError} where the source has none or no script has the name, @throws {MissingTool} where this machine lacks something
 */
export async function runSelftests(kernel: Kernel, options: SelftestOptions = {}): Promise<SelftestResult> {
  const { onProgress, signal } = options;
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  findQemu();
  onProgress?.({ label: 'build the tests of the kernel' });
  const [tests, userland, init] = await Promise.all([
    buildTests(kernel, signal),
    testUserland({ onProgress, signal }),
    guestInit(kernel, signal),
  ]);
  const buildSeconds = seconds();
  const scripts = chosen(tests, options.scripts);
  const accel = await chooseAccel('auto', kernel, init, signal);
  const spec: Omit<VmSpec, 'state'> = {
    ...{ accel, init, signal, bootMs, hasShell: true, memoryMb: 512 },
    kernel: kernel.vmlinux,
    baseFiles: userland,
    files: tests.files,
    append: ['log_buf_len=4M'],
  };
  // The longest first, so that the last VM is not alone for long.
  const order = [...scripts].sort((a, b) => b.cases - a.cases);
  const jobs = options.jobs ?? Math.min(2, availableParallelism());
  let done = 0;
  // The first VM leaves the state that the others go on from.
  let isUp = () => {};
  const up = new Promise<void>((resolve) => {
    isUp = resolve;
  });
  const results = await mapParallel(
    order,
    jobs,
    async (script, i) => {
      if (i > 0) await up;
      onProgress?.({ label: script.name, done, total: order.length });
      const result = await runScript(kernel, spec, tests, script, isUp).finally(isUp);
      done++;
      return result;
    },
    signal,
  );
  const byName = new Map(results.map((result) => [result.name, result]));
  const inOrder = scripts.flatMap(({ name }) => byName.get(name) ?? []);
  return {
    kernel: { id: kernel.id, release: kernel.release },
    verdict: inOrder.every(({ outcome }) => outcome === 'passed') ? 'passed' : 'failed',
    scripts: inOrder,
    buildSeconds,
    seconds: seconds(),
  };
}

function chosen({ scripts }: BuiltTests, wanted: readonly string[] | undefined): BuiltTests['scripts'] {
  if (!wanted) return scripts;
  const bare = (name: string) => name.replace(/^test-/, '').replace(/\.sh$/, '');
  const unknown = wanted.filter((name) => !scripts.some((script) => bare(script.name) === bare(name)));
  if (unknown.length > 0)
    throw new UsageError(
      `the kernel has no livepatch test ${unknown.join(', ')}`,
      `it has ${scripts.map(({ name }) => bare(name)).join(', ')}`,
    );
  return scripts.filter(({ name }) => wanted.some((one) => bare(one) === bare(name)));
}

async function runScript(
  kernel: Kernel,
  spec: Omit<VmSpec, 'state'>,
  tests: BuiltTests,
  { name, cases: planned }: BuiltTests['scripts'][number],
  onUp: () => void,
): Promise<SelftestScript> {
  let vm: Vm | undefined;
  const head = { name, planned };
  try {
    vm = (await startWithState(kernel, spec)).vm;
    onUp();
    const steps = [...preparation, ...(tests.byName ? ['/bin/depmod -a'] : [])].join(' && ');
    const ready = await vm.request('run', [steps], { label: 'prepare', timeoutMs: 60_000 });
    if (ready.status !== 0) {
      const output = plain(new TextDecoder().decode(ready.output));
      return {
        ...head,
        outcome: 'failed',
        code: null,
        cases: [],
        words: 'the VM could not be prepared',
        output,
        seconds: 0,
      };
    }
    const taint = async () => {
      const reply = await vm?.request('read', ['/proc/sys/kernel/tainted'], { label: 'taint' });
      return Number(new TextDecoder().decode(reply?.output)) || 0;
    };
    const before = await taint();
    const reply = await vm.request('run', [`cd /selftest && KDIR=/tmp exec bash ./${name}`], {
      label: name,
      timeoutMs: scriptSeconds * 1000,
      limit: 1 << 18,
    });
    const output = plain(new TextDecoder().decode(reply.output));
    const cases = readCases(output);
    const seconds = reply.end - reply.start;
    const code = reply.isTimedOut || reply.isSignalled ? null : reply.status;
    // Scripts that miss a program can end well without having tested anything.
    const isPassed = code === 0 && cases.length === planned && cases.every(({ isOk }) => isOk);
    const taints = newTaints(before, await taint(), harmlessTaints);
    const words =
      taints.length > 0 ? `the kernel is tainted: ${taints.join(', ')}` : skipWords(output, reply.isTimedOut);
    if (code === 4 && !cases.some(({ isOk }) => isOk))
      return { ...head, outcome: 'skipped', code, cases, words: words ?? 'it says so', output, seconds };
    if (isPassed && taints.length === 0) return { ...head, outcome: 'passed', code, cases, seconds };
    return {
      ...head,
      outcome: 'failed',
      code,
      cases,
      ...(words === undefined ? {} : { words }),
      output,
      seconds,
    };
  } catch (error) {
    if (!(error instanceof VmDied)) throw error;
    const output = vm?.console() ?? error.console;
    return {
      ...head,
      outcome: 'failed',
      code: null,
      cases: [],
      words: `the VM died: ${error.message}`,
      output,
      seconds: 0,
    };
  } finally {
    await vm?.end();
  }
}

function skipWords(output: string, isTimedOut: boolean): string | undefined {
  if (isTimedOut) return `it was not done after ${scriptSeconds} s`;
  return /^(?:SKIP:|skip all tests:|ERROR:)\s*(.*)$/m.exec(output)?.[1];
}

/** Reads the lines `TEST: what it is ... ok` of a script's output. */
export function readCases(output: string): SelftestCase[] {
  return [...output.matchAll(/^TEST: (.*?) \.\.\. (ok|not ok)?/gm)].map(([, name = '', word]) => ({
    name,
    isOk: word === 'ok',
  }));
}
