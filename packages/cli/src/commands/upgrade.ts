import { basename } from 'node:path';
import type { CheckedUpgrade } from '@klpkit/author';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlagFor } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { kernelFor, readUserFile } from '../input.ts';
import { type JudgeFlags, judgeFlags } from '../judge-flags.ts';
import type { Answer } from '../schemas.ts';

interface Flags extends JudgeFlags {
  readonly json: boolean;
  readonly kernel?: string;
}

/** `klpkit upgrade`: may one livepatch follow another. */
export const upgradeCommand = buildCommand<Flags, [string, string], Context>({
  docs: {
    brief: 'Say whether a livepatch may follow an older one',
    fullDescription: [
      'Compares a livepatch with the one that is enabled when it is loaded: what the kernel makes of it (replaces, stacks,',
      'refuses), whose code runs of each function, states and versions, shadow variables, callbacks that do not run, where',
      'tasks may hold the transition up, and how to come back. Ends with code 1 on errors.',
      '',
      'EXAMPLE',
      '  klpkit upgrade livepatch_fix_1.ko livepatch_fix_2.ko --kernel debian:6.12',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlagFor('Kernel in the cache; else the one that the newer module names, if it is there'),
      ...judgeFlags,
    },
    aliases: { k: 'kernel' },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'The livepatch that is enabled', parse: String, placeholder: 'OLD.ko' },
        { brief: 'The one that is to follow', parse: String, placeholder: 'NEW.ko' },
      ],
    },
  },
  func: action('upgrade', async (context, flags: Flags, olderPath: string, newerPath: string) => {
    const [older, newer] = await Promise.all(
      [olderPath, newerPath].map(async (path) => ({
        file: basename(path),
        bytes: await readUserFile(path),
      })),
    );
    const kernel = await kernelFor(flags.kernel, newer.bytes);
    const { checkUpgrade } = await import('@klpkit/author/judge');
    const { answer, readPolicy } = await import('../policy.ts');
    const { isTooMuch, sayJudgement, writeSarif } = await import('../judged.ts');
    const policy = await readPolicy(flags.policy, newerPath);
    const upgrade = await checkUpgrade(older, newer, kernel);
    context.progress.end();
    const answered = answer(upgrade.findings, policy);
    await writeSarif(flags, newerPath, answered);
    const isBad = upgrade.outcome === 'refused' || isTooMuch(answered.findings, flags, policy);
    if (context.isJson) {
      const json: Answer<'upgrade'> = {
        command: 'upgrade',
        outcome: isBad ? 'findings' : 'passed',
        enabling: upgrade.outcome,
        older: { file: older.file, name: upgrade.older },
        newer: { file: newer.file, name: upgrade.newer },
        ...(kernel ? { kernel: kernel.id } : {}),
        objects: upgrade.objects,
        functions: upgrade.functions,
        states: upgrade.states,
        callbacks: upgrade.callbacks,
        shadows: upgrade.shadows.map(({ id, ...sides }) => ({
          id: `${id}`,
          ...(sides.older ? { older: plainUse(sides.older) } : {}),
          ...(sides.newer ? { newer: plainUse(sides.newer) } : {}),
        })),
        downgrade: {
          how: upgrade.downgrade.how,
          enabling: upgrade.downgrade.outcome,
          what: upgrade.downgrade.what,
          findings: upgrade.downgrade.findings,
        },
        findings: answered.findings,
        suppressed: answered.suppressed,
        unchecked: upgrade.unchecked,
      };
      context.answer(json);
    }
    sayUpgrade(context, upgrade, older.file, newer.file);
    context.say(kernel ? `against ${kernel.id}` : 'against no kernel');
    sayJudgement(context, answered, upgrade.unchecked);
    const { downgrade } = upgrade;
    context.say(`${context.paint('heading', 'back')}: ${downgrade.what}`);
    for (const finding of downgrade.findings)
      if (finding.severity === 'error')
        for (const line of findingText(context, finding, context.process.stdout).split('\n'))
          context.say(`  ${line}`);
    return isBad ? Exit.findings : Exit.done;
  }),
});

type Use = NonNullable<CheckedUpgrade['shadows'][number]['older']>;

function plainUse({ sizes, allocates, reads, frees }: Use) {
  return { sizes: sizes.map(String), allocates, reads, frees };
}

const verdicts = {
  replaces: (newer: string, older: string) => `${newer} replaces ${older}`,
  stacks: (newer: string, older: string) => `${newer} is enabled on top of ${older}`,
  refused: (newer: string, older: string) => `the kernel does not enable ${newer} while ${older} is`,
} as const;

const roles = { replaces: 'good', stacks: 'warning', refused: 'bad' } as const;
const signs = { kept: ' ', added: '+', dropped: '-' } as const;

function sayUpgrade(context: Context, upgrade: CheckedUpgrade, older: string, newer: string): void {
  const { outcome, functions, states, callbacks, shadows } = upgrade;
  context.say(context.paint(roles[outcome], verdicts[outcome](newer, older)));
  for (const { object, name, sympos, change, runs } of functions) {
    const place = `${name}${sympos > 0 ? `,${sympos}` : ''}${object === 'vmlinux' ? '' : ` of ${object}`}`;
    const whose = runs === 'kernel' ? "the kernel's own code" : `that of ${runs === 'newer' ? newer : older}`;
    context.say(`${signs[change]} ${place}: then runs ${whose}`);
  }
  for (const { id, older: had, newer: has, isCompatible } of states) {
    const version = (which: number | undefined) => (which === undefined ? 'none' : `version ${which}`);
    context.say(
      `  state ${id}: ${version(had)} to ${version(has)}${isCompatible ? '' : context.paint('bad', ', refused')}`,
    );
  }
  for (const { of, object, name, runs } of callbacks) {
    const file = of === 'newer' ? newer : older;
    const when = {
      ran: 'has run',
      now: 'runs now',
      never: 'does not run',
      'when-disabled': `runs when ${file} is disabled`,
    }[runs];
    context.say(`  ${name} of ${object} in ${file} ${when}`);
  }
  for (const { id, ...sides } of shadows) {
    const parts = (['older', 'newer'] as const).flatMap((side) => {
      const use = sides[side];
      if (!use) return [];
      const does = [
        ...(use.allocates ? [`makes${use.sizes.length > 0 ? ` ${use.sizes.join(' or ')} bytes` : ''}`] : []),
        ...(use.reads ? ['reads'] : []),
        ...(use.frees ? ['frees'] : []),
      ];
      return [`${side === 'older' ? older : newer} ${does.join(', ')}`];
    });
    context.say(`  shadow variables ${id < 4096n ? id : `0x${id.toString(16)}`}: ${parts.join('; ')}`);
  }
}
