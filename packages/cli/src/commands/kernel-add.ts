import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { secondsText } from '../progress.ts';
import type { Answer } from '../schemas.ts';
import { kernelFacts } from './kernel-list.ts';

interface Flags {
  readonly json: boolean;
  readonly buildTree?: string;
}

/** `klpkit kernel add`: puts a kernel into the cache. */
export const kernelAddCommand = buildCommand<Flags, [string?], Context>({
  docs: {
    brief: 'Put a kernel into the cache: a Debian kernel, or one that was built here',
    fullDescription: [
      'KERNEL is debian:RELEASE for one release or debian:SERIES for the newest of a series (6.1 or 6.12), with the flavour',
      'behind it where it is not amd64: debian:6.12-cloud-amd64. The packages are fetched and unpacked, never installed.',
      'A kernel that is there already is left as it is.',
      '',
      'EXAMPLES',
      '  klpkit kernel add debian:6.12',
      '  klpkit kernel add debian:6.12.117+deb12-amd64',
      '  klpkit kernel add --build-tree ~/linux',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      buildTree: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder of a kernel that was built here',
        placeholder: 'DIR',
        optional: true,
      },
    },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Which kernel', parse: String, placeholder: 'KERNEL', optional: true }],
    },
  },
  func: action('kernel add', async (context, flags: Flags, spec?: string) => {
    if ((spec === undefined) === (flags.buildTree === undefined))
      throw new UsageError(
        spec === undefined ? 'which kernel?' : 'a kernel and --build-tree are too much at once',
        'klpkit kernel add debian:6.12',
      );
    const since = performance.now();
    const { addKernel } = await import('@klpkit/kernel');
    const kernel = await addKernel(spec ?? { buildTree: flags.buildTree ?? '' }, {
      onProgress: context.progress.report,
      signal: context.signal,
    });
    context.progress.end();
    if (context.isJson) {
      const answer: Answer<'kernel-add'> = {
        command: 'kernel add',
        outcome: 'added',
        kernel: kernelFacts(kernel),
      };
      context.answer(answer);
    }
    context.say(
      `${context.paint('good', kernel.id)} is in the cache (${secondsText(performance.now() - since)})`,
    );
    context.say(`  next: klpkit build fix.patch --kernel ${kernel.id}`);
    return Exit.done;
  }),
});
