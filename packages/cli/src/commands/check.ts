import { basename } from 'node:path';
import { type Finding, UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlagFor } from '../context.ts';
import { Exit } from '../exit.ts';
import { moduleFlag, withFurtherModules } from '../further-modules.ts';
import { kernelFor, readUserFile } from '../input.ts';
import { type JudgeFlags, judgeFlags } from '../judge-flags.ts';
import type { Answer } from '../schemas.ts';
import { plural } from '../words.ts';

interface Flags extends JudgeFlags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly replaces?: string;
  readonly module?: readonly string[];
  readonly sources: boolean;
}

/** `klpkit check`: any livepatch, whoever built it, held against the rules. */
export const checkCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Check a livepatch module, whoever built it',
    fullDescription: [
      'Reads back what the module patches and refers to, and looks for every pitfall that a finished module shows: names and',
      'positions that the kernel does not have, functions that cannot be traced, relocations that cannot be resolved,',
      'callbacks, states, versions, marks. With a kernel of the cache (--kernel, else the one that the module is built for)',
      'its symbols are asked as well. What could not be checked is listed. Ends with code 1 on errors.',
      '',
      'EXAMPLE',
      '  klpkit check livepatch-fix.ko --kernel debian:6.12',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlagFor('Kernel in the cache; else the one that the module names, if it is there'),
      replaces: {
        kind: 'parsed',
        parse: String,
        brief: 'The livepatch that this one is to replace',
        placeholder: 'OLD.ko',
        optional: true,
      },
      module: moduleFlag,
      sources: {
        kind: 'boolean',
        brief:
          "Compile the units of the replaced functions from the kernel's source, to find callers with copies",
        default: false,
        withNegated: false,
      },
      ...judgeFlags,
    },
    aliases: { k: 'kernel' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The module, plain or compressed', parse: String, placeholder: 'MODULE.ko' }],
    },
  },
  func: action('check', async (context, flags: Flags, path: string) => {
    const bytes = await readUserFile(path);
    const { checkModule } = await import('@klpkit/author/judge');
    const { callbacksIn } = await import('@klpkit/livepatch');
    const file = basename(path);
    const found = await kernelFor(flags.kernel, bytes);
    const kernel = found && (await withFurtherModules(found, flags.module));
    const older =
      flags.replaces === undefined
        ? undefined
        : (await checkModule(basename(flags.replaces), await readUserFile(flags.replaces))).evidence;
    const { answer, readPolicy } = await import('../policy.ts');
    const { isTooMuch, sayJudgement, writeSarif } = await import('../judged.ts');
    const policy = await readPolicy(flags.policy, path);
    if (flags.sources && !kernel)
      throw new UsageError(
        '--sources needs the kernel that the module is for, and it is not in the cache',
        'klpkit kernel add debian:6.12, and name it with --kernel',
      );
    const { evidence, judgement } = await checkModule(file, bytes, {
      kernel,
      hasSources: flags.sources,
      ...(older ? { older: older.livepatch, olderModel: older.model } : {}),
      onProgress: context.progress.report,
      signal: context.signal,
    });
    context.progress.end();
    const answered = answer(judgement.findings, policy);
    await writeSarif(flags, path, answered);
    const isBad = isTooMuch(answered.findings, flags, policy);
    const { patch, name } = evidence.livepatch;
    const objects = (patch?.objects ?? []).map((object) => ({
      name: object.isVmlinux ? 'vmlinux' : object.name,
      functions: object.functions.map(({ oldName, sympos }) => ({ name: oldName, sympos })),
      ...(object.callbacks.size > 0 ? { callbacks: callbacksIn(object) } : {}),
    }));
    const states = patch?.states ?? [];
    if (context.isJson) {
      const json: Answer<'check'> = {
        command: 'check',
        outcome: isBad ? 'findings' : 'passed',
        file,
        name,
        ...(kernel ? { kernel: kernel.id } : {}),
        objects,
        ...(states.length > 0 ? { states } : {}),
        findings: answered.findings,
        suppressed: answered.suppressed,
        unchecked: judgement.unchecked,
      };
      context.answer(json);
    }
    const functions = objects.reduce((sum, object) => sum + object.functions.length, 0);
    context.say(
      `${context.paint('heading', file)}: ${plural(functions, 'function')} of ${objects.map((object) => object.name).join(', ') || 'no object'}, ${plural(evidence.livepatch.klpRelocations.length, 'KLP relocation')}`,
    );
    for (const object of objects)
      for (const one of object.callbacks ?? [])
        context.say(`  ${one.kind} of ${object.name}: ${one.function || 'a function without a symbol'}`);
    for (const { id, version } of states) context.say(`  state ${id}, version ${version}`);
    context.say(kernel ? `against ${kernel.id}` : 'against no kernel');
    sayJudgement(context, answered, judgement.unchecked, (finding) => codeAt(evidence, finding));
    return isBad ? Exit.findings : Exit.done;
  }),
});

type Evidence = Awaited<ReturnType<typeof import('@klpkit/author/judge').checkModule>>['evidence'];

/** The instruction that a finding is about. */
function codeAt({ model }: Evidence, { at }: Finding): string[] {
  if (!model || at?.section === undefined || at.offset === undefined) return [];
  const section = model.elf.sections.find((one) => one.name === at.section);
  if (!section || model.kindOf(section) !== 'text') return [];
  const piece = model.pieceAt(section, at.offset);
  if (!piece) return [];
  const found = model.arch.instructionAt(model.content(piece), at.offset - piece.start);
  return found ? [`code: ${piece.name}+0x${found.offset.toString(16)}: ${found.text}`] : [];
}
