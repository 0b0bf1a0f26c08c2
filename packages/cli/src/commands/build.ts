import { join } from 'node:path';
import type { BuiltLivepatch } from '@klpkit/author';
import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { sayStep, type WrittenBuild, writeBuild } from '../build-files.ts';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { parseCount } from '../counts.ts';
import { Exit, type ExitCode } from '../exit.ts';
import { findingText } from '../failure.ts';
import { fixFlags } from '../fix-flags.ts';
import { moduleFlag, withFurtherModules } from '../further-modules.ts';
import { chooseKernel, isFile, isFolder, readPatches } from '../input.ts';
import { livepatchNames } from '../livepatch-name.ts';
import { overrideFlag, parseOverrides } from '../overrides.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly out: string;
  readonly name?: string;
  readonly replace: boolean;
  readonly override?: readonly string[];
  readonly unit?: readonly string[];
  readonly module?: readonly string[];
  readonly maxUnits?: number;
  readonly jobs?: number;
  readonly report: boolean;
}

const example = [
  'EXAMPLE',
  '  klpkit build 0001-namei-fix.patch --kernel debian:6.12 -o out',
  '  klpkit build livepatch-namei/ --kernel debian:6.12',
];

/** `klpkit build`: a livepatch and its report from one or several fixes. */
export const buildCommandRoute = buildCommand<Flags, string[], Context>({
  docs: {
    brief: 'Build a livepatch from one or several fixes, or from a folder of C',
    fullDescription: [
      'Compiles what the fixes change before and after, holds before against the shipped kernel, compares, takes out what',
      "changed, and lets the kernel's own tools finish the module. Several fixes make one cumulative livepatch. Writes",
      'livepatch-NAME.ko, its report livepatch-NAME.json, and the same as a page to read, livepatch-NAME.html.',
      '',
      'A fix may bring callbacks, states and what to leave out: it includes <klpkit/livepatch.h> and uses its macros. Those of',
      'kpatch (kpatch-macros.h) and of newer kernels (linux/livepatch_helpers.h) do as well.',
      '',
      'A folder with klpkit.json is a livepatch written in C: it is compiled, its private symbols become KLP relocations,',
      'and it is checked.',
      '',
      ...example,
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      out: { kind: 'parsed', parse: String, brief: 'Folder for the files', placeholder: 'DIR', default: '.' },
      name: fixFlags.name,
      replace: fixFlags.replace,
      override: {
        ...overrideFlag,
        brief: 'Go on in spite of a finding, for a reason that the report keeps; may be repeated',
      },
      unit: fixFlags.unit,
      module: {
        ...moduleFlag,
        brief: `With a folder of C: ${moduleFlag.brief[0]?.toLowerCase()}${moduleFlag.brief.slice(1)}`,
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
      parameter: {
        brief: 'Fixes, applied in this order; or one folder of C',
        parse: String,
        placeholder: 'PATCH',
      },
    },
  },
  func: action('build', async (context, flags: Flags, ...paths: string[]) => {
    const [first] = paths;
    if (first === undefined)
      throw new UsageError('which fix? No patch is named', 'klpkit build fix.patch --kernel debian:6.12');
    const overrides = parseOverrides(flags.override ?? []);
    if (await isFolder(first)) return buildSources(context, flags, paths, overrides);
    if (flags.module)
      throw new UsageError('--module goes with a folder of C', "fixes are of the kernel's own source");
    const names = livepatchNames(flags.name, first);
    const patches = await readPatches(paths);
    const kernel = await chooseKernel(flags.kernel);
    const { buildLivepatch } = await import('@klpkit/author/build');
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
    return finish(context, flags, kernel.id, names.file, built);
  }),
});

/** Builds a folder of C with a manifest. */
async function buildSources(
  context: Context,
  flags: Flags,
  paths: readonly string[],
  overrides: ReadonlyMap<string, string>,
): Promise<ExitCode> {
  const [folder = '.'] = paths;
  const given = [
    ...(paths.length > 1 ? ['other paths'] : []),
    ...(flags.name === undefined ? [] : ['--name']),
    ...(flags.replace ? [] : ['--no-replace']),
    ...(flags.unit ? ['--unit'] : []),
    ...(flags.maxUnits ? ['--max-units'] : []),
  ];
  if (given.length > 0)
    throw new UsageError(
      `${folder} is a folder of C, with which ${given.join(' and ')} cannot be given`,
      'say it in its klpkit.json',
    );
  if (!(await isFile(join(folder, 'klpkit.json'))))
    throw new UsageError(
      `${folder}: there is no klpkit.json in this folder`,
      'name a patch, or a folder of C as klpkit source and klpkit new write it',
    );
  const kernel = await withFurtherModules(await chooseKernel(flags.kernel), flags.module);
  const { buildFolder } = await import('@klpkit/author');
  const { writeFileAtomic } = await import('@klpkit/host');
  context.say(`${context.paint('heading', folder)} for ${kernel.id}`);
  const built = await buildFolder(kernel, folder, {
    overrides,
    jobs: flags.jobs,
    onStep: (step) => sayStep(context, step),
    signal: context.signal,
  });
  context.progress.end();
  for (const { name, ko } of built.modules) {
    await writeFileAtomic(join(flags.out, `${name}.ko`), ko);
    context.say(`module   ${join(flags.out, `${name}.ko`)}`);
  }
  const file = built.plan.name.replaceAll('_', '-');
  return finish(context, flags, kernel.id, file, { ...built, ko: built.module, details: [] });
}

type Finished = WrittenBuild & Pick<BuiltLivepatch, 'plan' | 'findings' | 'steps'>;

/** Writes what was built and says what it is. */
async function finish(
  context: Context,
  flags: Flags,
  kernel: string,
  file: string,
  built: Finished,
): Promise<ExitCode> {
  const files = await writeBuild(built, flags.out, file);
  const { formatReport } = await import('@klpkit/author/report');
  const { plan, report, findings, steps } = built;
  if (context.isJson) {
    const { namedCallbacks } = await import('@klpkit/livepatch');
    const answer: Answer<'build'> = {
      command: 'build',
      outcome: 'built',
      kernel,
      name: plan.name,
      files,
      replace: plan.replace,
      objects: plan.objects.map(({ name, functions, callbacks }) => ({
        name,
        functions: functions.map(({ oldName, sympos }) => ({ name: oldName, sympos })),
        ...(callbacks ? { callbacks: namedCallbacks(callbacks) } : {}),
      })),
      ...(plan.states ? { states: plan.states } : {}),
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
    `next     klpkit prove ${files.module} --kernel ${kernel} --check 'COMMAND that shows the fix'`,
  );
  return Exit.done;
}
