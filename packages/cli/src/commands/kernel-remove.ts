import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import type { Answer } from '../schemas.ts';

/** `klpkit kernel remove`: takes a kernel out of the cache. */
export const kernelRemoveCommand = buildCommand<{ json: boolean }, [string], Context>({
  docs: {
    brief: 'Remove a kernel from the cache',
    fullDescription: [
      'Removes what klpkit unpacked and fetched for this kernel alone. A build tree of yours is left as it is.',
      '',
      'EXAMPLE',
      '  klpkit kernel remove debian:6.12.117+deb12-amd64',
    ].join('\n'),
  },
  parameters: {
    flags: { json: jsonFlag },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Which kernel', parse: String, placeholder: 'KERNEL' }],
    },
  },
  func: action('kernel remove', async (context, _flags, name: string) => {
    const { removeKernel } = await import('@klpkit/kernel');
    const id = await removeKernel(name);
    if (context.isJson) {
      const answer: Answer<'kernel-remove'> = { command: 'kernel remove', outcome: 'removed', id };
      context.answer(answer);
    }
    context.say(`${id} is removed`);
    return Exit.done;
  }),
});
