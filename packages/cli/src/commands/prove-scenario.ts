import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import type { GivenModule, Scenario, ScenarioRequest, ScenarioResult, Timeline } from '@klpkit/prove';
import type { Context } from '../context.ts';
import { Exit, type ExitCode } from '../exit.ts';
import type { Answer } from '../schemas.ts';
import { formatBoots } from '../transcript.ts';

/** What `klpkit prove` is told of scenarios. */
export interface ScenarioFlags {
  readonly kernel?: string;
  readonly accel: 'auto' | 'tcg' | 'kvm';
  readonly freshBoot: boolean;
  readonly module?: readonly string[];
  readonly set?: readonly string[];
  readonly report?: string;
  readonly transcript?: string;
}

/** Parts of `NAME=VALUE` words. @throws {UsageError} for one that is none */
function pairs(words: readonly string[], flag: string, form: string): Map<string, string> {
  return new Map(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new UsageError(`${flag} ${word}: ${form} is wanted`, `${flag} ${form}`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

/** `klpkit prove --list-scenarios`. */
export async function listScenarios(context: Context): Promise<ExitCode> {
  const { readyScenarios } = await import('@klpkit/prove');
  const scenarios = await readyScenarios();
  const described = scenarios.map(({ name, summary = '', modules, parameters }: Scenario) => ({
    name,
    summary,
    modules: modules.map(({ alias }) => alias),
    parameters: parameters.map((parameter) => ({
      name: parameter.name,
      ...(parameter.summary === undefined ? {} : { summary: parameter.summary }),
      ...(parameter.default === undefined ? {} : { default: parameter.default }),
    })),
  }));
  if (context.isJson) {
    const answer: Answer<'prove'> = { command: 'prove', outcome: 'listed', scenarios: described };
    context.answer(answer);
  }
  for (const { name, summary, modules, parameters } of described) {
    context.say(context.paint('heading', name));
    context.say(`  ${summary}`);
    context.say(`  klpkit prove ${modules.map((alias) => `${alias}.ko`).join(' ')} --scenario ${name}`);
    for (const { name: parameter, summary: what = '', default: standard } of parameters) {
      const value = standard === undefined ? '' : ` (${standard})`;
      context.say(`    --set ${parameter}=…  ${what}${value}`);
    }
  }
  return Exit.done;
}

/**
 * The modules of a scenario: the files of the command line belong to its aliases in their order, unless `--module ALIAS=FILE` says
 * otherwise.
 */
async function modulesOf(
  scenario: Scenario,
  paths: readonly string[],
  named: ReadonlyMap<string, string>,
): Promise<Record<string, GivenModule>> {
  const { scenarioModule } = await import('./prove.ts');
  const open = scenario.modules.filter(({ alias, file }) => file === undefined && !named.has(alias));
  const aliases = [
    ...open,
    ...scenario.modules.filter(({ alias, file }) => file !== undefined && !named.has(alias)),
  ];
  if (paths.length > aliases.length)
    throw new UsageError(
      `${paths.length} modules are given, and the scenario ${scenario.name} has ${scenario.modules.length}`,
      `its modules are ${scenario.modules.map(({ alias }) => alias).join(', ') || 'none'}`,
    );
  const files = new Map(named);
  for (const [i, path] of paths.entries()) files.set(aliases[i]?.alias ?? '', path);
  const modules: Record<string, GivenModule> = {};
  for (const [alias, path] of files) modules[alias] = await scenarioModule(path);
  return modules;
}

/** `klpkit prove --scenario`: runs scenarios, tells how each went, and keeps the report. */
export async function proveScenarios(
  context: Context,
  names: readonly string[],
  paths: readonly string[],
  flags: ScenarioFlags,
): Promise<ExitCode> {
  const { findScenario, formatScenario, readScenario, runScenarios } = await import('@klpkit/prove');
  const { chooseKernel, readUserFile } = await import('../input.ts');
  const named = pairs(flags.module ?? [], '--module', 'ALIAS=FILE');
  const values = Object.fromEntries(pairs(flags.set ?? [], '--set', 'NAME=VALUE'));
  const requests: ScenarioRequest[] = [];
  const known = new Set<string>();
  for (const name of names) {
    const file = await findScenario(name);
    const text = new TextDecoder().decode(await readUserFile(file));
    // Those that klpkit brings are called by name: where they lie says nothing.
    const shownAs = file === name ? file : `${name}.yaml`;
    const scenario = readScenario(text, { file: shownAs });
    const own = scenario.parameters.map((parameter) => parameter.name);
    for (const parameter of own) known.add(parameter);
    requests.push({
      file,
      shownAs,
      text,
      modules: await modulesOf(scenario, paths, named),
      // Of several scenarios each takes the values of the parameters that it has.
      values: Object.fromEntries(Object.entries(values).filter(([parameter]) => own.includes(parameter))),
    });
  }
  const unknown = Object.keys(values).filter((parameter) => !known.has(parameter));
  if (unknown.length > 0)
    throw new UsageError(
      `${names.join(', ')} has no parameter ${unknown.join(', ')}`,
      known.size > 0 ? `there are ${[...known].join(', ')}` : 'there are none',
    );
  const kernel = await chooseKernel(flags.kernel);
  const results = await runScenarios(kernel, requests, {
    accel: flags.accel,
    freshBoot: flags.freshBoot,
    onProgress: context.progress.report,
    ...(context.signal ? { signal: context.signal } : {}),
  });
  context.progress.end();
  for (const result of results) {
    const role = result.verdict === 'passed' ? 'good' : result.verdict === 'failed' ? 'bad' : 'warning';
    context.say(
      formatScenario(result, context.width)
        .trimEnd()
        .replace(/^[\w-]+/, (word) => context.paint(role, word)),
    );
  }
  const outcome = results.some(({ verdict }) => verdict === 'failed')
    ? 'not-passed'
    : results.some(({ verdict }) => verdict === 'passed')
      ? 'passed'
      : 'not-applicable';
  const answer: Answer<'prove'> = {
    command: 'prove',
    outcome,
    kernel: { id: kernel.id, release: kernel.release },
    scenarios: await Promise.all(results.map((result, i) => told(result, flags.report, i + 1))),
  };
  if (flags.transcript !== undefined) {
    const { writeFileAtomic } = await import('@klpkit/host');
    await writeFileAtomic(flags.transcript, transcriptOf(results));
    context.say(`transcript: ${flags.transcript}`);
  }
  if (flags.report !== undefined) await writeReport(context, flags.report, answer, transcriptOf(results));
  if (context.isJson) context.answer(answer);
  return outcome === 'passed' ? Exit.done : outcome === 'not-passed' ? Exit.findings : Exit.nothing;
}

function transcriptOf(results: readonly ScenarioResult[]): string {
  return results
    .map(({ name, verdict, kernel, boot }) =>
      [
        `scenario ${name} on ${kernel.id}, verdict ${verdict}`,
        ...(boot ? formatBoots([{ boot, names: [name] }]) : []),
      ].join('\n'),
    )
    .join('\n\n')
    .concat('\n');
}

/** A result as the answer has it; its timelines are drawn into the folder of the report. */
async function told(result: ScenarioResult, folder: string | undefined, number: number) {
  const { timelines, boot, ...rest } = result;
  const how = boot && {
    accel: boot.accel,
    how: boot.how,
    ...(boot.savedState === undefined ? {} : { savedState: boot.savedState }),
    ...(boot.problem === undefined ? {} : { problem: boot.problem }),
    ...(boot.readySeconds === undefined ? {} : { readySeconds: boot.readySeconds }),
  };
  const drawn = await drawTimelines(timelines, folder, `${number}-${result.name}`);
  return { ...rest, timelines: drawn, ...(how && { boot: how }) };
}

/** Timelines as an answer has them: each drawn into the folder of the report where there is one, and the file's name beside it. */
export async function drawTimelines(
  timelines: readonly Timeline[],
  folder: string | undefined,
  name: string,
): Promise<readonly (Timeline & { readonly svg?: string })[]> {
  if (folder === undefined) return timelines;
  const [{ timelineSvg }, { writeFileAtomic }] = await Promise.all([
    import('@klpkit/prove'),
    import('@klpkit/host'),
  ]);
  await mkdir(folder, { recursive: true });
  const drawn: (Timeline & { svg: string })[] = [];
  for (const [i, timeline] of timelines.entries()) {
    const svg = `${name}-${String(i + 1).padStart(2, '0')}.svg`;
    await writeFileAtomic(join(folder, svg), timelineSvg(timeline));
    drawn.push({ ...timeline, svg });
  }
  return drawn;
}

/** Writes the report of a proof: the answer and the transcript, beside the drawings. */
export async function writeReport(
  context: Context,
  folder: string,
  answer: object,
  transcript: string,
): Promise<void> {
  const { writeFileAtomic } = await import('@klpkit/host');
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(answer, undefined, 2)}\n`);
  await writeFileAtomic(join(folder, 'transcript.txt'), transcript);
  context.say(`report: ${join(folder, 'report.json')}`);
}
