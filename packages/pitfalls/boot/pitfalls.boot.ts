import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CheckedModule, checkModule } from '../../author/src/judge/module.ts';
import { addKernel, type Kernel } from '../../kernel/src/index.ts';
import { assessCase, said } from '../testing/case.ts';
import { bootGuest, type Done, type Guest } from '../testing/guest.ts';
import { makeLoadable, type Target, type Wanted } from '../testing/loadable.ts';

/**
 * What the rules say of a livepatch, and what the kernel does with the very same bytes. Both kernels boot once, side by side; a
 * livepatch that is refused costs nothing, one that is enabled a second or two for its transition.
 */
const kernels = ['debian:6.12.117+deb12-amd64', 'debian:6.1'];

const to = (patched: string) => [
  { symbol: 'line', object: 'vmlinux', name: 'saved_command_line', sympos: 0, patched },
];
const fromTarget = (symbol: string, name = symbol) => [
  { symbol, object: 'klp_target', name, sympos: 0, patched: 'klp_target' },
];

const room = join(import.meta.dirname, '..');

/** The functions of the cases in threads that sleep in them; twins under names of their own. */
const target: Target = {
  name: 'klp_target',
  main: join(room, 'boot/cases/target.c'),
  parts: [
    { folder: 'KLP401-cold-stack-hole', source: 'before.c' },
    { folder: 'KLP401-cold-stack-hole', source: 'twin.c', flags: ['-Dwork=work_twin'] },
    { folder: 'KLP404-tail-calling-caller', source: 'tail.c' },
    { folder: 'KLP404-tail-calling-caller', source: 'twin.c', flags: ['-Dfinish=finish_twin'] },
    { folder: 'KLP405-fake-signal', source: 'sleep.c' },
    { folder: 'KLP405-fake-signal', source: 'sleep-twin.c', flags: ['-Dget=get_twin', '-Dvalue=value_twin'] },
    { folder: 'KLP406-new-function-blocks', source: 'loop.c', flags: ['-Dwork=turn'] },
    { folder: 'KLP305-klp-symbol-of-local', source: 'clone.c' },
    {
      folder: 'KLP305-klp-symbol-of-local',
      source: 'clone.c',
      flags: ['-fno-ipa-sra', '-Dcheck=check_whole', '-Dsubmit=submit_whole', '-Dresubmit=resubmit_whole'],
    },
  ],
};

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
  otherVersion: {
    folder: 'KLP224-vermagic-and-versions',
    source: 'innocent.c',
    wrongVersion: 'klp_enable_patch',
  },
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
  clone: {
    folder: 'KLP305-klp-symbol-of-local',
    source: 'livepatch.c',
    placeholders: fromTarget('check', 'check.isra.0'),
  },
  whole: {
    folder: 'KLP305-klp-symbol-of-local',
    source: 'livepatch.c',
    placeholders: fromTarget('check', 'check_whole'),
  },
  entry: {
    folder: 'KLP408-assembly-entry-noinstr',
    source: 'faulty.c',
    placeholders: [{ symbol: 'ext', object: 'vmlinux', name: 'yield', sympos: 0, patched: 'vmlinux' }],
  },
  left: { folder: 'KLP411-back-to-old-code', source: 'faulty.c', placeholders: fromTarget('limit') },
  undone: { folder: 'KLP411-back-to-old-code', source: 'innocent.c', placeholders: fromTarget('limit') },
  overCold: { folder: 'boot', source: 'over-cold.c' },
  overHot: { folder: 'boot', source: 'over-hot.c' },
  newCold: {
    folder: 'KLP401-cold-stack-hole',
    source: 'faulty.c',
    placeholders: fromTarget('complain'),
    objtool: true,
  },
  newWhole: {
    folder: 'KLP401-cold-stack-hole',
    source: 'innocent.c',
    placeholders: fromTarget('complain'),
    objtool: true,
  },
  endless: {
    folder: 'KLP406-new-function-blocks',
    source: 'faulty.c',
    placeholders: fromTarget('ext_int'),
    texts: [['work', 'turn']],
    objtool: true,
  },
  ending: {
    folder: 'KLP406-new-function-blocks',
    source: 'innocent.c',
    placeholders: fromTarget('ext_int'),
    texts: [['work', 'turn']],
    objtool: true,
  },
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
  const made = await makeLoadable(kernel, Object.values(cases), target);
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
    'entry',
    'twice',
    'noEnd',
    'stripped',
    'postHandler',
    'otherMagic',
    'namespace',
    'otherVersion',
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

  await stacks(guest, nameOf, done);
  // Last: it leaves the processor's state in disorder.
  await load('sleeper');
  return { done, texts };
}

/** Two rounds of the kernel's attempts to switch the tasks that are left: once a second. */
const pendingMs = 2500;
/** The fifteen seconds after which a transition sends its signals (SIGNALS_TIMEOUT in kernel/livepatch/transition.c), and a round. */
const signalMs = 17_500;

/** What becomes of tasks that sleep in the functions of the target, in what replaces them, and beside them. */
async function stacks(guest: Guest, nameOf: (name: Case) => string, done: Map<string, Done>): Promise<void> {
  const keep = async (key: string, work: Promise<Done>): Promise<Done> => {
    const result = await work;
    done.set(key, result);
    return result;
  };
  const say = (key: string, word: string) => keep(key, guest.write('/proc/klp_target', word));
  const enable = (name: Case) => keep(name, guest.enable(nameOf(name)));
  const disable = (name: Case) => keep(`disable ${name}`, guest.disable(nameOf(name), pendingMs));
  const goOn = async (key: string) => {
    await say(`wake ${key}`, 'wake');
    return keep(`after ${key}`, guest.settled('none', 500));
  };
  await keep('target', guest.load('klp_target'));

  for (const word of ['cold', 'tail']) await say(word, word);
  await keep('overCold', guest.load(nameOf('overCold')));
  await keep('settled overCold', guest.settled(nameOf('overCold'), 30_000));
  await goOn('overCold');
  for (const word of ['hot', 'call', 'signal', 'wait']) await say(word, word);
  await keep('overHot', guest.load(nameOf('overHot')));
  await keep('pending overHot', guest.settled(nameOf('overHot'), signalMs));
  for (const word of ['hot', 'call', 'wait']) {
    const [pid] = /\d+$/.exec(done.get(word)?.log.join() ?? '') ?? [];
    done.set(`state of ${word}`, { error: await guest.read(`/proc/${pid}/patch_state`), log: [] });
  }
  await goOn('overHot');
  await keep('settled overHot', guest.settled(nameOf('overHot'), 30_000));

  await enable('ending');
  await say('start ending', 'turn');
  await disable('ending');
  await goOn('ending');
  await keep('gone ending', guest.gone(nameOf('ending')));
  await keep('unload ending', guest.unload(nameOf('ending')));
  await enable('endless');
  await say('start endless', 'turn');
  await disable('endless');
  await goOn('endless');
  await keep('gone endless', guest.gone(nameOf('endless'), pendingMs));
  await keep('force endless', guest.force(nameOf('endless')));
  await keep('forced endless', guest.gone(nameOf('endless')));
  await keep('unload endless', guest.unload(nameOf('endless')));

  for (const name of ['clone', 'whole'] as const) {
    await enable(name);
    await say(`submit ${name}`, 'submit');
  }

  for (const name of ['undone', 'left'] as const) {
    await enable(name);
    await say(`within ${name}`, 'within');
    await keep(`disable ${name}`, guest.disable(nameOf(name)));
    await say(`within after ${name}`, 'within');
  }

  await enable('newWhole');
  await say('start newWhole', 'cold');
  await disable('newWhole');
  await goOn('newWhole');
  await keep('gone newWhole', guest.gone(nameOf('newWhole')));
  await keep('unload newWhole', guest.unload(nameOf('newWhole')));
  await enable('newCold');
  await say('start newCold', 'cold');
  await keep('disable newCold', guest.disable(nameOf('newCold')));
  await keep('unload newCold', guest.unload(nameOf('newCold')));
  // The guest's kernel would end with its thread.
  await guest.write('/proc/sys/kernel/panic_on_oops', '0');
  await goOn('newCold');
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
    ['entry', 'KLP408', 'EINVAL', /failed to find location for function 'exc_general_protection'/],
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
    ['otherVersion', 'KLP224', 'EINVAL', /disagrees about version of symbol klp_enable_patch/],
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

  it('KLP401: a cold part that sleeps is found, and the transition is over while a task sleeps in it', async () => {
    expect(error('settled overCold')).toBe('');
    expect(log('settled overCold')).toContain("': patching complete");
    expect(log('wake overCold') + log('after overCold')).toContain('case: work returned 5');
    const folder = join(room, 'KLP401-cold-stack-hole');
    expect(said(await assessCase(folder), 'KLP401').join()).toContain('work may sleep in its cold part');
    // The twin, which sleeps in the hot part, holds the transition up.
    expect(error('pending overHot')).toBe('ETIMEDOUT');
    expect(error('state of hot')).toBe('0');
    expect(log('wake overHot') + log('after overHot')).toContain('case: work_twin returned 5');
    expect(error('settled overHot')).toBe('');
    expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP401')).toEqual([]);
  });

  it('KLP401: a new cold part that sleeps is found, and its task wakes in memory that is gone', async () => {
    expect(error('disable newCold')).toBe('');
    expect(error('unload newCold')).toBe('');
    expect(log('wake newCold') + log('after newCold')).toMatch(/BUG: unable to handle page fault/);
    expect(await says('newCold', 'KLP401')).toMatch(/^warning KLP401: new_work/);
    // The twin without a cold part is seen.
    expect(error('disable newWhole')).toBe('ETIMEDOUT');
    expect(log('wake newWhole') + log('after newWhole')).toContain('case: work returned 6');
    expect([error('gone newWhole'), error('unload newWhole')]).toEqual(['', '']);
    expect(await says('newWhole', 'KLP401')).toBe('');
  });

  it('KLP404: a jump to what sleeps is found, and the old result comes after the transition', async () => {
    expect(log('settled overCold')).toContain("': patching complete");
    expect(log('wake overCold') + log('after overCold')).toContain('case: finish returned 0');
    const folder = join(room, 'KLP404-tail-calling-caller');
    expect(said(await assessCase(folder, { fix: 'tail.c' }), 'KLP404').join()).toContain(
      'finish ends in a jump',
    );
    // The twin, which calls, holds the transition up.
    expect(error('pending overHot')).toBe('ETIMEDOUT');
    expect(error('state of call')).toBe('0');
    expect(log('wake overHot') + log('after overHot')).toContain('case: finish_twin returned 0');
    expect(said(await assessCase(folder, { fix: 'twin.c' }), 'KLP404')).toEqual([]);
  });

  it('KLP405: a wait that the fake signal ends is found, and ends after fifteen seconds without its value', async () => {
    expect(error('pending overHot')).toBe('ETIMEDOUT');
    expect(log('pending overHot')).toMatch(/signaling remaining tasks[\s\S]*case: get returned 0/);
    const folder = join(room, 'KLP405-fake-signal');
    expect(said(await assessCase(folder, { fix: 'sleep.c' }), 'KLP405').join()).toContain(
      'tasks wait in get',
    );
    // The twin, which no signal ends, waits for its value.
    expect(log('pending overHot')).not.toContain('get_twin');
    expect(error('state of wait')).toBe('0');
    expect(log('wake overHot') + log('after overHot')).toContain('case: get_twin returned 7');
    expect(said(await assessCase(folder, { fix: 'sleep-twin.c' }), 'KLP405')).toEqual([]);
  });

  it('KLP411: a callback that nothing undoes is found, and the old code meets what it left', async () => {
    for (const name of ['left', 'undone'] as const) {
      expect(log(`within ${name}`)).toContain('case: within gives 1');
      expect(error(`disable ${name}`)).toBe('');
    }
    expect(log('within after left')).toContain('case: within gives 1');
    expect(await says('left', 'KLP411')).toMatch(/^note KLP411: raise_limit/);
    expect(log('within after undone')).toContain('case: within gives 0');
    expect(await says('undone', 'KLP411')).toBe('');
  });

  it('KLP406, KLP215: a new loop without end is found, and once its removal is forced the module stays', async () => {
    expect(error('disable endless')).toBe('ETIMEDOUT');
    expect(error('gone endless')).toBe('ETIMEDOUT');
    expect(log('force endless')).toContain('forcing remaining tasks');
    expect(error('forced endless')).toBe('');
    expect(error('unload endless')).toBe('EAGAIN');
    expect(await says('endless', 'KLP406')).toMatch(/^warning KLP406: turn/);
    // The twin ends, and goes; what only its enabling was forced of goes as well.
    expect(error('disable ending')).toBe('ETIMEDOUT');
    expect(log('wake ending') + log('after ending')).toContain('case: turn returned');
    expect([error('gone ending'), error('unload ending')]).toEqual(['', '']);
    expect(await says('ending', 'KLP406')).toBe('');
    expect(log('leak')).toContain('forcing remaining tasks');
    expect(error('unload leak')).toBe('');
  });

  it('KLP305: a KLP symbol of a clone is found, and the kernel calls it with the wrong values', async () => {
    expect(log('submit clone')).toMatch(/case: submit gave (\d) and \1/);
    expect(await says('clone', 'KLP305')).toMatch(/^warning KLP305: check\.isra\.0/);
    expect(log('submit whole')).toContain('case: submit gave 4 and 6');
    expect(await says('whole', 'KLP305')).toBe('');
  });

  it('KLP225: a function of the init is found, and the module begins with the new code', async () => {
    expect(log('loop')).toContain('case: the new loop_add');
    expect(await says('late', 'KLP225')).toContain('the init of loop calls loop_add');
  });
});
