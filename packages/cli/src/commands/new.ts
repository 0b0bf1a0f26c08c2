import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { copySample, listSamples } from '../samples.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly list: boolean;
}

/** `klpkit new`: a livepatch in C to start from. */
export const newCommand = buildCommand<Flags, [string | undefined, string | undefined], Context>({
  docs: {
    brief: 'Start a livepatch in C from a sample',
    fullDescription: [
      'Copies a sample to a folder of your own: C files, the manifest klpkit.json, a module to patch where the sample has one,',
      'a README that explains it, and a scenario that proves it. The livepatch is called after the folder.',
      '',
      'EXAMPLES',
      '  klpkit new --list',
      '  klpkit new callbacks my-fix',
      '  cd my-fix; klpkit build . --kernel debian:6.12',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      list: { kind: 'boolean', brief: 'List the samples', default: false, withNegated: false },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'The sample; see --list', parse: String, placeholder: 'SAMPLE', optional: true },
        {
          brief: 'Folder to make; it must not be there, or be empty',
          parse: String,
          placeholder: 'DIR',
          optional: true,
        },
      ],
    },
  },
  func: action('new', async (context, flags: Flags, sample?: string, folder?: string) => {
    if (flags.list) {
      const samples = await listSamples();
      if (context.isJson) {
        const answer: Answer<'new'> = { command: 'new', outcome: 'listed', samples };
        context.answer(answer);
      }
      const width = Math.max(...samples.map(({ name }) => name.length));
      for (const { name, summary } of samples)
        context.say(`${context.paint('name', name.padEnd(width))}  ${summary}`);
      return Exit.done;
    }
    if (sample === undefined)
      throw new UsageError('which sample? None is named', 'klpkit new --list shows them');
    if (folder === undefined)
      throw new UsageError('no folder for the copy is named', `klpkit new ${sample} my-fix`);
    const { files, module } = await copySample(sample, folder);
    if (context.isJson) {
      const answer: Answer<'new'> = { command: 'new', outcome: 'made', sample, folder, name: module, files };
      context.answer(answer);
    }
    for (const file of files) context.say(`  ${file}`);
    context.say(
      `${context.paint('good', 'made')}  ${folder} from the sample ${sample}; the livepatch is ${module}`,
    );
    context.say(`next  read ${folder}/README.md, which says how to build and prove it`);
    return Exit.done;
  }),
});
