import type { Action } from './types.ts';

/** What may stand for a value. */
export type Shape =
  | 'alias'
  | 'kernel-module'
  | 'name'
  | 'text'
  | 'path'
  | 'seconds'
  | 'count'
  | 'exit-code'
  | 'flag'
  | 'true'
  | 'errno'
  | 'pattern'
  | 'patterns'
  | 'values'
  | 'fault-ids'
  | 'steps';

/** A key of a step beside its action. */
export interface Modifier {
  readonly shape: Shape;
  readonly brief: string;
}

/** An action: what its value is, and which further keys it takes. */
export interface StepKind {
  readonly shape: Shape;
  readonly brief: string;
  readonly with: Readonly<Record<string, Modifier>>;
}

const seconds = (brief: string): Modifier => ({ shape: 'seconds', brief });
const within = seconds('Time limit');
const wait: Modifier = {
  shape: 'flag',
  brief: 'false: go on at once; else the step lasts until the transition is complete',
};
const params: Modifier = { shape: 'text', brief: 'Parameters of the module: debug=1' };

/** Keys that every step may have. */
export const commonModifiers: Readonly<Record<string, Modifier>> = {
  title: { shape: 'text', brief: 'What the step is called when it is told of' },
  fails: { shape: 'errno', brief: 'The error that the step must end with: EINVAL' },
  always: { shape: 'flag', brief: 'true: the step runs even when one before it has failed' },
  log: { shape: 'patterns', brief: 'Lines that the kernel must log during this step, in this order' },
  'no-log': { shape: 'patterns', brief: 'Lines that the kernel must not log during this step' },
  allows: { shape: 'fault-ids', brief: 'Ids of faults that may be in the log of this step' },
};

/** Every action that a step can have. A step has exactly one of these keys. */
export const stepKinds: Readonly<Record<Action, StepKind>> = {
  load: {
    shape: 'alias',
    brief: 'Load a livepatch and wait until its transition is complete',
    with: { within, wait, params },
  },
  replace: {
    shape: 'alias',
    brief: 'Load a livepatch with atomic replace, and wait until it is the only one',
    with: { within, params },
  },
  disable: {
    shape: 'alias',
    brief: 'Disable a livepatch and wait until it is gone from /sys/kernel/livepatch',
    with: { within, wait },
  },
  unload: { shape: 'alias', brief: 'Unload a disabled livepatch, or a module loaded by insmod', with: {} },
  force: { shape: 'alias', brief: 'Force a transition to its end', with: { within, wait } },
  reverse: {
    shape: 'alias',
    brief: 'Turn a transition round: write the opposite of what is in `enabled`',
    with: { within, wait },
  },
  enable: {
    shape: 'alias',
    brief: 'Write 1 to `enabled`, which the kernel refuses outside a transition',
    with: { within, wait },
  },
  insmod: { shape: 'alias', brief: 'Load a module that is no livepatch', with: { params } },
  modprobe: {
    shape: 'kernel-module',
    brief: 'Load a module of the kernel and what it needs',
    with: { params },
  },
  rmmod: { shape: 'kernel-module', brief: 'Unload a module of the kernel', with: {} },
  run: {
    shape: 'text',
    brief: "Run a command in the VM, as root, by busybox's shell",
    with: {
      within,
      exit: { shape: 'exit-code', brief: 'Its exit code; 0 when not given' },
      expect: { shape: 'patterns', brief: 'What its output must have, each of them' },
      'expect-not': { shape: 'patterns', brief: 'What its output must not have' },
    },
  },
  background: {
    shape: 'text',
    brief: 'Start a command that goes on until `stop`',
    with: {
      name: { shape: 'name', brief: 'What `stop` calls it; must be given' },
      times: { shape: 'count', brief: 'How many of them at once' },
    },
  },
  stop: {
    shape: 'name',
    brief: 'End what `background` started; it must still run',
    with: { within },
  },
  write: { shape: 'values', brief: 'Write values to files of the VM, in order', with: {} },
  sleep: { shape: 'seconds', brief: 'Wait, in seconds of the guest', with: {} },
  'wait-transition': {
    shape: 'alias',
    brief: 'Wait until the transition of a livepatch is complete',
    with: { within },
  },
  'expect-stall': {
    shape: 'alias',
    brief: 'The transition must be kept from its end by a task that the kernel names within the limit',
    with: {
      within,
      task: { shape: 'pattern', brief: 'Name of the task' },
      function: { shape: 'pattern', brief: 'Function that the task is in' },
    },
  },
  'expect-sysfs': {
    shape: 'values',
    brief: 'What files must hold: paths below /sys/kernel/livepatch, where an alias stands for its module',
    with: { within: seconds('How long to wait for it; 0 when not given') },
  },
  'expect-log': {
    shape: 'patterns',
    brief: 'Lines that the kernel must have logged, in this order, since `mark-log` or the beginning',
    with: { within: seconds('How long to wait for them; 0 when not given') },
  },
  'expect-no-log': {
    shape: 'patterns',
    brief: 'Lines that the kernel must not have logged since `mark-log` or the beginning',
    with: {},
  },
  'mark-log': {
    shape: 'true',
    brief: 'expect-log and expect-no-log look at what comes from here on',
    with: {},
  },
  repeat: {
    shape: 'steps',
    brief: 'Take steps several times',
    with: { times: { shape: 'count', brief: 'How often; must be given' } },
  },
};

/** Keys of the file itself, in the order in which they are usually written. */
export const fileKeys: Readonly<Record<string, string>> = {
  $schema: 'Address of the schema, for editors',
  name: 'What the scenario is called: letters, digits, dashes',
  summary: 'What it shows, in a sentence',
  kernels: 'Releases that it is for, each the beginning of one: 6.12; all when not given',
  modules:
    'Livepatches and other modules by alias; a file beside the scenario, or nothing: the caller names it',
  parameters: 'Values that the caller may set; steps write $ and its name in braces',
  targets: 'Modules of the kernel that the VM needs beside those of modprobe',
  files: 'Files for the VM: absolute path there, and the file beside the scenario',
  memory: 'Memory of the VM in MiB',
  append: "Further words of the kernel's command line",
  allows: 'Ids of faults that may be in the log',
  steps: 'The steps, in order',
};

/** Keys of a parameter. */
export const parameterKeys: Readonly<Record<string, string>> = {
  summary: 'What it is, in a sentence',
  default: 'Its value when nobody sets it',
  'target-of':
    'Alias of a livepatch: unless set, the value is the first module of the kernel that it patches',
};

/** What a value of a shape looks like, for messages. */
export const shapeWords: Readonly<Record<Shape, string>> = {
  alias: 'an alias from `modules`',
  'kernel-module': 'the name of a module of the kernel',
  name: 'a name of letters, digits, dashes',
  text: 'a text',
  path: 'a path',
  seconds: 'seconds from 0 to 600',
  count: 'a whole number from 1 to 1000',
  'exit-code': 'an exit code from 0 to 255',
  flag: 'true or false',
  true: 'true',
  errno: 'the name of an error of the kernel, such as EINVAL, EBUSY, ENOENT',
  pattern: 'a text, or /a regular expression/',
  patterns: 'a text or /regular expression/, or a list of them',
  values: 'paths with their values, null for a path that must not be there',
  'fault-ids': 'a list of ids of faults',
  steps: 'a list of steps',
};
