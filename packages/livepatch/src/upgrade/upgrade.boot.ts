import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFromC } from '../../../author/src/finish/index.ts';
import { type CheckedUpgrade, checkUpgrade } from '../../../author/src/judge/index.ts';
import { addKernel, type Kernel } from '../../../kernel/src/index.ts';
import { bootGuest, type Done, type Guest } from '../../../pitfalls/testing/guest.ts';

/** What each function shows, so that one sees whose it is. */
const files = {
  cmdline_proc_show: '/proc/cmdline',
  version_proc_show: '/proc/version',
  loadavg_proc_show: '/proc/loadavg',
} as const;
type Name = keyof typeof files;

interface Wanted {
  readonly replace: boolean;
  readonly functions: readonly Name[];
  readonly states?: Readonly<Record<number, number>>;
  readonly hasCallbacks?: boolean;
}

/** Livepatches that stack and that replace, with states in several versions and without. */
const livepatches = {
  stack_one: {
    replace: false,
    functions: ['cmdline_proc_show', 'version_proc_show'],
    states: { 7: 1 },
    hasCallbacks: true,
  },
  stack_two: { replace: false, functions: ['cmdline_proc_show', 'loadavg_proc_show'] },
  whole_one: {
    replace: true,
    functions: ['cmdline_proc_show', 'loadavg_proc_show'],
    states: { 7: 2 },
    hasCallbacks: true,
  },
  whole_two: { replace: true, functions: ['version_proc_show'] },
} satisfies Record<string, Wanted>;
type Livepatch = keyof typeof livepatches;

const kinds = ['pre_patch', 'post_patch', 'pre_unpatch', 'post_unpatch'] as const;

async function make(kernel: Kernel, name: string, wanted: Wanted): Promise<Uint8Array> {
  const { replace, functions, states = {}, hasCallbacks = false } = wanted;
  const shows = functions.map(
    (old) => `int new_${old}(struct seq_file *m, void *v) { seq_puts(m, "${name}\\n"); return 0; }`,
  );
  const callbacks = kinds.map((kind) => {
    const [type, end] = kind === 'pre_patch' ? ['int', 'return 0; '] : ['void', ''];
    return `${type} run_${kind}(struct klp_object *o) { pr_info("runs: ${name} ${kind}\\n"); ${end}}`;
  });
  const code = ['#include <linux/livepatch.h>', '#include <linux/seq_file.h>', ...shows];
  const { ko } = await buildFromC(kernel, {
    plan: {
      name,
      replace,
      objects: [
        {
          name: 'vmlinux',
          functions: functions.map((oldName) => ({ oldName, sympos: 0, newSymbol: `new_${oldName}` })),
          ...(hasCallbacks && { callbacks: kinds.map((kind) => ({ kind, symbol: `run_${kind}` })) }),
        },
      ],
      states: Object.entries(states).map(([id, version]) => ({ id: Number(id), version })),
    },
    sources: [{ name: `${name}.c`, text: `${[...code, ...(hasCallbacks ? callbacks : [])].join('\n')}\n` }],
  });
  return ko;
}

const names = Object.keys(livepatches) as Livepatch[];
const pairs = names.flatMap((older) =>
  names.filter((newer) => newer !== older).map((newer) => [older, newer] as const),
);

describe('what is said of one livepatch after another is what the kernel does', () => {
  const built = new Map<Livepatch, Uint8Array>();
  let guest: Guest;

  beforeAll(async () => {
    const kernel = await addKernel('debian:6.12.117+deb12-amd64');
    for (const name of names) built.set(name, await make(kernel, name, livepatches[name]));
    const modules = names.map((name) => ({ name, ko: built.get(name) as Uint8Array }));
    guest = await bootGuest(kernel, modules, []);
  });
  afterAll(() => guest?.end());

  const file = (name: Livepatch) => ({ file: `${name}.ko`, bytes: built.get(name) as Uint8Array });
  const isEnabled = async (name: Livepatch) =>
    (await guest.read(`/sys/kernel/livepatch/${name}/enabled`)) === '1';

  async function enable(name: Livepatch): Promise<Done> {
    const loaded = await guest.load(name);
    if (loaded.error !== '') return loaded;
    const settled = await guest.settled(name, 60_000);
    return { error: settled.error, log: [...loaded.log, ...settled.log] };
  }

  /** The last reference is dropped by a work item, a moment after the livepatch is gone. */
  async function unload(name: Livepatch): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const { error } = await guest.unload(name);
      if (error !== 'EAGAIN' || attempt === 50) return error;
      await guest.settled('nothing', 20);
    }
  }

  /** Whose code each function runs: the livepatch that says its name there, or the kernel's own. */
  async function running(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const [name, path] of Object.entries(files)) {
      const text = await guest.read(path);
      found[name] = names.find((one) => one === text) ?? 'kernel';
    }
    return found;
  }

  /** The same by the verdict. */
  function expected(older: string, newer: string, { functions }: CheckedUpgrade): Record<string, string> {
    const whose = { older, newer, kernel: 'kernel' };
    const all = Object.keys(files).map((name) => [name, 'kernel'] as const);
    return Object.fromEntries([...all, ...functions.map(({ name, runs }) => [name, whose[runs]] as const)]);
  }

  const ran = ({ log }: Done) => log.flatMap((line) => /runs: (.*)/.exec(line)?.[1] ?? []);

  /** One livepatch is enabled; another is loaded. What the kernel makes of that, held against what is said. */
  async function follow(older: Livepatch, newer: Livepatch, said: CheckedUpgrade): Promise<void> {
    const before = await running();
    const done = await enable(newer);
    if (said.outcome === 'refused') {
      expect(done.error).toBe('EINVAL');
      expect(await running()).toEqual(before);
      return;
    }
    expect(done.error).toBe('');
    // A livepatch that is replaced goes a moment later.
    if (said.outcome === 'replaces') await guest.gone(older, 10_000);
    expect(await isEnabled(older)).toBe(said.outcome === 'stacks');
    expect(await running()).toEqual(expected(older, newer, said));
    const now = said.callbacks.filter(({ runs }) => runs === 'now');
    expect(ran(done)).toEqual(now.map(({ name }) => `${newer} ${name}`));
  }

  it.each(pairs)('%s, then %s, and back', async (older, newer) => {
    const said = await checkUpgrade(file(older), file(newer));
    expect((await enable(older)).error).toBe('');
    const alone = await running();
    await follow(older, newer, said);
    const { how, outcome } = said.downgrade;
    if (said.outcome === 'stacks') {
      expect([how, outcome]).toEqual(['disable', 'stacks']);
      const off = await guest.disable(newer, 60_000);
      expect(off.error).toBe('');
      expect(await running()).toEqual(alone);
    } else if (said.outcome === 'replaces') {
      expect(how).toBe('load');
      expect(await unload(older)).toBe('');
      const back = await checkUpgrade(file(newer), file(older));
      expect(back.outcome).toBe(outcome);
      await follow(newer, older, back);
    }
    // Each that is still there runs its own last callbacks, and the kernel's code is back.
    for (const name of [newer, older]) {
      if (await isEnabled(name)) {
        const off = await guest.disable(name, 60_000);
        const has = 'hasCallbacks' in livepatches[name];
        expect(ran(off)).toEqual(has ? [`${name} pre_unpatch`, `${name} post_unpatch`] : []);
      }
      await unload(name);
    }
    expect(new Set(Object.values(await running()))).toEqual(new Set(['kernel']));
  });

  it('the lower of two that stack can go first, and the upper stays in force', async () => {
    const said = await checkUpgrade(file('stack_one'), file('stack_two'));
    expect(said.outcome).toBe('stacks');
    await enable('stack_one');
    await enable('stack_two');
    const off = await guest.disable('stack_one', 60_000);
    expect([off.error, ...ran(off)]).toEqual(['', 'stack_one pre_unpatch', 'stack_one post_unpatch']);
    expect(await running()).toEqual({
      cmdline_proc_show: 'stack_two',
      version_proc_show: 'kernel',
      loadavg_proc_show: 'stack_two',
    });
    await guest.disable('stack_two', 60_000);
    for (const name of ['stack_one', 'stack_two'] as const) expect(await unload(name)).toBe('');
  });

  it('one that replaces takes the place of all that stack', async () => {
    await enable('stack_two');
    await enable('stack_one');
    const done = await enable('whole_one');
    for (const name of ['stack_one', 'stack_two'] as const) {
      expect((await checkUpgrade(file(name), file('whole_one'))).outcome).toBe('replaces');
      await guest.gone(name, 10_000);
      expect(await isEnabled(name)).toBe(false);
    }
    // None of a replaced livepatch's callbacks runs.
    expect(ran(done)).toEqual(['whole_one pre_patch', 'whole_one post_patch']);
    expect(await running()).toMatchObject({ version_proc_show: 'kernel', cmdline_proc_show: 'whole_one' });
  });

  it('a second module of the same name is refused, as is said', async () => {
    const said = await checkUpgrade(file('whole_one'), file('whole_one'));
    expect([said.outcome, said.findings[0]?.id]).toEqual(['refused', 'upgrade-same-name']);
    expect(await isEnabled('whole_one')).toBe(true);
    expect((await guest.load('whole_one')).error).toBe('EEXIST');
  });
});
