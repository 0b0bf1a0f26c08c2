import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { chooseKernel } from '../input.ts';
import type { Answer } from '../schemas.ts';

/** `klpkit kernel show`: what matters of a kernel to who patches it. */
export const kernelShowCommand = buildCommand<{ json: boolean }, [string?], Context>({
  docs: {
    brief: 'Show what of a kernel matters to livepatching',
    fullDescription: [
      'Release, compiler, configuration, counts of symbols and modules, and what is missing for which command.',
      'KERNEL is an id, a release or the beginning of one; it may be left out if there is only one kernel.',
      '',
      'EXAMPLE',
      '  klpkit kernel show 6.12',
    ].join('\n'),
  },
  parameters: {
    flags: { json: jsonFlag },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Which kernel', parse: String, placeholder: 'KERNEL', optional: true }],
    },
  },
  func: action('kernel show', async (context, _flags, name?: string) => {
    const { describeKernel } = await import('@klpkit/kernel');
    const kernel = await chooseKernel(name);
    const facts = await describeKernel(kernel);
    if (context.isJson) {
      const answer: Answer<'kernel-show'> = { command: 'kernel show', outcome: 'shown', ...facts };
      context.answer(answer);
    }
    const { compiler, counts } = facts;
    const entry = (label: string, text: string) => context.say(`  ${label.padEnd(10)} ${text}`);
    const number = (count: number) => count.toLocaleString('en-GB');
    context.say(context.paint('heading', facts.id));
    entry('release', facts.release);
    if (facts.sourceVersion) entry('source', facts.sourceVersion);
    entry('compiler', compiler.built);
    if (!compiler.isSame)
      entry(
        '',
        compiler.installed
          ? context.paint('bad', `this machine has another: ${compiler.installed}`)
          : context.paint('bad', `this machine has no ${compiler.command}`),
      );
    entry(
      'symbols',
      `${number(counts.symbols)}, of them ${number(counts.functions)} functions; ${number(counts.sharedNames)} names stand for several functions`,
    );
    entry('exports', `${number(counts.exports)}, those of modules included`);
    entry('modules', number(counts.modules));
    context.say(`\n${context.paint('heading', 'Configuration')}`);
    const width = Math.max(...facts.config.map(({ option }) => option.length));
    for (const { option, value, meaning, isGood } of facts.config) {
      const shown = context.paint(isGood ? 'good' : 'bad', value.padEnd(2));
      context.say(`  ${option.padEnd(width)}  ${shown} ${meaning}`);
    }
    if (facts.missing.length > 0) context.say(`\n${context.paint('heading', 'Missing')}`);
    for (const { what, neededFor } of facts.missing)
      context.say(`  ${context.paint('bad', what)}: needed for ${neededFor.join(', ')}`);
    return Exit.done;
  }),
});
