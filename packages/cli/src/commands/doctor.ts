import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag } from '../context.ts';
import { Exit } from '../exit.ts';
import { bytesText } from '../progress.ts';
import type { Answer } from '../schemas.ts';

/** `klpkit doctor`: what this machine has and lacks. */
export const doctorCommand = buildCommand<{ json: boolean }, [], Context>({
  docs: {
    brief: 'Say what this machine has and lacks, and the one command that mends it',
    fullDescription: [
      'Looks for every program that klpkit starts and says which commands need it. Ends with code 3 if one is missing.',
      '',
      'EXAMPLE',
      '  klpkit doctor',
    ].join('\n'),
  },
  parameters: { flags: { json: jsonFlag } },
  func: action('doctor', async (context) => {
    const [{ doctor }, { kvmState }] = await Promise.all([import('@klpkit/kernel'), import('@klpkit/prove')]);
    const [report, { isPlausible, reason }] = await Promise.all([doctor(), kvmState()]);
    const kvm = {
      mayBeUsed: isPlausible,
      words: isPlausible
        ? 'it looks usable; a proof tries it first and falls back to emulation'
        : `${reason}; proofs run by emulation, which is slower and otherwise the same`,
    };
    const isReady = report.remedy === undefined;
    if (context.isJson) {
      const answer: Answer<'doctor'> = {
        command: 'doctor',
        outcome: isReady ? 'ready' : 'lacking',
        ...report,
        kvm,
      };
      context.answer(answer);
    }
    const width = Math.max(...report.tools.map(({ command }) => command.length));
    const tell = (what: string, found: string | undefined, neededFor: readonly string[]) => {
      const state = found === undefined ? context.paint('bad', 'missing') : context.paint('good', 'ok     ');
      context.say(`${state} ${what.padEnd(width)}  ${found ?? `needed for klpkit ${neededFor.join(', ')}`}`);
    };
    for (const { command, version, neededFor } of report.tools) tell(command, version, neededFor);
    for (const { what, path, neededFor } of report.files) tell(what, path, neededFor);
    const { cache, kernels } = report;
    context.say(`        ${'KVM'.padEnd(width)}  ${kvm.words}`);
    context.say(
      `        ${'cache'.padEnd(width)}  ${cache.folder}, ${bytesText(cache.freeBytes)} free: ${cache.words}`,
    );
    context.say(
      `        ${'kernels'.padEnd(width)}  ${kernels.join(', ') || 'none yet: klpkit kernel add debian:6.12'}`,
    );
    if (report.remedy !== undefined) {
      context.say(`\n${context.paint('heading', 'to mend it:')} ${report.remedy}`);
      return Exit.environment;
    }
    return Exit.done;
  }),
});
