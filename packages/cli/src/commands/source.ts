import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Agreement, SourceLivepatch } from '@klpkit/author';
import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { fixFlags } from '../fix-flags.ts';
import { chooseKernel, readPatches } from '../input.ts';
import { livepatchNames } from '../livepatch-name.ts';
import { overrideFlag, parseOverrides } from '../overrides.ts';
import { secondsText } from '../progress.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly out?: string;
  readonly name?: string;
  readonly replace: boolean;
  readonly override?: readonly string[];
  readonly unit?: readonly string[];
  readonly verify: boolean;
}

/** `klpkit source`: a livepatch as a folder of C from one or several fixes. */
export const sourceCommand = buildCommand<Flags, string[], Context>({
  docs: {
    brief: 'Write a livepatch as a folder of C from one or several fixes',
    fullDescription: [
      'Writes for each unit that the fixes change a C file with the fixed functions and what they need of its own text, and a',
      'manifest, klpkit.json, that says where the private symbols of the kernel are. Which functions must be replaced, those',
      'that others were inlined into among them, is what the comparison of the compiled units says. The files can be read,',
      'reviewed and edited; klpkit build makes a module of the folder.',
      '',
      'With --verify both routes build the fix, and what differs is said: functions, private symbols, code.',
      '',
      'EXAMPLE',
      '  klpkit source 0001-namei-fix.patch --kernel debian:6.12 -o livepatch-namei',
      '  klpkit build livepatch-namei --kernel debian:6.12',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder for the files; else livepatch-NAME',
        placeholder: 'DIR',
        optional: true,
      },
      name: fixFlags.name,
      replace: fixFlags.replace,
      override: {
        ...overrideFlag,
        brief: 'Go on in spite of a finding, for a reason; may be repeated',
      },
      unit: fixFlags.unit,
      verify: {
        kind: 'boolean',
        brief: 'Build by both routes and compare',
        default: false,
        withNegated: false,
      },
    },
    aliases: { o: 'out', k: 'kernel' },
    positional: {
      kind: 'array',
      parameter: { brief: 'Fixes, applied in this order', parse: String, placeholder: 'PATCH' },
    },
  },
  func: action('source', async (context, flags: Flags, ...paths: string[]) => {
    const [first] = paths;
    if (first === undefined)
      throw new UsageError('which fix? No patch is named', 'klpkit source fix.patch --kernel debian:6.12');
    const overrides = parseOverrides(flags.override ?? []);
    const names = livepatchNames(flags.name, first);
    const patches = await readPatches(paths);
    const kernel = await chooseKernel(flags.kernel);
    const { verifySource, writeSource } = await import('@klpkit/author');
    context.say(`${context.paint('heading', names.module)} for ${kernel.id}`);
    const options = {
      name: names.module,
      replace: flags.replace,
      overrides,
      ...(flags.unit ? { units: flags.unit } : {}),
      onStep: ({ step, what, ms }: { step: string; what: string; ms: number }) =>
        context.say(
          `${context.paint('name', step.padEnd(8))} ${what} ${context.paint('dim', `(${secondsText(ms)})`)}`,
        ),
      onProgress: context.progress.report,
      signal: context.signal,
    };
    const result = flags.verify
      ? await verifySource(kernel, patches, options)
      : await writeSource(kernel, patches, options);
    context.progress.end();
    if ('outcome' in result && result.outcome === 'nothing') {
      const { findings } = result;
      if (context.isJson) {
        const answer: Answer<'source'> = {
          command: 'source',
          outcome: 'nothing',
          kernel: kernel.id,
          findings,
        };
        context.answer(answer);
      }
      for (const finding of findings) context.say(findingText(context, finding, context.process.stdout));
      return Exit.nothing;
    }
    const source = 'source' in result ? result.source : result;
    const agreement = 'source' in result ? result.agreement : undefined;
    const folder = flags.out ?? names.file;
    await refuseEdited(source, folder);
    await writeFolder(source, folder);
    if (context.isJson) {
      const answer: Answer<'source'> = {
        command: 'source',
        outcome: 'written',
        kernel: kernel.id,
        folder,
        files: [...source.files.keys()],
        objects: source.manifest.objects,
        symbols: source.manifest.symbols,
        lines: source.lines,
        ...(agreement ? { agreement } : {}),
        findings: source.findings,
      };
      context.answer(answer);
    }
    for (const finding of source.findings)
      if (finding.severity !== 'note') context.say(findingText(context, finding, context.process.stdout));
    if (agreement) sayAgreement(context, agreement);
    const { patched, all } = source.lines;
    const symbols = source.manifest.symbols.length;
    context.say(
      `${context.paint('good', 'written')}  ${folder}: ${source.files.size} files, ${all} lines for ${patched} of the patched functions, ${counted(symbols, 'private symbol')}`,
    );
    context.say(`next     klpkit build ${folder} --kernel ${kernel.id}`);
    return agreement && !agreement.agrees ? Exit.findings : Exit.done;
  }),
});

/** A folder that somebody may have edited is not written over. */
async function refuseEdited({ files }: SourceLivepatch, folder: string): Promise<void> {
  const others: string[] = [];
  for (const [path, text] of files) {
    const found = await readFile(join(folder, path), 'utf8').catch(() => undefined);
    if (found !== undefined && found !== text) others.push(path);
  }
  if (others.length > 0)
    throw new UsageError(
      `${folder} holds another text of ${others.join(', ')}, which may have been edited`,
      'name another folder with -o, or remove this one',
    );
}

async function writeFolder({ files }: SourceLivepatch, folder: string): Promise<void> {
  const { writeFileAtomic } = await import('@klpkit/host');
  for (const [path, text] of files) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    await writeFileAtomic(place, text);
  }
}

function sayAgreement(context: Context, { functions, symbols, code, differences, agrees }: Agreement): void {
  const same = code.filter(({ verdict }) => verdict === 'same').length;
  const inlined = code.filter(({ verdict }) => verdict === 'inlining').length;
  const verdict = context.paint(agrees ? 'good' : 'bad', agrees ? 'agree' : 'disagree');
  context.say(
    `${verdict}    both routes replace ${counted(functions.length, 'function')} and refer to ${counted(symbols.length, 'private symbol')}; same code: ${same}, other inlining: ${inlined}, other references: ${code.length - same - inlined}`,
  );
  for (const { what, why } of differences)
    context.say(`         ${what}${why === undefined ? '' : `: ${why}`}`);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
