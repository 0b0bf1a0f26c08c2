import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { sayStep, writeBuild } from '../build-files.ts';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { chooseKernel, readPatches } from '../input.ts';
import { livepatchNames } from '../livepatch-name.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly out: string;
  readonly name?: string;
  readonly replace: boolean;
  readonly override?: readonly string[];
  readonly unit?: readonly string[];
  readonly maxUnits?: number;
  readonly jobs?: number;
  readonly report: boolean;
}

const example = ['EXAMPLE', '  klpkit build 0001-namei-fix.patch --kernel debian:6.12 -o out'];

/** A whole number above 0 of a flag. */
function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`${text} is no number above 0`);
  return Number(text);
}

function parseOverrides(texts: readonly string[]): Map<string, string> {
  const overrides = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1)
      throw new UsageError(
        `--override ${text} gives no reason`,
        `--override ${at < 0 ? text : 'ID'}='why it does not matter here'`,
      );
    overrides.set(text.slice(0, at), text.slice(at + 1));
  }
  return overrides;
}

/** `klpkit build`: a livepatch and its report from one or several fixes. */
export const buildCommandRoute = buildCommand<Flags, string[], Context>({
  docs: {
    brief: 'Build a livepatch from one or several fixes',
    fullDescription: [
      'Compiles what the fixes change before and after, holds before against the shipped kernel, compares, takes out what',
      "changed, and lets the kernel's own tools finish the module. Several fixes make one cumulative livepatch. Writes",
      'livepatch-NAME.ko, its report livepatch-NAME.json, and the same as a page to read, livepatch-NAME.html.',
      '',
      ...example,
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      out: { kind: 'parsed', parse: String, brief: 'Folder for the files', placeholder: 'DIR', default: '.' },
      name: {
        kind: 'parsed',
        parse: String,
        brief: "Name of the livepatch; else the first patch's file name",
        placeholder: 'NAME',
        optional: true,
      },
      replace: {
        kind: 'boolean',
        brief: 'Replace all livepatches that are loaded (atomic replace)',
        default: true,
      },
      override: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        brief: 'Go on in spite of a finding, for a reason that the report keeps; may be repeated',
        placeholder: 'ID=REASON',
        optional: true,
      },
      unit: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        brief: 'Restrict the livepatch to this source file; may be repeated',
        placeholder: 'FILE.c',
        optional: true,
      },
      maxUnits: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Most units that a changed header may reach (64)',
        placeholder: 'N',
        optional: true,
      },
      jobs: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Compilers at once (2)',
        placeholder: 'N',
        optional: true,
      },
      report: {
        kind: 'boolean',
        brief: 'Print the whole report, not its place alone',
        default: false,
        withNegated: false,
      },
    },
    aliases: { o: 'out', k: 'kernel', j: 'jobs' },
    positional: {
      kind: 'array',
      parameter: { brief: 'Fixes, applied in this order', parse: String, placeholder: 'PATCH' },
    },
  },
  func: action('build', async (context, flags: Flags, ...paths: string[]) => {
    const [first] = paths;
    if (first === undefined)
      throw new UsageError('which fix? No patch is named', 'klpkit build fix.patch --kernel debian:6.12');
    const overrides = parseOverrides(flags.override ?? []);
    const names = livepatchNames(flags.name, first);
    const patches = await readPatches(paths);
    const kernel = await chooseKernel(flags.kernel);
    const { buildLivepatch, formatReport } = await import('@klpkit/author');
    context.say(`${context.paint('heading', names.module)} for ${kernel.id}`);
    const built = await buildLivepatch(kernel, patches, {
      name: names.module,
      replace: flags.replace,
      overrides,
      ...(flags.unit ? { units: flags.unit } : {}),
      ...(flags.maxUnits ? { maxUnits: flags.maxUnits } : {}),
      ...(flags.jobs ? { jobs: flags.jobs } : {}),
      onStep: (step) => sayStep(context, step),
      onProgress: context.progress.report,
      signal: context.signal,
    });
    context.progress.end();
    const { findings, steps } = built;
    if (built.outcome === 'nothing') {
      if (context.isJson) {
        const answer: Answer<'build'> = {
          command: 'build',
          outcome: 'nothing',
          kernel: kernel.id,
          findings,
          steps,
        };
        context.answer(answer);
      }
      for (const finding of findings) context.say(findingText(context, finding, context.process.stdout));
      return Exit.nothing;
    }
    const files = await writeBuild(built, flags.out, names.file);
    const { plan, report } = built;
    if (context.isJson) {
      const answer: Answer<'build'> = {
        command: 'build',
        outcome: 'built',
        kernel: kernel.id,
        name: plan.name,
        files,
        replace: plan.replace,
        objects: plan.objects.map(({ name, functions }) => ({
          name,
          functions: functions.map(({ oldName, sympos }) => ({ name: oldName, sympos })),
        })),
        findings,
        steps,
      };
      context.answer(answer);
    }
    for (const finding of findings)
      if (finding.severity !== 'note') context.say(findingText(context, finding, context.process.stdout));
    const notes = findings.filter(({ severity }) => severity === 'note').length;
    if (notes > 0)
      context.say(context.paint('dim', `${notes === 1 ? '1 note is' : `${notes} notes are`} in the report`));
    if (flags.report)
      context.say(
        `\n${formatReport(report, { width: context.width, paint: (role, text) => context.paint(role, text) })}`,
      );
    context.say(`${context.paint('good', 'built')}    ${files.module}`);
    context.say(`report   ${files.page}, ${files.report}`);
    context.say(
      `next     klpkit prove ${files.module} --kernel ${kernel.id} --check 'COMMAND that shows the fix'`,
    );
    return Exit.done;
  }),
});
