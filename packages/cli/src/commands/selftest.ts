import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { chooseKernel } from '../input.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly jobs?: 1 | 2;
}

/** `klpkit selftest`: the kernel's own livepatch tests, in the VM. */
export const selftestCommand = buildCommand<Flags, string[], Context>({
  docs: {
    brief: "Run the kernel's own livepatch tests on it, in QEMU",
    fullDescription: [
      'Builds the livepatch tests of the source package of the kernel against its headers and runs each script in a VM, as',
      'it was written. That shows that livepatching works on this kernel, and that VMs work on this machine. bash and the',
      'other programs of the scripts come from packages of the distribution, which are unpacked and not installed.',
      '',
      'EXAMPLE',
      '  klpkit selftest --kernel debian:6.12',
      '  klpkit selftest ftrace shadow-vars',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      jobs: {
        kind: 'parsed',
        parse: (text: string) => (text === '1' ? 1 : 2),
        brief: 'VMs at once, 1 or 2',
        placeholder: 'COUNT',
        optional: true,
      },
    },
    aliases: { k: 'kernel' },
    positional: {
      kind: 'array',
      parameter: { brief: 'Scripts to run; all when none is named', parse: String, placeholder: 'SCRIPT' },
    },
  },
  func: action('selftest', async (context, flags: Flags, ...scripts: string[]) => {
    const { formatSelftests, runSelftests } = await import('@klpkit/prove');
    const kernel = await chooseKernel(flags.kernel);
    const result = await runSelftests(kernel, {
      ...(scripts.length > 0 ? { scripts } : {}),
      ...(flags.jobs ? { jobs: flags.jobs } : {}),
      onProgress: context.progress.report,
      ...(context.signal ? { signal: context.signal } : {}),
    });
    context.progress.end();
    if (context.isJson) {
      const { verdict, ...rest } = result;
      const answer: Answer<'selftest'> = { command: 'selftest', outcome: verdict, ...rest };
      context.answer(answer);
    }
    const role = result.verdict === 'passed' ? 'good' : 'bad';
    context.say(
      formatSelftests(result)
        .trimEnd()
        .replace(/^\w+/, (word) => context.paint(role, word)),
    );
    return result.verdict === 'passed' ? Exit.done : Exit.findings;
  }),
});
