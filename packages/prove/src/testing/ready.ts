import type { Kernel } from '@klpkit/kernel';
import { findScenario } from '../scenario/ready.ts';
import type { GivenModule, ScenarioRequest } from '../scenario/run.ts';
import { build, cmdline } from './livepatches.ts';

/** What each of the scenarios that klpkit brings is tried with: livepatches by alias, and values of its parameters. */
const given: Readonly<
  Record<
    string,
    { readonly modules: Readonly<Record<string, string>>; readonly values?: Record<string, string> }
  >
> = {
  'upgrade-chain': {
    modules: { old: 'klp_old', new: 'klp_new', newer: 'klp_newer' },
    values: { check: 'grep -x klp_newer /proc/cmdline' },
  },
  'target-comes-late': {
    modules: { patch: 'klp_loop' },
    values: {
      check:
        'touch /tmp/disk && truncate -s 4096 /tmp/disk && losetup /dev/loop0 /tmp/disk && grep -x patched /sys/block/loop0/loop/autoclear && losetup -d /dev/loop0',
    },
  },
  'stalled-transition': {
    modules: { patch: 'klp_stuck' },
    values: { task: 'kswapd0', function: 'kswapd' },
  },
  'load-under-stress': {
    modules: { patch: 'klp_old' },
    values: { rounds: '2', check: 'grep -x klp_old /proc/cmdline' },
  },
  'tracing-in-parallel': {
    modules: { patch: 'klp_old' },
    values: { check: 'grep -x klp_old /proc/cmdline' },
  },
  'load-cycles': { modules: { patch: 'klp_old' }, values: { cycles: '2' } },
};

/** Names of the scenarios that {@link readyRequests} tries. */
export const triedScenarios: readonly string[] = Object.keys(given);

/** The livepatches that the scenarios are tried with, by name. */
export async function readyLivepatches(kernel: Kernel): Promise<ReadonlyMap<string, GivenModule>> {
  const made = new Map<string, GivenModule>();
  for (const name of ['klp_old', 'klp_new', 'klp_newer'])
    made.set(name, await build(kernel, { ...cmdline(name, `seq_puts(m, "${name}\\n");`), replace: true }));
  made.set(
    'klp_stuck',
    await build(kernel, {
      name: 'klp_stuck',
      object: 'vmlinux',
      oldName: 'kswapd',
      code: 'int replacement(void *p) { return 0; }',
    }),
  );
  made.set(
    'klp_loop',
    await build(kernel, {
      name: 'klp_loop',
      object: 'loop',
      oldName: 'loop_attr_do_show_autoclear',
      code: 'ssize_t replacement(struct device *d, struct device_attribute *a, char *b) { return sysfs_emit(b, "patched\\n"); }',
    }),
  );
  return made;
}

/** Every scenario that klpkit brings, with livepatches to try it with. */
export async function readyRequests(
  livepatches: ReadonlyMap<string, GivenModule>,
): Promise<ScenarioRequest[]> {
  return Promise.all(
    Object.entries(given).map(async ([name, { modules, values = {} }]) => ({
      file: await findScenario(name),
      shownAs: `${name}.yaml`,
      modules: Object.fromEntries(
        Object.entries(modules).map(([alias, one]) => {
          const module = livepatches.get(one);
          if (!module) throw new Error(`no livepatch ${one}`);
          return [alias, module];
        }),
      ),
      values,
    })),
  );
}
