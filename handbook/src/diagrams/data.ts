import type { ReplaceData, Sequence, TransitionData } from './types.ts';

/** How a call of a patched function gets to the new code. */
export const ftraceRedirection: Sequence = {
  lanes: [
    { id: 'caller', label: 'a caller' },
    { id: 'old', label: 'the function, as shipped', tone: 'old' },
    { id: 'core', label: 'ftrace and livepatch', tone: 'core' },
    { id: 'new', label: 'the new function', tone: 'new' },
  ],
  steps: [
    {
      from: 'caller',
      to: 'old',
      text: 'call',
      more: 'The caller is not changed. It calls the address it always called.',
    },
    {
      from: 'old',
      to: 'core',
      text: 'call at the entry',
      tone: 'core',
      more: 'The first instruction, a nop of five bytes while nobody traces, has become a call of ftrace.',
    },
    {
      in: 'core',
      text: 'which state has the task?',
      tone: 'core',
      more: 'The handler takes the newest livepatch of this function. While a transition runs it asks the task: unpatched ones get what was there before.',
    },
    {
      from: 'core',
      to: 'new',
      text: 'return, but elsewhere',
      tone: 'new',
      more: 'It writes the address of the new function into the saved instruction pointer, so that the return leads there.',
    },
    {
      from: 'new',
      to: 'caller',
      text: 'return',
      tone: 'new',
      more: 'The stack is as the caller left it: the new function returns to the caller, and the old body never ran.',
    },
  ],
};

/** When which reference of a livepatch gets its address. */
export const relocationAtLoad: Sequence = {
  lanes: [
    { id: 'ko', label: 'livepatch.ko', tone: 'new' },
    { id: 'loader', label: 'module loader', tone: 'core' },
    { id: 'core', label: 'livepatch core', tone: 'core' },
    { id: 'target', label: 'target module', tone: 'old' },
  ],
  steps: [
    {
      from: 'ko',
      to: 'loader',
      text: 'insmod',
      more: 'The loader copies the sections of the livepatch into memory.',
    },
    {
      in: 'loader',
      text: 'exports',
      tone: 'core',
      more: 'Ordinary relocations find what the kernel and loaded modules export. One unknown name, and the load fails.',
    },
    {
      from: 'loader',
      to: 'core',
      text: '.klp.rela.vmlinux.*',
      tone: 'core',
      more: 'KLP relocations for vmlinux are resolved now, by name and position in the table of symbols of the kernel.',
    },
    {
      in: 'core',
      text: 'others wait',
      tone: 'core',
      more: 'Sections for an object that is not loaded stay as they are; the table of symbols of the livepatch is kept for them.',
    },
    {
      from: 'target',
      to: 'core',
      text: 'modprobe, perhaps much later',
      tone: 'old',
      more: 'The target module comes; the livepatch core is told before its init runs.',
    },
    {
      from: 'core',
      to: 'ko',
      text: '.klp.rela.target.*',
      tone: 'new',
      more: 'Now the references to the target are written, into the code of the livepatch, not into the target.',
    },
    {
      from: 'core',
      to: 'target',
      text: 'ftrace at its functions',
      tone: 'new',
      more: 'Its functions are diverted, and only then does its own init run.',
    },
  ],
};

/** Two livepatches, and a third with `replace` that keeps only one of their functions. */
export const atomicReplace: ReplaceData = {
  functions: ['alpha()', 'beta()', 'gamma()'],
  moments: [
    {
      label: 'A and B enabled',
      stacks: [
        [
          { text: 'B', kind: 'patch' },
          { text: 'A', kind: 'patch' },
        ],
        [{ text: 'A', kind: 'patch' }],
        [],
      ],
    },
    {
      label: 'C in transition',
      stacks: [
        [
          { text: 'C', kind: 'new' },
          { text: 'B', kind: 'patch' },
          { text: 'A', kind: 'patch' },
        ],
        [
          { text: 'nop of C', kind: 'nop' },
          { text: 'A', kind: 'patch' },
        ],
        [{ text: 'C', kind: 'new' }],
      ],
    },
    { label: 'C alone', stacks: [[{ text: 'C', kind: 'new' }], [], [{ text: 'C', kind: 'new' }]] },
  ],
};

/** A transition that one sleeping task holds up. */
export const stalledTransition: TransitionData = {
  livepatch: 'livepatch_fix',
  direction: 'patching',
  seconds: 6.2,
  firstPass: { tasks: 96, seconds: 0.1 },
  tasks: [
    {
      tid: 812,
      name: 'backup',
      switched: 6.2,
      reasons: [
        { at: 0.1, text: 'is sleeping on a patched function' },
        { at: 1.1, text: 'is sleeping on a patched function' },
        { at: 2.1, text: 'is sleeping on a patched function' },
        { at: 3.1, text: 'is sleeping on a patched function' },
        { at: 4.1, text: 'is sleeping on a patched function' },
        { at: 5.1, text: 'is sleeping on a patched function' },
      ],
    },
    {
      tid: 640,
      name: 'postgres',
      switched: 1.1,
      reasons: [{ at: 0.1, text: 'is sleeping on a patched function' }],
    },
    { tid: 33, name: 'kworker/1:2', switched: 0.6, reasons: [{ at: 0.1, text: 'is running' }] },
  ],
};
