import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { sayStep } from '../build-files.ts';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { chooseKernel, readPatches } from '../input.ts';
import { type JudgeFlags, judgeFlags } from '../judge-flags.ts';
import type { Answer } from '../schemas.ts';

interface Flags extends JudgeFlags {
  readonly json: boolean;
  readonly kernel?: string;
}

const words = {
  yes: 'yes, it can be livepatched by the binary route',
  'with-decisions': 'yes, by the binary route, and the warnings need your decision',
  refused: 'no, not as it is: the errors say why and what to do',
  nothing: 'there is nothing to patch: it changes no code that this kernel has',
} as const;

/** `klpkit assess`: can a fix be livepatched, before anything is made. */
export const assessCommand = buildCommand<Flags, string[], Context>({
  docs: {
    brief: 'Can a fix be livepatched, and what stands in the way',
    fullDescription: [
      'Compiles what the fixes change before and after, holds before against the shipped kernel, compares, and judges: one',
      'verdict, then what would be patched and why, then the findings, worst first. Nothing is built. Ends with code 1 when',
      'something refuses it, 4 when it changes nothing that this kernel has.',
      '',
      'EXAMPLE',
      '  klpkit assess 0001-namei-fix.patch --kernel debian:6.12',
    ].join('\n'),
  },
  parameters: {
    flags: { json: jsonFlag, kernel: kernelFlag, ...judgeFlags },
    aliases: { k: 'kernel' },
    positional: {
      kind: 'array',
      parameter: { brief: 'Fixes, applied in this order', parse: String, placeholder: 'PATCH' },
    },
  },
  func: action('assess', async (context, flags: Flags, ...paths: string[]) => {
    const [first] = paths;
    if (first === undefined)
      throw new UsageError('which fix? No patch is named', 'klpkit assess fix.patch --kernel debian:6.12');
    const { answer, readPolicy } = await import('../policy.ts');
    const { isTooMuch, sayJudgement, writeSarif } = await import('../judged.ts');
    const policy = await readPolicy(flags.policy, first);
    const patches = await readPatches(paths);
    const kernel = await chooseKernel(flags.kernel);
    const { assessFix } = await import('@klpkit/author/build');
    const { formatChanges } = await import('@klpkit/author/report');
    const assessed = await assessFix(kernel, patches, {
      onStep: (step) => sayStep(context, step),
      onProgress: context.progress.report,
      signal: context.signal,
    });
    context.progress.end();
    const answered = answer(assessed.findings, policy);
    await writeSarif(flags, first, answered);
    const isBad = isTooMuch(answered.findings, flags, policy);
    // An answered error no longer refuses.
    const verdict =
      assessed.verdict === 'nothing' ? 'nothing' : isBad ? 'refused' : verdictOf(answered.findings);
    if (context.isJson) {
      const json: Answer<'assess'> = {
        command: 'assess',
        outcome: verdict,
        kernel: kernel.id,
        units: (assessed.report?.units ?? []).map(({ source, object, functions }) => ({
          source,
          object,
          functions: functions.map(({ name, status, why }) => ({
            name,
            status,
            reasons: why.map(({ text }) => text),
          })),
        })),
        findings: answered.findings,
        suppressed: answered.suppressed,
        unchecked: assessed.unchecked,
        steps: assessed.steps,
      };
      context.answer(json);
    }
    const role = verdict === 'yes' ? 'good' : verdict === 'refused' ? 'bad' : 'warning';
    context.say(`\n${context.paint(role, words[verdict])}\n`);
    if (assessed.report)
      context.say(
        formatChanges(assessed.report, {
          width: context.width,
          paint: (part, text) => context.paint(part, text),
        }),
      );
    context.say();
    sayJudgement(context, answered, assessed.unchecked);
    return verdict === 'nothing' ? Exit.nothing : isBad ? Exit.findings : Exit.done;
  }),
});

function verdictOf(findings: readonly { readonly severity: string }[]): 'yes' | 'with-decisions' {
  return findings.some(({ severity }) => severity === 'warning') ? 'with-decisions' : 'yes';
}
