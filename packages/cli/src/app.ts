import { type Application, buildApplication, buildRouteMap, text_en } from '@stricli/core';
import meta from '../package.json' with { type: 'json' };
import { assessCommand } from './commands/assess.ts';
import { buildCommandRoute } from './commands/build.ts';
import { checkCommand } from './commands/check.ts';
import { compareCommand } from './commands/compare.ts';
import { convertCommand } from './commands/convert.ts';
import { demoCommand } from './commands/demo.ts';
import { disableCommand } from './commands/disable.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { handbookCommand } from './commands/handbook.ts';
import { kernelAddCommand } from './commands/kernel-add.ts';
import { kernelListCommand } from './commands/kernel-list.ts';
import { kernelRemoveCommand } from './commands/kernel-remove.ts';
import { kernelShowCommand } from './commands/kernel-show.ts';
import { loadCommand } from './commands/load.ts';
import { matrixRoute } from './commands/matrix.ts';
import { newCommand } from './commands/new.ts';
import { proveCommand } from './commands/prove.ts';
import { selftestCommand } from './commands/selftest.ts';
import { showCommand } from './commands/show.ts';
import { signCommand } from './commands/sign.ts';
import { sourceCommand } from './commands/source.ts';
import { statusCommand } from './commands/status.ts';
import { unloadCommand } from './commands/unload.ts';
import { upgradeCommand } from './commands/upgrade.ts';
import { whoInlinesCommand } from './commands/who.ts';
import { workerCommand } from './commands/worker.ts';
import type { Context } from './context.ts';

const kernel = buildRouteMap<string, Context>({
  routes: {
    add: kernelAddCommand,
    list: kernelListCommand,
    show: kernelShowCommand,
    remove: kernelRemoveCommand,
  },
  docs: {
    brief: 'Kernels to patch: add, list, show, remove',
    fullDescription: ['The kernels in the cache.', '', 'EXAMPLE', '  klpkit kernel add debian:6.12'].join(
      '\n',
    ),
  },
});

const who = buildRouteMap<string, Context>({
  routes: { inlines: whoInlinesCommand },
  docs: {
    brief: 'Where the compiler put a function',
    fullDescription: [
      'Questions to the compiled units of a kernel.',
      '',
      'EXAMPLE',
      '  klpkit who inlines may_lookup',
    ].join('\n'),
  },
});

const routes = buildRouteMap<string, Context>({
  routes: {
    doctor: doctorCommand,
    kernel,
    assess: assessCommand,
    build: buildCommandRoute,
    source: sourceCommand,
    check: checkCommand,
    convert: convertCommand,
    show: showCommand,
    upgrade: upgradeCommand,
    prove: proveCommand,
    selftest: selftestCommand,
    compare: compareCommand,
    who,
    new: newCommand,
    status: statusCommand,
    load: loadCommand,
    disable: disableCommand,
    unload: unloadCommand,
    matrix: matrixRoute,
    worker: workerCommand,
    sign: signCommand,
    explain: explainCommand,
    handbook: handbookCommand,
    demo: demoCommand,
  },
  docs: {
    brief: 'From a fix to a proven livepatch on the kernel that your distribution ships',
    fullDescription: [
      'Takes a fix, an ordinary patch to kernel source, and a kernel as a distribution ships it; gives back a livepatch',
      'module that is proven on that very kernel, with every step explained. No kernel is built.',
      '',
      'EXAMPLE',
      '  klpkit kernel add debian:6.12',
      '  klpkit build fix.patch --kernel debian:6.12',
      "  klpkit prove livepatch-fix.ko --kernel debian:6.12 --check 'COMMAND'",
      '',
      'EXIT CODES',
      '  0 done  1 findings or a failed proof  2 wrong usage  3 this machine lacks something  4 nothing to do',
      '  70 a defect of klpkit',
    ].join('\n'),
  },
});

/** The command line: every subcommand with its flags, none of their work loaded yet. */
export const app: Application<Context> = buildApplication(routes, {
  name: 'klpkit',
  versionInfo: { currentVersion: meta.version },
  scanner: { caseStyle: 'allow-kebab-for-camel' },
  localization: { loadText: () => ({ ...text_en }) },
});
