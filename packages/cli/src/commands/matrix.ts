import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '@klpkit/findings';
import type { Cell } from '@klpkit/fleet';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, type Role } from '../context.ts';
import { Exit } from '../exit.ts';
import { readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly state?: string;
  readonly store?: string;
  readonly jobs?: number;
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`${text} is no number above 0`);
  return Number(text);
}

const roles: Readonly<Partial<Record<Cell['state'], Role>>> = {
  proven: 'good',
  released: 'good',
  built: 'good',
  'does-not-apply': 'warning',
  refused: 'warning',
  failed: 'bad',
  disproven: 'bad',
  unpatchable: 'warning',
};

/** `klpkit matrix`: every fix on every kernel, to an end. */
export const matrixCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Take every fix to an end on every kernel of a matrix',
    fullDescription: [
      'Reads kernels, fixes and policy from a YAML file. Each fix is held against each kernel: is it in already, does it',
      'apply, can it be livepatched, is the livepatch proven; then all good fixes of a kernel become one livepatch. What was',
      'finished before is not done again, so the same command resumes a run that was ended. Ends with code 1 if a cell',
      'waits for a human.',
      '',
      'EXAMPLE',
      '  klpkit matrix fleet/matrix.yaml',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      state: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder of the state; else MATRIX.state beside the file',
        placeholder: 'DIR',
        optional: true,
      },
      store: {
        kind: 'parsed',
        parse: String,
        brief: 'Folder of modules, reports and results; else in the state',
        placeholder: 'DIR',
        optional: true,
      },
      jobs: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Jobs at once; else as many as cores and memory allow',
        placeholder: 'N',
        optional: true,
      },
    },
    aliases: { j: 'jobs' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'The matrix', parse: String, placeholder: 'MATRIX.yaml' }],
    },
  },
  func: action('matrix', async (context, flags: Flags, path: string) => {
    const text = new TextDecoder().decode(await readUserFile(path));
    const fleet = await import('@klpkit/fleet');
    const matrix = fleet.readMatrix(text, path);
    const opened = await fleet.openMatrix(matrix, dirname(path), path);
    const folder = flags.state ?? `${join(dirname(path), basename(path).replace(/\.ya?ml$/, ''))}.state`;
    const address = resolve(flags.store ?? join(folder, 'store'));
    const store = await fleet.openStore(address);
    const engine = new fleet.LocalEngine(address, flags.jobs);
    const state = new fleet.MatrixState(folder);
    try {
      const { cells, jobs } = await fleet.runMatrix({
        matrix,
        ...opened,
        store,
        engine,
        state,
        onCell: (cell) => sayCell(context, cell),
        signal: context.signal,
      });
      context.progress.end();
      const isWaiting = cells.some(fleet.needsHuman);
      if (context.isJson) {
        const answer: Answer<'matrix'> = {
          command: 'matrix',
          outcome: isWaiting ? 'waiting' : 'done',
          cells,
          jobs,
        };
        context.answer(answer);
      }
      context.say(`${jobs.done} jobs done, ${jobs.kept} kept from before`);
      return isWaiting ? Exit.findings : Exit.done;
    } finally {
      await engine.close();
      state.close();
    }
  }),
});

function sayCell(context: Context, { release, fix, state, reason, next }: Cell): void {
  const what = context.paint(roles[state] ?? 'dim', state.padEnd(14));
  context.say(`${what} ${context.paint('name', `${release} ${fix === '*' ? 'all fixes' : fix}`)}: ${reason}`);
  if (next) context.say(context.paint('dim', `${' '.repeat(15)}next: ${next}`));
}
