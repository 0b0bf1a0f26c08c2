import type { FunctionDetails } from '../details.ts';
import type { Report } from '../schema.ts';

const hash = (digit: string) => digit.repeat(64);

/** A report in which every part has something to say. */
export const sampleReport: Report = {
  version: 1,
  name: 'livepatch_sample',
  kernel: {
    id: 'debian:6.12.117+deb12-amd64',
    release: '6.12.117+deb12-amd64',
    compiler: 'x86_64-linux-gnu-gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0',
  },
  fixes: [
    {
      name: 'sample.patch',
      subject: 'sample: say it louder, and with a subject that is so long that it does not fit on one line',
      files: [
        {
          path: 'fs/sample.c',
          change: 'modified',
          hunks: [
            { line: 10, offset: 0, fuzz: 0 },
            { line: 90, offset: -3, fuzz: 1 },
          ],
        },
        { path: 'include/linux/sample.h', change: 'added', hunks: [{ line: 1, offset: 0, fuzz: 0 }] },
      ],
    },
    { name: 'other.patch', files: [{ path: 'fs/gone.c', change: 'removed', hunks: [] }] },
  ],
  units: [
    {
      source: 'fs/sample.c',
      object: 'fs/sample.o',
      owner: 'vmlinux',
      sha256: { before: hash('a'), after: hash('b') },
      match: {
        verdicts: [
          { verdict: 'identical', count: 1204 },
          { verdict: 'jump-labels', count: 3 },
          { verdict: 'different', count: 1 },
        ],
        aside: [{ what: 'jump labels (static branches) that objtool turned into nops', count: 7 }],
        checked: 9876,
        exceptions: [
          { name: 'odd_one', verdict: 'different', detail: 'target: expected kmalloc, found kzalloc' },
          { name: 'weak_one', verdict: 'weak-overridden' },
        ],
      },
      unchanged: 1205,
      functions: [
        {
          name: 'sample_open',
          status: 'changed',
          patched: true,
          sympos: 2,
          sizes: { before: 1022, after: 1100 },
          difference: {
            kind: 'code',
            offset: 77,
            before: 'je 0x000000000000027b',
            after: 'je 0x0000000000000283',
          },
          why: [
            {
              kind: 'edited',
              text: 'the fix edits its source: fs/sample.c:10-12',
              function: 'sample_open',
              file: 'fs/sample.c',
              lines: { first: 10, last: 12 },
            },
            {
              kind: 'inlined',
              text: 'louder, which the fix edits, is inlined into it by way of say at fs/sample.c:14 → louder at include/linux/sample.h:9',
              function: 'louder',
              file: 'include/linux/sample.h',
              lines: { first: 3, last: 4 },
              chain: [
                { function: 'say', file: 'fs/sample.c', line: 14 },
                { function: 'louder', file: 'include/linux/sample.h', line: 9 },
              ],
            },
          ],
        },
        {
          name: 'sample_open.cold',
          status: 'changed',
          patched: false,
          sizes: { before: 20, after: 20 },
          difference: { kind: 'with', offset: 0, before: 'sample_open', after: 'sample_open' },
          why: [{ kind: 'with', text: 'changes together with sample_open: one jumps into the other' }],
        },
        {
          name: 'sample_new',
          status: 'new',
          patched: false,
          sizes: { after: 1 },
          why: [{ kind: 'unknown', text: 'source lines not available: the object has no debug information' }],
        },
        {
          name: 'sample_gone',
          status: 'removed',
          patched: false,
          sizes: { before: 64 },
          why: [{ kind: 'removed', text: 'the fixed source has no such function' }],
        },
      ],
      data: [
        { name: 'sample_count', status: 'new', section: '.bss.sample_count', size: 4 },
        { name: '__already_done.3', status: 'copied', section: '.data..once', size: 1 },
      ],
      dropped: [{ what: 'EXPORT_SYMBOL of sample_new', why: 'a livepatch exports nothing' }],
    },
  ],
  relocations: [
    {
      object: 'vmlinux',
      name: 'sample_lock',
      sympos: 0,
      patched: 'vmlinux',
      usedBy: ['sample_new', 'sample_open'],
    },
    { object: 'ext4', name: 'ext4_sample', sympos: 3, patched: 'ext4', usedBy: [] },
  ],
  exports: ['_printk', 'kfree', 'mutex_lock', 'mutex_unlock'],
  findings: [
    {
      id: 'KLP122',
      severity: 'error',
      what: 'the fix changes the initial value of sample_count, which has its value in the running kernel',
      why: 'a livepatch replaces code; a variable keeps what is in it',
      next: 'set it in a pre-patch callback',
      at: { unit: 'fs/sample.c', line: 12, symbol: 'sample_count' },
      overridden: true,
    },
    { id: 'KLP143', severity: 'note', what: 'sample_gone stays in the running kernel', overridden: false },
  ],
  module: {
    name: 'livepatch_sample',
    sha256: hash('c'),
    size: 34512,
    replace: true,
    objects: [
      { name: 'vmlinux', functions: [{ name: 'sample_open', sympos: 2 }] },
      {
        name: 'ext4',
        functions: [{ name: 'ext4_open', sympos: 0 }],
        callbacks: [{ kind: 'pre_patch', function: 'sample_take_over' }],
      },
    ],
    states: [{ id: 7, version: 2 }],
  },
  tools: [
    { name: 'gcc', version: '12.2.0' },
    { name: 'klpkit', version: '0.1.0' },
  ],
};

const equal = Array.from({ length: 12 }, (_, index) => ({
  kind: 'same' as const,
  before: { offset: index * 4, text: `mov ${index}(%rdi), %rax` },
  after: { offset: index * 4, text: `mov ${index}(%rdi), %rax` },
}));

/** Code for the functions of {@link sampleReport}. */
export const sampleDetails: readonly FunctionDetails[] = [
  {
    unit: 'fs/sample.c',
    name: 'sample_open',
    status: 'changed',
    problems: [],
    rows: [
      ...equal,
      {
        kind: 'source',
        before: { path: 'fs/sample.c', line: 10, text: '\treturn say("hi");', via: [], edited: true },
        after: {
          path: 'include/linux/sample.h',
          line: 9,
          text: undefined,
          via: ['say', 'louder'],
          edited: true,
        },
      },
      {
        kind: 'changed',
        before: { offset: 48, text: 'mov $"hi", %rdi' },
        after: { offset: 48, text: 'mov $"HI", %rdi' },
      },
      { kind: 'removed', before: { offset: 55, text: 'nop' } },
      { kind: 'added', after: { offset: 55, text: 'call louder' } },
    ],
  },
  {
    unit: 'fs/sample.c',
    name: 'sample_new',
    status: 'new',
    problems: ['the object has no debug information'],
    rows: [{ kind: 'added', after: { offset: 0, text: 'ret' } }],
  },
];
