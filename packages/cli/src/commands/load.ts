import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlagFor } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { kernelFor, readUserFile } from '../input.ts';
import { type ChangeFlags, changeFlags, changeOptions, loadRefusal, objectWords } from '../live.ts';
import { overrideFlag, parseOverrides } from '../overrides.ts';
import type { Answer } from '../schemas.ts';

interface Flags extends ChangeFlags {
  readonly kernel?: string;
  readonly override?: readonly string[];
}

/** `klpkit load`: a livepatch into the running kernel, and back out if it does not get through. */
export const loadCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Load a livepatch on this machine, and take it back if it stalls',
    fullDescription: [
      'Checks the module as klpkit check does, looks at what is loaded here, and refuses on any error, before the kernel is',
      'asked. Then loads it and watches its transition to the end. One that does not end in time is named with the tasks that',
      'block it, and taken back: the machine is as it was. Takes root.',
      '',
      'EXAMPLE',
      '  klpkit load livepatch-fix.ko --time-limit 30',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      ...changeFlags,
      kernel: kernelFlagFor(
        'Kernel in the cache to check against; else the one that the module names, if it is there',
      ),
      override: {
        ...overrideFlag,
        brief: 'Go on in spite of a finding, for a reason; may be repeated',
      },
    },
    aliases: { k: 'kernel' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The module, plain or compressed', parse: String, placeholder: 'MODULE.ko' }],
    },
  },
  func: action('load', async (context, flags: Flags, path: string) => {
    const overrides = parseOverrides(flags.override ?? []);
    const live = await import('@klpkit/live');
    const machine = live.thisMachine;
    const status = live.readStatus(machine);
    const bytes = await readUserFile(path);
    const { checkModule } = await import('@klpkit/author/judge');
    const { readModuleBytes } = await import('@klpkit/formats');
    const kernel = await kernelFor(flags.kernel, bytes);
    const { evidence, judgement } = await checkModule(path, bytes, {
      kernel,
      onProgress: context.progress.report,
      signal: context.signal,
    });
    const { livepatch } = evidence;
    const found = [
      ...judgement.findings,
      ...live.loadObstacles(machine, status, {
        name: livepatch.name,
        release: livepatch.vermagic?.split(' ')[0],
        replace: livepatch.patch?.replace ?? false,
        objects: (livepatch.patch?.objects ?? []).map(({ name, isVmlinux, functions }) => ({
          name: isVmlinux ? 'vmlinux' : name,
          functions: functions.map(({ oldName }) => oldName),
        })),
      }),
    ].map((finding) => overridden(finding, overrides));
    for (const id of overrides.keys())
      if (!found.some((finding) => finding.id === id))
        throw new UsageError(`--override ${id}: there is no such finding here`, 'leave it out');
    context.progress.end();
    if (found.some(({ severity }) => severity === 'error'))
      throw new Refusal(found.filter(({ severity }) => severity !== 'note'));
    for (const finding of found)
      if (finding.severity === 'warning') context.say(findingText(context, finding, context.process.stdout));
    const request = { name: livepatch.name, bytes: await readModuleBytes(bytes) };
    const changed = await live
      .loadLivepatch(machine, request, changeOptions(context, flags))
      .catch(async (error: unknown) => {
        throw error instanceof live.LoadFailed ? await loadRefusal(error) : error;
      });
    context.progress.end();
    if (context.isJson) {
      const answer: Answer<'load'> = {
        command: 'load',
        outcome: 'loaded',
        name: livepatch.name,
        ...(kernel ? { kernel: kernel.id } : {}),
        seconds: changed.ms / 1000,
        ...(changed.livepatch ? { livepatch: changed.livepatch } : {}),
        findings: found,
        log: changed.log,
      };
      context.answer(answer);
    }
    const words = changed.livepatch ? `, ${objectWords(changed.livepatch)}` : '';
    context.say(
      `${context.paint('good', 'in force')}  ${livepatch.name}, after ${(changed.ms / 1000).toFixed(1)} s${words}`,
    );
    if (!kernel)
      context.say(context.paint('dim', 'checked against no kernel: klpkit kernel add, or --kernel'));
    return Exit.done;
  }),
});

/** An error that the user answers for is a warning that carries the reason. */
function overridden(finding: Finding, overrides: ReadonlyMap<string, string>): Finding {
  const reason = finding.severity === 'error' ? overrides.get(finding.id) : undefined;
  return reason === undefined ? finding : { ...finding, severity: 'warning', next: `overridden: ${reason}` };
}
