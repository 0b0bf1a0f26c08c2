import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { type ChangeFlags, changeFlags, changeOptions, livepatchNamed } from '../live.ts';
import type { Answer } from '../schemas.ts';

/** `klpkit unload`: the module of a livepatch out of the running kernel. */
export const unloadCommand = buildCommand<ChangeFlags, [string], Context>({
  docs: {
    brief: 'Disable a livepatch of this machine and remove its module',
    fullDescription: [
      'Disables the livepatch if it is in force, as klpkit disable does, and removes its module once nothing refers to it any',
      'more. Takes root.',
      '',
      'EXAMPLE',
      '  klpkit unload livepatch_fix',
    ].join('\n'),
  },
  parameters: {
    flags: { json: jsonFlag, ...changeFlags },
    positional: livepatchNamed,
  },
  func: action('unload', async (context, flags: ChangeFlags, text: string) => {
    const { moduleNameOf, thisMachine, unloadLivepatch } = await import('@klpkit/live');
    const name = moduleNameOf(text);
    const changed = await unloadLivepatch(thisMachine, name, changeOptions(context, flags));
    context.progress.end();
    if (context.isJson) {
      const answer: Answer<'unload'> = {
        command: 'unload',
        outcome: 'unloaded',
        name,
        seconds: changed.ms / 1000,
        log: changed.log,
      };
      context.answer(answer);
    }
    context.say(`${context.paint('good', 'unloaded')}  ${name}`);
    return Exit.done;
  }),
});
