import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { blockedWords } from '../live.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly root: string;
}

const orderWords = {
  stack_order: 'as the kernel counts them (stack_order)',
  modules: 'in the order in which their modules were loaded',
  unknown: 'by name, for the order cannot be known',
} as const;

/** `klpkit status`: the livepatches of the running machine. */
export const statusCommand = buildCommand<Flags, [], Context>({
  docs: {
    brief: 'Show the livepatches of this machine, and who blocks a transition',
    fullDescription: [
      'Reads /sys/kernel/livepatch and /proc: what is in force, in which order, which functions of which objects; whether a',
      'transition is under way and which tasks keep it from its end, with their stacks (root); which modules of livepatches are',
      'left over; why the kernel calls itself tainted. Nothing is changed.',
      '',
      'EXAMPLE',
      '  klpkit status',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      root: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder that holds sys and proc of another machine, as they were captured there',
        placeholder: 'DIR',
        default: '/',
      },
    },
  },
  func: action('status', async (context, { root }: Flags) => {
    const { readStatus, taskWords } = await import('@klpkit/live');
    const status = readStatus({ root });
    if (context.isJson) {
      const answer: Answer<'status'> = { command: 'status', outcome: 'shown', ...status };
      context.answer(answer);
    }
    const { livepatches, transition, left, taint } = status;
    const letters = taint.reasons.map(({ letter }) => letter).join(' ');
    context.say(
      `${context.paint('heading', status.release || 'unknown release')}, ${taint.value === 0 ? 'not tainted' : `tainted ${taint.value}: ${letters}`}`,
    );
    for (const { letter, meaning } of taint.reasons)
      context.say(context.paint('dim', `  ${letter}  ${meaning}`));
    const count = livepatches.length;
    context.say(
      count === 0
        ? 'no livepatch is in force'
        : `${count === 1 ? '1 livepatch' : `${count} livepatches, ${orderWords[status.order]}; the last is asked first`}`,
    );
    livepatches.forEach(({ name, replace, transition: moving, objects }, index) => {
      const state = moving ? context.paint('warning', moving) : context.paint('good', 'in force');
      context.say(
        `  ${index + 1}  ${context.paint('name', name)}  ${state}${replace === true ? ', replaced all others' : ''}`,
      );
      for (const { name: object, isLoaded, isPatched, functions } of objects) {
        const how = !isLoaded ? ' (not loaded)' : isPatched === false ? ' (not patched)' : '';
        context.say(`     ${object}${how}: ${functions.map(functionWords).join(', ')}`);
      }
    });
    if (transition) {
      context.say(
        `${context.paint('warning', `${transition.livepatch} is ${transition.direction}`)}, ${blockedWords(transition)}`,
      );
      for (const task of transition.tasks) {
        context.say(`  ${context.paint('name', taskWords(task))}`);
        for (const entry of task.stack) context.say(context.paint('dim', `    ${entry}`));
      }
    }
    for (const { name, references } of left)
      context.say(
        `${name} is not in force any more, its module is still loaded${references === 0 ? `; next: klpkit unload ${name}` : ` (${references} references)`}`,
      );
    return Exit.done;
  }),
});

function functionWords({ name, sympos }: { readonly name: string; readonly sympos: number }): string {
  return sympos > 1 ? `${name} (the ${sympos}th of that name)` : name;
}
