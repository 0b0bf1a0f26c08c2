import { beforeAll, describe, expect, it } from 'vitest';
import { type CheckedModule, checkModule } from '../../author/src/judge/module.ts';
import { addKernel, type Kernel } from '../../kernel/src/index.ts';
import { said } from '../testing/case.ts';
import { bootGuest, type Done, type Guest } from '../testing/guest.ts';
import { makeLoadable, type Wanted } from '../testing/loadable.ts';

/**
 * What the rules say of a livepatch, and what the kernel does with the very same bytes. Both kernels boot once, side by side; a
 * livepatch that is refused costs nothing, one that is enabled a second or two for its transition.
 */
const kernels = ['debian:6.12.117+deb12-amd64', 'debian:6.1'];

const to = (patched: string) => [
  { symbol: 'line', object: 'vmlinux', name: 'saved_command_line', sympos: 0, patched },
];
const cases = {
  notMarked: { folder: 'KLP201-not-marked', source: 'faulty.c' },
  otherMark: { folder: 'KLP201-not-marked', source: 'other-mark.c' },
  licence: { folder: 'KLP202-licence', source: 'faulty.c' },
  noName: { folder: 'KLP203-no-such-function', source: 'faulty.c' },
  ambiguous: { folder: 'KLP204-ambiguous-name', source: 'faulty.c' },
  notrace: { folder: 'KLP205-not-traceable', source: 'faulty.c' },
  init: { folder: 'KLP205-not-traceable', source: 'init.c' },
  data: { folder: 'KLP205-not-traceable', source: 'data.c' },
  fileName: { folder: 'KLP206-object-never-matches', source: 'faulty.c' },
  vmlinuxText: { folder: 'KLP206-object-never-matches', source: 'vmlinux.c' },
  twice: { folder: 'KLP207-listed-twice', source: 'faulty.c' },
  noEnd: { folder: 'KLP208-no-terminator', source: 'faulty.c' },
  stripped: { folder: 'KLP209-stripped', source: 'livepatch.c', strip: '--strip-unneeded' },
  stripDebug: { folder: 'KLP209-stripped', source: 'livepatch.c', strip: '--strip-debug' },
  callbacks: { folder: 'KLP211-replaced-callbacks', source: 'older.c' },
  replacer: { folder: 'KLP211-replaced-callbacks', source: 'faulty.c' },
  prePatch: { folder: 'KLP212-pre-patch-failure', source: 'faulty.c' },
  again: { folder: 'KLP213-callbacks-run-again', source: 'faulty.c' },
  states: { folder: 'KLP216-state-versions', source: 'older.c' },
  lower: { folder: 'KLP216-state-versions', source: 'faulty.c' },
  missing: { folder: 'KLP216-state-versions', source: 'missing.c' },
  collision: { folder: 'KLP217-shadow-id-collision', source: 'faulty.c' },
  sleeper: { folder: 'KLP218-shadow-constructor-atomic', source: 'faulty.c' },
  leak: { folder: 'KLP219-shadow-leak', source: 'faulty.c' },
  zeroed: { folder: 'KLP220-shadow-zeroed', source: 'faulty.c' },
  postHandler: { folder: 'KLP221-ipmodify-users', source: 'faulty.c' },
  plainProbe: { folder: 'KLP221-ipmodify-users', source: 'innocent.c' },
  lowerFix: { folder: 'KLP222-stacking', source: 'older.c' },
  upperFix: { folder: 'KLP222-stacking', source: 'faulty.c' },
  otherMagic: { folder: 'KLP224-vermagic-and-versions', source: 'faulty.c' },
  namespace: { folder: 'KLP224-vermagic-and-versions', source: 'namespace.c' },
  late: { folder: 'KLP225-late-module', source: 'faulty.c' },
  unexported: { folder: 'KLP301-unexported-symbol', source: 'faulty.c' },
  unconverted: { folder: 'KLP302-malformed-klp-section', source: 'faulty.c' },
  damaged: {
    folder: 'KLP302-malformed-klp-section',
    source: 'livepatch.c',
    placeholders: to('vmlinux'),
    texts: [['.klp.sym.vmlinux.saved_command_line,0', '.klp.sym.vmlinux.saved_command_line.0']],
  },
  moved: {
    folder: 'KLP303-vmlinux-symbol-in-module-section',
    source: 'livepatch.c',
    placeholders: to('overlay'),
    texts: [['.klp.rela.vmlinux.', '.klp.rela.overlay.']],
  },
  moduleExport: { folder: 'KLP304-module-export-used-directly', source: 'faulty.c' },
  // kswapd sleeps in kswapd().
  stuck: { folder: 'KLP402-always-on-a-stack', source: 'faulty.c', texts: [['poller', 'kswapd']] },
} satisfies Record<string, Wanted>;

type Case = keyof typeof cases;

/** What happened on one kernel. */
interface Run {
  readonly done: Map<string, Done>;
  readonly texts: Map<string, string>;
  check(name: Case, older?: Case): Promise<CheckedModule['judgement']>;
}

async function runOn(id: string): Promise<Run> {
  const kernel = await addKernel(id);
  const made = await makeLoadable(kernel, Object.values(cases));
  const modules = new Map(Object.keys(cases).map((name, index) => [name as Case, made[index]] as const));
  const guest = await bootGuest(kernel, made, ['loop', 'overlay']);
  try {
    const result = await carryOut(guest, (name) => modules.get(name)?.name ?? '');
    return { ...result, check: checker(kernel, (name) => modules.get(name)?.ko ?? new Uint8Array(0)) };
  } finally {
    await guest.end();
  }
}

function checker(kernel: Kernel, bytesOf: (name: Case) => Uint8Array): Run['check'] {
  return async (name, older) => {
    const before = older && (await checkModule(`${older}.ko`, bytesOf(older))).evidence;
    const more = before ? { older: before.livepatch, olderModel: before.model } : {};
    return (await checkModule(`${name}.ko`, bytesOf(name), { kernel, ...more })).judgement;
  };
}

async function carryOut(guest: Guest, nameOf: (name: Case) => string): Promise<Omit<Run, 'check'>> {
  const done = new Map<string, Done>();
  const texts = new Map<string, string>();
  const load = async (name: Case) => done.set(name, await guest.load(nameOf(name)));
  const enable = async (name: Case) => {
    const result = await guest.enable(nameOf(name));
    done.set(name, result);
    // What follows would mean something else.
    if (result.error !== '') throw new Error(`${name}: ${result.error}\n${result.log.join('\n')}`);
  };
  const refused: Case[] = [
    'notMarked',
    'licence',
    'noName',
    'ambiguous',
    'notrace',
    'init',
    'data',
    'twice',
    'noEnd',
    'stripped',
    'postHandler',
    'otherMagic',
    'namespace',
    'unexported',
    'damaged',
    'moduleExport',
  ];
  for (const name of refused) await load(name);
  texts.set('tainted', await guest.read('/proc/sys/kernel/tainted'));

  // One whose transition does not end keeps all others out, after their init has done what it does.
  await load('stuck');
  for (const name of ['stripDebug', 'otherMark', 'collision', 'zeroed', 'unconverted'] as const)
    await load(name);
  texts.set('stuck', await guest.read(`/sys/kernel/livepatch/${nameOf('stuck')}/transition`));
  done.set('reverse stuck', await guest.disable(nameOf('stuck')));

  await enable('lowerFix');
  await enable('upperFix');
  done.set('read upper', await guest.reading('/proc/cmdline'));
  done.set('disable lower', await guest.disable(nameOf('lowerFix')));
  done.set('read upper again', await guest.reading('/proc/cmdline'));
  texts.set('enabled of the lower', await guest.read(`/sys/kernel/livepatch/${nameOf('lowerFix')}/enabled`));
  done.set('load lower again', await guest.load(nameOf('lowerFix')));

  await enable('callbacks');
  await enable('replacer');
  await enable('states');
  await load('lower');
  await load('missing');
  await enable('plainProbe');

  await enable('fileName');
  await enable('vmlinuxText');
  done.set('overlay', await guest.load('overlay'));
  await load('moved');
  await enable('late');
  await enable('again');
  done.set('loop', await guest.load('loop', 'max_loop=1'));
  for (const name of ['fileName', 'vmlinuxText'] as const) texts.set(name, await guest.patched(nameOf(name)));
  done.set('unload loop', await guest.unload('loop'));
  done.set('loop again', await guest.load('loop'));
  await guest.unload('loop');
  await enable('prePatch');
  done.set('loop refused', await guest.load('loop'));

  await enable('leak');
  await guest.disable(nameOf('leak'));
  done.set('unload leak', await guest.unload(nameOf('leak')));
  // Last: it leaves the processor's state in disorder.
  await load('sleeper');
  return { done, texts };
}

/** Both kernels at once: most of the time goes by in waiting for transitions. */
const runs = new Map<string, Promise<Run>>();
beforeAll(() => {
  for (const id of kernels) {
    const run = runOn(id);
    run.catch(() => {});
    runs.set(id, run);
  }
});

describe.each(kernels)('on %s', (id) => {
  let run: Run;
  const log = (name: string) => run.done.get(name)?.log.join('\n') ?? '';
  const error = (name: string) => run.done.get(name)?.error;
  const says = async (name: Case, pitfall: string, older?: Case) =>
    said(await run.check(name, older), pitfall).join('\n');
  beforeAll(async () => {
    run = await (runs.get(id) as Promise<Run>);
  });

  it.each<[Case, string, string, RegExp]>([
    ['notMarked', 'KLP201', 'EINVAL', /is not marked as a livepatch module/],
    ['licence', 'KLP202', 'ENOENT', /Unknown symbol klp_enable_patch/],
    ['noName', 'KLP203', 'EINVAL', /symbol 'lookup_inlined' not found in symbol table/],
    ['ambiguous', 'KLP204', 'EINVAL', /unresolvable ambiguity for symbol 'state_show' in object '\(null\)'/],
    ['notrace', 'KLP205', 'EINVAL', /failed to find location for function 'native_sched_clock'/],
    ['init', 'KLP205', 'EINVAL', /start_kernel/],
    ['data', 'KLP205', 'EINVAL', /failed to find location for function 'jiffies'/],
    ['twice', 'KLP207', 'EEXIST', /cannot create duplicate filename .*cmdline_proc_show,1'/],
    ['noEnd', 'KLP208', 'EINVAL', /symbol 'taken_from_the_next_variable' not found in symbol table/],
    ['stripped', 'KLP209', 'ENOENT', /kallsyms size lookup failed for 'cmdline_proc_show' replacement/],
    [
      'postHandler',
      'KLP221',
      'EBUSY',
      /failed to register ftrace handler for function 'cmdline_proc_show' \(-16\)/,
    ],
    ['otherMagic', 'KLP224', 'ENOEXEC', /version magic/],
    ['namespace', 'KLP224', 'EINVAL', /from namespace DMA_BUF, but does not import it/],
    ['unexported', 'KLP301', 'ENOENT', /Unknown symbol saved_command_line/],
    ['damaged', 'KLP302', 'EINVAL', /has an incorrectly formatted name/],
    ['moved', 'KLP303', 'EINVAL', /invalid access to vmlinux symbol 'saved_command_line'/],
    ['moduleExport', 'KLP304', 'ENOENT', /Unknown symbol cdrom_check_events/],
  ])('%s: %s is found, and the kernel says %s', async (name, pitfall, errno, line) => {
    expect(log(name)).toMatch(line);
    expect(error(name)).toBe(errno);
    expect(await says(name, pitfall)).toMatch(new RegExp(`^(error|warning) ${pitfall}`, 'm'));
  });

  it('KLP206: a wrong name is found, and the kernel patches nothing without a word', async () => {
    for (const name of ['fileName', 'vmlinuxText'] as const) {
      expect(error(name)).toBe('');
      expect(log(name)).toContain('patching complete');
      expect(run.texts.get(name)).toBe('0');
      expect(await says(name, 'KLP206')).toMatch(/^error KLP206/);
    }
  });

  it('KLP201, KLP209: another mark and stripped debug information are let pass, KLP210: in their turn', async () => {
    for (const name of ['otherMark', 'stripDebug', 'unconverted'] as const) expect(error(name)).toBe('EBUSY');
    expect(await says('otherMark', 'KLP201')).toMatch(/^warning/);
    expect(await says('stripDebug', 'KLP209')).toBe('');
  });

  it('KLP402: the main function of a thread is found, and its transition ends when it is reversed', async () => {
    expect(error('stuck')).toBe('');
    expect(run.texts.get('stuck')).toBe('1');
    expect(error('reverse stuck')).toBe('');
    expect(log('reverse stuck')).not.toContain("': patching complete");
    expect(await says('stuck', 'KLP402')).toMatch(/^warning/);
  });

  it('KLP302: an unconverted KLP symbol is found, and the module loader takes it for NULL', async () => {
    expect(log('unconverted')).not.toContain('Unknown symbol');
    expect(await says('unconverted', 'KLP302')).toContain('becomes address 0 without a word');
  });

  it('KLP211: lost callbacks are found, and the kernel does not run them', async () => {
    expect(log('callbacks')).toContain('case: post_patch of older');
    expect(error('replacer')).toBe('');
    expect(log('replacer')).toContain('patching complete');
    expect(log('replacer')).not.toContain('case:');
    expect(await says('replacer', 'KLP211', 'callbacks')).toMatch(/^error/);
  });

  it('KLP212: a pre_patch that can fail is found, and keeps the module out', async () => {
    expect(error('prePatch')).toBe('');
    expect(error('loop refused')).toBe('ENODEV');
    expect(log('loop refused')).toMatch(/refusing to load module 'loop'/);
    expect(await says('prePatch', 'KLP212')).toMatch(/^warning/);
  });

  it('KLP213: a callback that does it twice is found, and the kernel runs it twice', async () => {
    expect(log('loop')).toContain('case: post_patch');
    expect(log('loop')).not.toContain('Duplicate shadow variable');
    expect(log('loop again')).toContain('case: post_patch');
    expect(log('loop again')).toContain('Duplicate shadow variable');
    expect(await says('again', 'KLP213')).toMatch(/^warning/);
  });

  it('KLP214: a disabled livepatch is gone, and cannot be loaded while its module is there', () => {
    expect(error('disable lower')).toBe('');
    expect(run.texts.get('enabled of the lower')).toBe('');
    expect(error('load lower again')).toBe('EEXIST');
  });

  it('KLP216: lower and missing states are found, and the kernel refuses them', async () => {
    for (const name of ['lower', 'missing'] as const) {
      expect(error(name)).toBe('EINVAL');
      expect(log(name)).toContain('is not compatible with the already installed livepatches');
      expect(await says(name, 'KLP216', 'states')).toMatch(/^error/);
    }
    expect(error('states')).toBe('');
  });

  it('KLP217: one id for two things is found, and the kernel gives the memory of the first', async () => {
    expect(log('collision')).toContain('Duplicate shadow variable');
    expect(log('collision')).toContain('case: second allocation gives NULL');
    expect(log('collision')).toContain('case: klp_shadow_get gives the first');
    expect(await says('collision', 'KLP217')).toMatch(/^warning/);
  });

  it('KLP218: a constructor that sleeps is found, and the kernel calls it a bug', async () => {
    expect(log('sleeper')).toMatch(/BUG: scheduling while atomic/);
    expect(await says('sleeper', 'KLP218')).toMatch(/^error/);
  });

  it('KLP219: shadow variables that nobody frees are found, and outlive the livepatch', async () => {
    expect(error('unload leak')).toBe('');
    expect(log('unload leak')).toContain('case: still there');
    expect(await says('leak', 'KLP219')).toMatch(/^warning/);
  });

  it('KLP220: a shadow variable without constructor is found, and begins as zeroes', async () => {
    expect(log('zeroed')).toContain('case: the limit of an old object is 0');
    expect(await says('zeroed', 'KLP220')).toMatch(/^note/);
  });

  it('KLP221: a kprobe without post_handler goes with a livepatch', async () => {
    expect(error('plainProbe')).toBe('');
    expect(log('plainProbe')).toContain('patching complete');
    expect(await says('plainProbe', 'KLP221')).toBe('');
  });

  it('KLP222: a stack is found, and the lower livepatch can go without any effect', async () => {
    for (const name of ['read upper', 'read upper again']) expect(log(name)).toContain('case: the newer fix');
    expect(await says('upperFix', 'KLP222', 'lowerFix')).toMatch(/^warning/);
  });

  it('KLP223: an unsigned livepatch is found, and the kernel takes the taints O, E and K', async () => {
    expect(Number(run.texts.get('tainted')) & 0xb000).toBe(0xb000);
    expect(await says('upperFix', 'KLP223')).toMatch(/^note/);
  });

  it('KLP225: a function of the init is found, and the module begins with the new code', async () => {
    expect(log('loop')).toContain('case: the new loop_add');
    expect(await says('late', 'KLP225')).toContain('the init of loop calls loop_add');
  });
});
