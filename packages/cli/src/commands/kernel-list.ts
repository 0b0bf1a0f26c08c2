import type { Kernel } from '@klpkit/kernel';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import type { Answer } from '../schemas.ts';

/** What an answer says of a kernel. */
export function kernelFacts(kernel: Kernel): Extract<Answer<'kernel-add'>, { outcome: 'added' }>['kernel'] {
  return {
    id: kernel.id,
    release: kernel.release,
    compiler: kernel.compilerVersion,
    ...(kernel.sourceVersion === undefined ? {} : { sourceVersion: kernel.sourceVersion }),
    folder: kernel.dir,
  };
}

/** `klpkit kernel list`: the kernels in the cache. */
export const kernelListCommand = buildCommand<{ json: boolean }, [], Context>({
  docs: {
    brief: 'List the kernels in the cache',
    fullDescription: ['One line for each kernel.', '', 'EXAMPLE', '  klpkit kernel list'].join('\n'),
  },
  parameters: { flags: { json: jsonFlag } },
  func: action('kernel list', async (context) => {
    const { listKernels } = await import('@klpkit/kernel');
    const kernels = await listKernels();
    if (context.isJson) {
      const answer: Answer<'kernel-list'> = {
        command: 'kernel list',
        outcome: 'listed',
        kernels: kernels.map(kernelFacts),
      };
      context.answer(answer);
    }
    if (kernels.length === 0) context.say('no kernel yet; next: klpkit kernel add debian:6.12');
    const width = Math.max(0, ...kernels.map(({ id }) => id.length));
    for (const { id, compilerVersion } of kernels)
      context.say(`${context.paint('name', id.padEnd(width))}  ${context.paint('dim', compilerVersion)}`);
    return Exit.done;
  }),
});
