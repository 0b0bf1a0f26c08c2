import type { FunctionChange } from '@klpkit/compare';
import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';

type Compared = Extract<Answer<'compare'>, { outcome: 'same' | 'different' }>;

async function readObject(path: string) {
  const bytes = await readUserFile(path);
  const { FormatError } = await import('@klpkit/formats');
  const { readObjectModel } = await import('@klpkit/compare');
  try {
    return readObjectModel(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(
      `${path}: ${error.message}`,
      'give two object files that gcc made of the same source, before and after',
    );
  }
}

function functionFacts(change: FunctionChange): Compared['functions'][number] {
  const { name, status, before, after, difference, parent } = change;
  return {
    name,
    status: status as Exclude<typeof status, 'same'>,
    sizes: { ...(before ? { before: before.size } : {}), ...(after ? { after: after.size } : {}) },
    ...(difference ? { difference: { ...difference } } : {}),
    ...(parent ? { parent: parent.name } : {}),
  };
}

/** `klpkit compare`: the comparison alone, on any two objects. */
export const compareCommand = buildCommand<{ json: boolean }, [string, string], Context>({
  docs: {
    brief: 'Compare two object files, function by function',
    fullDescription: [
      'Says which functions and data differ, how, and what of it a livepatch could not carry. Differences that mean nothing',
      '(addresses, names of the compiler, line numbers of WARN) are looked through. Ends with code 1 if there are findings',
      'that would stop a build. Compile with -ffunction-sections -fdata-sections for a comparison by function.',
      '',
      'EXAMPLE',
      '  klpkit compare before.o after.o',
    ].join('\n'),
  },
  parameters: {
    flags: { json: jsonFlag },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'Object before the change', parse: String, placeholder: 'BEFORE.o' },
        { brief: 'Object after the change', parse: String, placeholder: 'AFTER.o' },
      ],
    },
  },
  func: action('compare', async (context, _flags, beforePath: string, afterPath: string) => {
    const { compareObjects } = await import('@klpkit/compare');
    const before = await readObject(beforePath);
    const after = await readObject(afterPath);
    const { functions, data, findings } = compareObjects(before, after);
    const touched = functions.filter(({ status }) => status !== 'same').map(functionFacts);
    const unchanged = functions.length - touched.length;
    const isSame = touched.length === 0 && data.length === 0;
    if (context.isJson) {
      const answer: Answer<'compare'> = {
        command: 'compare',
        outcome: isSame ? 'same' : 'different',
        functions: touched,
        unchanged,
        data: data.map(({ name, status }) => ({ name, status })),
        findings,
      };
      context.answer(answer);
    }
    for (const { name, status, sizes, difference } of touched) {
      const role = status === 'changed' ? 'warning' : status === 'new' ? 'good' : 'bad';
      const size =
        sizes.before === undefined || sizes.after === undefined
          ? `${sizes.after ?? sizes.before} bytes`
          : sizes.before === sizes.after
            ? `${sizes.after} bytes`
            : `${sizes.before} to ${sizes.after} bytes`;
      context.say(`${context.paint(role, status.padEnd(8))} ${name}, ${size}`);
      if (!difference) continue;
      const { kind, offset, before: was, after: is } = difference;
      context.say(
        context.paint('dim', `         first ${kind} at 0x${offset.toString(16)}: ${was} became ${is}`),
      );
    }
    for (const { name, status } of data) context.say(`${status.padEnd(8)} ${name} (data)`);
    context.say(`${unchanged} functions are the same`);
    for (const finding of findings) context.say(findingText(context, finding, context.process.stdout));
    return findings.some(({ severity }) => severity === 'error') ? Exit.findings : Exit.done;
  }),
});
