import { UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import type { Check, GivenModule, LivepatchToProve, PatchedObject, Proof } from '@klpkit/prove';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { parseCount } from '../counts.ts';
import { Exit } from '../exit.ts';
import { chooseKernel, readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';
import { formatTranscript } from '../transcript.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly check?: readonly string[];
  readonly expectBefore?: readonly string[];
  readonly expectAfter?: readonly string[];
  readonly expectReverted?: readonly string[];
  readonly module?: readonly string[];
  readonly accel: 'auto' | 'tcg' | 'kvm';
  readonly timeout?: number;
  readonly memory?: number;
  readonly freshBoot: boolean;
  readonly transcript?: string;
  readonly scenario?: readonly string[];
  readonly listScenarios: boolean;
  readonly set?: readonly string[];
  readonly report?: string;
}

const expectation = (when: string) =>
  ({
    kind: 'parsed',
    parse: String,
    variadic: true,
    brief: `What the nth check must say ${when}: a line of text, or /regex/; empty for nothing in particular`,
    placeholder: 'TEXT',
    optional: true,
  }) as const;

/**
 * Puts checks and their expectations together: the nth expectation of each kind belongs to the nth check, an empty one stands
 * for none.
 *
 * @throws {UsageError} for more expectations than checks, or a broken regular expression
 */
export async function checksOf(
  flags: Pick<Flags, 'check' | 'expectBefore' | 'expectAfter' | 'expectReverted' | 'timeout'>,
): Promise<Check[]> {
  const { parseExpectation } = await import('@klpkit/prove');
  const { check = [], expectBefore = [], expectAfter = [], expectReverted = [] } = flags;
  const most = Math.max(expectBefore.length, expectAfter.length, expectReverted.length);
  if (most > check.length)
    throw new UsageError(
      `${most} expectations of a kind, but ${check.length} ${check.length === 1 ? 'check' : 'checks'}`,
      "give each expectation a --check 'COMMAND' before it",
    );
  return check.map((command, index) => {
    const before = expectBefore[index];
    const patched = expectAfter[index];
    const reverted = expectReverted[index];
    return {
      command,
      ...(before ? { expectBefore: parseExpectation(before) } : {}),
      ...(patched ? { expectPatched: parseExpectation(patched) } : {}),
      ...(reverted ? { expectReverted: parseExpectation(reverted) } : {}),
      ...(flags.timeout ? { timeoutSeconds: flags.timeout } : {}),
    };
  });
}

/** Reads which objects and functions a livepatch patches, out of the module itself. */
async function objectsOf(path: string, bytes: Uint8Array): Promise<PatchedObject[]> {
  const { FormatError, readModuleBytes } = await import('@klpkit/formats');
  const { readLivepatch } = await import('@klpkit/livepatch');
  try {
    const livepatch = readLivepatch(await readModuleBytes(bytes));
    if (livepatch.mark === undefined)
      throw new UsageError(
        `${path} is not marked as a livepatch`,
        'give a livepatch module, as klpkit build makes it',
      );
    if (!livepatch.patch)
      throw new UsageError(
        `${path}: no table of patched functions is in its data`,
        'klpkit cannot know what to watch in a livepatch that makes its tables when it is loaded',
      );
    return livepatch.patch.objects.map(({ name, functions }) => ({
      name,
      functions: functions.map(({ oldName }) => oldName),
    }));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(`${path}: ${error.message}`, 'give a livepatch module, a .ko file');
  }
}

/** A module as a scenario wants it: one that is no livepatch patches nothing. */
export async function scenarioModule(path: string): Promise<GivenModule> {
  const module = await readUserFile(path);
  return objectsOf(path, module).then(
    (objects) => ({ module, objects }),
    () => ({ module }),
  );
}

/** One livepatch file as the proof wants it. */
export async function livepatchFile(path: string, checks: readonly Check[]): Promise<LivepatchToProve> {
  const module = await readUserFile(path);
  return { module, objects: await objectsOf(path, module), checks };
}

/** Proves livepatches, keeps the transcript, and tells the proof as text. */
export async function proveAndTell(
  context: Context,
  kernel: Kernel,
  livepatches: readonly LivepatchToProve[],
  options: {
    readonly accel: Flags['accel'];
    readonly memory?: number | undefined;
    readonly modules?: readonly string[] | undefined;
    readonly freshBoot?: boolean | undefined;
    readonly transcript: string;
  },
): Promise<Proof> {
  const { formatProof, proveLivepatch } = await import('@klpkit/prove');
  const { writeFileAtomic } = await import('@klpkit/host');
  const proof = await proveLivepatch(
    kernel,
    {
      livepatches,
      accel: options.accel,
      ...(options.memory ? { memoryMb: options.memory } : {}),
      ...(options.modules ? { modules: options.modules } : {}),
      ...(options.freshBoot ? { freshBoot: true } : {}),
    },
    {
      onProgress: context.progress.report,
      ...(context.signal ? { signal: context.signal } : {}),
    },
  );
  context.progress.end();
  await writeFileAtomic(options.transcript, formatTranscript(proof));
  const text = formatProof(proof, { width: context.width }).trimEnd();
  const role = proof.verdict === 'proven' ? 'good' : 'bad';
  context.say(text.replace(/^\w+/, (word) => context.paint(role, word)));
  return proof;
}

/** `klpkit prove`: the proof of one or several livepatches on the kernel that they are for. */
export const proveCommand = buildCommand<Flags, string[], Context>({
  docs: {
    brief: 'Prove livepatches: load, watch, check, revert and unload them on the shipped kernel in QEMU',
    fullDescription: [
      'Boots the kernel as it was shipped and takes each livepatch through its life there. Any oops, warning or stuck',
      'transition fails the proof, and so does a check that says other than expected. Several livepatches are proven one',
      'after another. The VM goes on from the saved state of an earlier boot of this kernel where there is one, and the proof',
      'says so; --fresh-boot boots. Checks run in busybox as root: before, while the livepatch is in force, and after it is',
      'gone.',
      '',
      'With --scenario the livepatches go through the steps of a scenario instead: a file, or one of --list-scenarios.',
      'The files are its modules in their order, or --module ALIAS=FILE says which is which. Ends with code 4 where the',
      'scenario is for other kernels.',
      '',
      'EXAMPLE',
      "  klpkit prove livepatch-fix.ko --kernel debian:6.12 --check 'cat /proc/version' --expect-after '/patched/'",
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      check: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        brief: 'Command to run before, after loading, and after reverting; may be repeated',
        placeholder: 'COMMAND',
        optional: true,
      },
      expectBefore: expectation('before the livepatch is loaded'),
      expectAfter: expectation('while the livepatch is in force'),
      expectReverted: expectation('after the livepatch is gone'),
      module: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        brief:
          'Module of the kernel that the checks need, loaded first; with --scenario ALIAS=FILE; may be repeated',
        placeholder: 'NAME',
        optional: true,
      },
      accel: {
        kind: 'enum',
        values: ['auto', 'tcg', 'kvm'],
        brief: 'How QEMU runs the processor',
        default: 'auto',
      },
      timeout: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Seconds that one run of a check may take (20)',
        placeholder: 'SECONDS',
        optional: true,
      },
      memory: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Memory of the VM in MiB (256, and more for large modules)',
        placeholder: 'MIB',
        optional: true,
      },
      freshBoot: {
        kind: 'boolean',
        brief:
          'Boot for this proof alone, rather than go on from the saved state of an earlier boot of this kernel',
        default: false,
        withNegated: false,
      },
      scenario: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        brief: 'Scenario to go through, by name or file; may be repeated',
        placeholder: 'SCENARIO',
        optional: true,
      },
      listScenarios: {
        kind: 'boolean',
        brief: 'List the scenarios that klpkit brings',
        default: false,
        withNegated: false,
      },
      set: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        brief: 'Value of a parameter of the scenario; may be repeated',
        placeholder: 'NAME=VALUE',
        optional: true,
      },
      report: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder for the report: JSON, transcript, and an SVG for each transition',
        placeholder: 'DIR',
        optional: true,
      },
      transcript: {
        kind: 'parsed',
        parse: String,
        brief: 'File for the transcript; else beside the first livepatch',
        placeholder: 'FILE',
        optional: true,
      },
    },
    aliases: { k: 'kernel', c: 'check' },
    positional: {
      kind: 'array',
      parameter: { brief: 'Livepatch modules', parse: String, placeholder: 'FILE.ko' },
    },
  },
  func: action('prove', async (context, flags: Flags, ...paths: string[]) => {
    if (flags.listScenarios) return (await import('./prove-scenario.ts')).listScenarios(context);
    if (flags.scenario !== undefined) {
      if (flags.check !== undefined)
        throw new UsageError(
          '--check and --scenario exclude each other',
          'a scenario runs commands in its steps',
        );
      const { proveScenarios } = await import('./prove-scenario.ts');
      return proveScenarios(context, flags.scenario, paths, flags);
    }
    if (flags.set !== undefined) throw new UsageError('--set is for --scenario');
    const [first] = paths;
    if (first === undefined)
      throw new UsageError(
        'which livepatch? No file is named',
        'klpkit prove livepatch-fix.ko --kernel debian:6.12',
      );
    const checks = await checksOf(flags);
    const livepatches = await Promise.all(paths.map((path) => livepatchFile(path, checks)));
    const kernel = await chooseKernel(flags.kernel);
    const transcript = flags.transcript ?? `${first.replace(/\.ko(\.(xz|zst|gz))?$/, '')}.transcript.txt`;
    const proof = await proveAndTell(context, kernel, livepatches, {
      accel: flags.accel,
      memory: flags.memory,
      modules: flags.module,
      freshBoot: flags.freshBoot,
      transcript,
    });
    const { drawTimelines, writeReport } = await import('./prove-scenario.ts');
    const answer: Answer<'prove'> = {
      command: 'prove',
      outcome: proof.verdict === 'proven' ? 'proven' : 'not-proven',
      kernel: proof.kernel,
      livepatches: await Promise.all(
        proof.livepatches.map(async (one, i) => ({
          ...one,
          timelines: await drawTimelines(one.timelines, flags.report, `${i + 1}-${one.name}`),
        })),
      ),
      boots: proof.boots.map(({ accel, how, savedState, problem, readySeconds }) => ({
        accel,
        how,
        ...(savedState === undefined ? {} : { savedState }),
        ...(problem === undefined ? {} : { problem }),
        ...(readySeconds === undefined ? {} : { readySeconds }),
      })),
      transcript,
      seconds: proof.seconds,
    };
    if (flags.report !== undefined) await writeReport(context, flags.report, answer, formatTranscript(proof));
    if (context.isJson) context.answer(answer);
    context.say(`transcript: ${transcript}`);
    return proof.verdict === 'proven' ? Exit.done : Exit.findings;
  }),
});
