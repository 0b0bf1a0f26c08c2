import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { type ChangeFlags, changeFlags, changeOptions, livepatchNamed } from '../live.ts';
import type { Answer } from '../schemas.ts';

/** `klpkit disable`: a livepatch of the running kernel out of force. */
export const disableCommand = buildCommand<ChangeFlags, [string], Context>({
  docs: {
    brief: 'Take a livepatch of this machine out of force',
    fullDescription: [
      'Disables it and watches the transition to its end. One that does not end in time is named with the tasks that block it,',
      'and taken back: the livepatch stays in force. The module stays loaded, and cannot be enabled again. Takes root. Ends',
      'with code 4 when the livepatch is not in force.',
      '',
      'EXAMPLE',
      '  klpkit disable livepatch_fix',
    ].join('\n'),
  },
  parameters: {
    flags: { json: jsonFlag, ...changeFlags },
    positional: livepatchNamed,
  },
  func: action('disable', async (context, flags: ChangeFlags, text: string) => {
    const { disableLivepatch, moduleNameOf, thisMachine } = await import('@klpkit/live');
    const name = moduleNameOf(text);
    const changed = await disableLivepatch(thisMachine, name, changeOptions(context, flags));
    context.progress.end();
    if (context.isJson) {
      const answer: Answer<'disable'> = {
        command: 'disable',
        outcome: changed ? 'disabled' : 'nothing',
        name,
        seconds: (changed?.ms ?? 0) / 1000,
        log: changed?.log ?? [],
      };
      context.answer(answer);
    }
    context.say(
      changed
        ? `${context.paint('good', 'out of force')}  ${name}, after ${(changed.ms / 1000).toFixed(1)} s; next: klpkit unload ${name}`
        : `${name} is not in force; next: klpkit unload ${name}`,
    );
    return changed ? Exit.done : Exit.nothing;
  }),
});
