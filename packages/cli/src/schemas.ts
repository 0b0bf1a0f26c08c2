import { cellStates, coverageStates } from '@klpkit/fleet';
import * as v from 'valibot';

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const seconds = v.pipe(v.number(), v.minValue(0), v.description('seconds'));

const finding = v.strictObject({
  id: v.pipe(text, v.description('KLPnnn, or a short name')),
  severity: v.picklist(['error', 'warning', 'note']),
  what: text,
  why: v.optional(text),
  next: v.optional(text),
  evidence: v.optional(v.pipe(v.array(text), v.description('what it rests on'))),
  certainty: v.optional(
    v.pipe(v.picklist(['certain', 'likely', 'possible']), v.description('certain when absent')),
  ),
  at: v.optional(
    v.strictObject({
      file: v.optional(text),
      line: v.optional(count),
      column: v.optional(count),
      unit: v.optional(text),
      section: v.optional(text),
      offset: v.optional(v.number()),
      symbol: v.optional(text),
    }),
  ),
});

/** Every subcommand can end in these two ways. */
const failures = <const Command extends string>(command: Command) =>
  [
    v.strictObject({
      command: v.literal(command),
      outcome: v.literal('refused'),
      findings: v.pipe(v.array(finding), v.description('every reason at once')),
    }),
    v.strictObject({
      command: v.literal(command),
      outcome: v.literal('failed'),
      error: v.strictObject({
        kind: v.picklist(['usage', 'environment', 'input', 'interrupted', 'defect']),
        message: text,
        next: v.optional(v.pipe(text, v.description('what to do, often a command'))),
      }),
    }),
  ] as const;

const tool = v.strictObject({
  command: text,
  package: v.pipe(text, v.description('the Debian package that has it')),
  version: v.optional(v.pipe(text, v.description('absent if it is not on this machine'))),
  neededFor: v.array(text),
});

const doctor = v.variant('outcome', [
  v.strictObject({
    command: v.literal('doctor'),
    outcome: v.pipe(v.picklist(['ready', 'lacking']), v.description('lacking: remedy mends it')),
    tools: v.array(tool),
    files: v.array(
      v.strictObject({
        what: text,
        package: v.pipe(text, v.description('the Debian package that has it')),
        path: v.optional(v.pipe(text, v.description('absent if it is not on this machine'))),
        neededFor: v.array(text),
      }),
    ),
    kvm: v.strictObject({ mayBeUsed: v.boolean(), words: text }),
    cache: v.strictObject({ folder: text, freeBytes: count, words: text }),
    kernels: v.array(text),
    remedy: v.optional(v.pipe(text, v.description('the one command that installs what is missing'))),
  }),
  ...failures('doctor'),
]);

const kernel = v.strictObject({
  id: text,
  release: v.pipe(text, v.description('what uname -r says')),
  compiler: v.pipe(text, v.description('that built it')),
  sourceVersion: v.optional(text),
  folder: v.pipe(text, v.description('in the cache')),
});

const kernelAdd = v.variant('outcome', [
  v.strictObject({ command: v.literal('kernel add'), outcome: v.literal('added'), kernel }),
  ...failures('kernel add'),
]);

const kernelList = v.variant('outcome', [
  v.strictObject({
    command: v.literal('kernel list'),
    outcome: v.literal('listed'),
    kernels: v.array(kernel),
  }),
  ...failures('kernel list'),
]);

const kernelShow = v.variant('outcome', [
  v.strictObject({
    command: v.literal('kernel show'),
    outcome: v.literal('shown'),
    id: text,
    release: text,
    sourceVersion: v.optional(text),
    banner: text,
    compiler: v.strictObject({
      command: text,
      built: v.pipe(text, v.description('that built the kernel')),
      installed: v.optional(v.pipe(text, v.description('on this machine'))),
      isSame: v.boolean(),
    }),
    config: v.array(
      v.strictObject({
        option: text,
        value: text,
        meaning: text,
        isGood: v.pipe(v.boolean(), v.description('whether livepatching works with this value')),
      }),
    ),
    counts: v.strictObject({
      symbols: count,
      functions: count,
      sharedNames: v.pipe(count, v.description('names that several functions have')),
      exports: count,
      modules: count,
    }),
    missing: v.array(v.strictObject({ what: text, neededFor: v.array(text) })),
  }),
  ...failures('kernel show'),
]);

const kernelRemove = v.variant('outcome', [
  v.strictObject({ command: v.literal('kernel remove'), outcome: v.literal('removed'), id: text }),
  ...failures('kernel remove'),
]);

const step = v.strictObject({
  step: text,
  what: text,
  ms: v.pipe(v.number(), v.minValue(0), v.description('milliseconds')),
});

const patchedObjects = v.array(
  v.strictObject({
    name: v.pipe(text, v.description('vmlinux, or a module')),
    functions: v.array(v.strictObject({ name: text, sympos: count })),
    callbacks: v.optional(
      v.pipe(
        v.array(
          v.strictObject({
            kind: v.picklist(['pre_patch', 'post_patch', 'pre_unpatch', 'post_unpatch']),
            function: v.pipe(text, v.description('empty when it has no symbol')),
          }),
        ),
        v.description('absent when it has none'),
      ),
    ),
  }),
);

const states = v.optional(
  v.pipe(
    v.array(v.strictObject({ id: count, version: count })),
    v.description('klp_state; absent when it has none'),
  ),
);

const build = v.variant('outcome', [
  v.strictObject({
    command: v.literal('build'),
    outcome: v.literal('built'),
    kernel: text,
    name: v.pipe(text, v.description('of the module')),
    files: v.strictObject({
      module: text,
      report: v.pipe(text, v.description('JSON, see report.schema.json')),
      page: v.pipe(text, v.description('the report as one HTML page')),
    }),
    replace: v.boolean(),
    objects: patchedObjects,
    states,
    findings: v.array(finding),
    steps: v.array(step),
  }),
  v.strictObject({
    command: v.literal('build'),
    outcome: v.pipe(v.literal('nothing'), v.description('the fix changes no code that this kernel has')),
    kernel: text,
    findings: v.array(finding),
    steps: v.array(step),
  }),
  ...failures('build'),
]);

const checkOutput = v.strictObject({
  text,
  isBinary: v.boolean(),
  totalBytes: count,
  code: v.nullable(v.pipe(v.number(), v.integer())),
  isTimedOut: v.boolean(),
  seconds,
  expected: v.optional(text),
  isMet: v.optional(v.boolean()),
});

const proofFinding = v.strictObject({ ...finding.entries, step: text });

const kernelMessages = v.array(
  v.strictObject({
    level: v.pipe(v.number(), v.description('of the kernel: 3 is an error')),
    sequence: v.number(),
    seconds: v.number(),
    text,
  }),
);

const pass = v.strictObject({
  order: v.pipe(
    v.picklist(['vmlinux', 'livepatch-first', 'targets-first']),
    v.description('whether the patched modules came after the livepatch or before it'),
  ),
  steps: v.array(
    v.strictObject({
      name: text,
      isOk: v.boolean(),
      outcome: v.optional(text),
      start: v.pipe(v.number(), v.description('seconds since boot')),
      seconds,
      log: kernelMessages,
    }),
  ),
  checks: v.array(
    v.strictObject({
      command: text,
      before: v.optional(checkOutput),
      patched: v.optional(checkOutput),
      reverted: v.optional(checkOutput),
    }),
  ),
});

const blockers = v.array(
  v.strictObject({ pid: count, tid: count, name: text, reason: v.optional(text), stack: v.array(text) }),
);

const bootStart = v.strictObject({
  accel: v.picklist(['tcg', 'kvm']),
  how: v.pipe(
    v.picklist(['booted', 'restored']),
    v.description(
      'restored: from the state of an earlier boot of the same kernel, saved when its init was ready',
    ),
  ),
  savedState: v.optional(v.pipe(text, v.description('key of the state restored or left for later'))),
  problem: v.optional(v.pipe(text, v.description('why a saved state was not used or made'))),
  readySeconds: v.optional(v.number()),
});

const timeline = v.strictObject({
  livepatch: text,
  direction: v.picklist(['patching', 'unpatching']),
  outcome: v.picklist(['complete', 'forced', 'reversed', 'open']),
  start: v.pipe(v.number(), v.description('seconds since boot')),
  seconds,
  firstPass: v.optional(
    v.pipe(
      v.strictObject({ tasks: count, seconds }),
      v.description('tasks that switched in the first pass over all, and when that was seen to be over'),
    ),
  ),
  tasks: v.pipe(
    v.array(
      v.strictObject({
        pid: count,
        tid: count,
        name: text,
        switched: v.optional(v.pipe(v.number(), v.description('seconds since the start'))),
        ended: v.optional(v.number()),
        reasons: v.array(v.strictObject({ at: v.number(), text })),
        stack: v.optional(v.array(text)),
      }),
    ),
    v.description('all others, the last to switch first'),
  ),
  svg: v.optional(v.pipe(text, v.description('file in the folder of the report'))),
});

const scenarioResult = v.strictObject({
  name: text,
  file: text,
  kernel: v.strictObject({ id: text, release: text }),
  verdict: v.picklist(['passed', 'failed', 'not-applicable']),
  reason: v.optional(v.pipe(text, v.description('why it is not applicable'))),
  steps: v.array(
    v.strictObject({
      number: v.pipe(text, v.description('4.2: the second step inside the fourth')),
      action: text,
      title: text,
      line: v.pipe(count, v.description('of the scenario file')),
      status: v.picklist(['passed', 'failed', 'skipped']),
      round: v.optional(count),
      outcome: v.optional(text),
      expected: v.optional(text),
      found: v.optional(text),
      start: v.pipe(v.number(), v.description('seconds since boot')),
      seconds,
      log: kernelMessages,
    }),
  ),
  findings: v.array(proofFinding),
  stalls: v.array(
    v.strictObject({
      livepatch: text,
      known: v.pipe(v.number(), v.description('seconds since boot when the kernel first told of it')),
      named: v.pipe(v.number(), v.description('seconds since boot when the tasks were named')),
      tasks: blockers,
    }),
  ),
  timelines: v.array(timeline),
  died: v.optional(v.strictObject({ step: text, how: text, message: text })),
  boot: v.optional(bootStart),
  seconds,
});

const prove = v.variant('outcome', [
  v.strictObject({
    command: v.literal('prove'),
    outcome: v.pipe(v.picklist(['proven', 'not-proven']), v.description('not-proven: exit code 1')),
    kernel: v.strictObject({ id: text, release: text }),
    livepatches: v.array(
      v.strictObject({
        name: text,
        verdict: v.picklist(['proven', 'failed']),
        objects: v.array(v.strictObject({ name: text, functions: v.array(text) })),
        passes: v.array(pass),
        calls: v.pipe(
          v.array(v.strictObject({ object: text, function: text, calls: count })),
          v.description(
            'how often patched functions were called while checks ran with the livepatch in force; of those that could be counted',
          ),
        ),
        findings: v.array(proofFinding),
        blockers: v.pipe(blockers, v.description('tasks that kept the transition from its end')),
        timelines: v.pipe(v.array(timeline), v.description('its transitions, in order')),
        died: v.optional(v.strictObject({ step: text, how: text, message: text })),
        boot: v.pipe(count, v.description('index into boots')),
        seconds,
      }),
    ),
    boots: v.array(bootStart),
    transcript: v.pipe(text, v.description('file with the console and every request and answer')),
    seconds,
  }),
  v.strictObject({
    command: v.literal('prove'),
    outcome: v.pipe(
      v.picklist(['passed', 'not-passed', 'not-applicable']),
      v.description('of scenarios; not-passed: exit code 1; not-applicable: exit code 4'),
    ),
    kernel: v.strictObject({ id: text, release: text }),
    scenarios: v.array(scenarioResult),
  }),
  v.strictObject({
    command: v.literal('prove'),
    outcome: v.literal('listed'),
    scenarios: v.array(
      v.strictObject({
        name: text,
        summary: text,
        modules: v.array(text),
        parameters: v.array(
          v.strictObject({ name: text, summary: v.optional(text), default: v.optional(text) }),
        ),
      }),
    ),
  }),
  ...failures('prove'),
]);

const difference = v.strictObject({ kind: text, offset: count, before: text, after: text });

const compare = v.variant('outcome', [
  v.strictObject({
    command: v.literal('compare'),
    outcome: v.picklist(['same', 'different']),
    functions: v.pipe(
      v.array(
        v.strictObject({
          name: text,
          status: v.picklist(['changed', 'new', 'removed']),
          sizes: v.strictObject({ before: v.optional(count), after: v.optional(count) }),
          difference: v.optional(difference),
          parent: v.optional(v.pipe(text, v.description('the function that this cold part belongs to'))),
        }),
      ),
      v.description('all that are not the same'),
    ),
    unchanged: count,
    data: v.array(v.strictObject({ name: text, status: v.picklist(['changed', 'new', 'removed']) })),
    findings: v.array(finding),
  }),
  ...failures('compare'),
]);

const convert = v.variant('outcome', [
  v.strictObject({
    command: v.literal('convert'),
    outcome: v.literal('converted'),
    kernel: text,
    name: v.pipe(text, v.description('of the module')),
    file: v.pipe(text, v.description('that was written')),
    objects: patchedObjects,
    symbols: v.pipe(
      v.array(
        v.strictObject({
          symbol: v.pipe(text, v.description('in the module')),
          object: v.pipe(text, v.description('who has it: vmlinux or a module')),
          name: v.pipe(text, v.description('in the kernel')),
          sympos: count,
          patched: v.pipe(text, v.description('with which object it is resolved')),
          how: v.picklist(['manifest', 'annotation', 'inferred']),
          uses: v.pipe(count, v.description('relocations')),
        }),
      ),
      v.description('symbols that became KLP relocations'),
    ),
    exports: v.pipe(v.array(text), v.description('exports of vmlinux that it uses in the ordinary way')),
    findings: v.array(finding),
  }),
  ...failures('convert'),
]);

const relocatable = {
  file: text,
  bytes: count,
  machine: text,
  functions: v.array(v.strictObject({ name: text, size: count, isGlobal: v.boolean(), section: text })),
  sections: v.array(v.strictObject({ name: text, kind: text, size: count })),
  tables: v.pipe(
    v.array(v.strictObject({ section: text, what: text, entries: count })),
    v.description('sections of entries that the kernel reads beside the code'),
  ),
  imports: v.array(text),
  exports: v.array(text),
};
const asModule = {
  ...relocatable,
  name: text,
  info: v.pipe(v.array(v.strictObject({ key: text, value: text })), v.description('.modinfo')),
  isSigned: v.boolean(),
};
const codeLine = v.strictObject({ offset: count, text });
const disassembly = v.optional(
  v.strictObject({
    name: text,
    size: count,
    lines: v.array(codeLine),
    shipped: v.optional(
      v.strictObject({
        object: text,
        name: text,
        sympos: count,
        size: count,
        rows: v.pipe(
          v.array(
            v.strictObject({
              kind: v.picklist(['same', 'changed', 'removed', 'added']),
              before: v.optional(codeLine),
              after: v.optional(codeLine),
            }),
          ),
          v.description('before: the function of the kernel; after: the one that takes its place'),
        ),
      }),
    ),
  }),
);
const shown = { command: v.literal('show'), outcome: v.literal('shown') };

const show = v.union([
  v.strictObject({ ...shown, kind: v.literal('object'), ...relocatable, disassembly }),
  v.strictObject({ ...shown, kind: v.literal('module'), ...asModule, disassembly }),
  v.strictObject({
    ...shown,
    kind: v.literal('livepatch'),
    ...asModule,
    replace: v.optional(v.pipe(v.boolean(), v.description('absent when its tables are made at run time'))),
    objects: v.array(
      v.strictObject({
        name: text,
        functions: v.array(
          v.strictObject({ name: text, sympos: count, new: v.optional(text), size: v.optional(count) }),
        ),
        callbacks: v.array(v.strictObject({ kind: text, symbol: text })),
      }),
    ),
    states: v.array(v.strictObject({ id: count, version: count })),
    shadows: v.array(
      v.strictObject({
        id: v.pipe(text, v.description('decimal')),
        sizes: v.array(text),
        allocates: v.boolean(),
        reads: v.boolean(),
        frees: v.boolean(),
      }),
    ),
    relocations: v.pipe(
      v.array(
        v.strictObject({
          user: v.pipe(text, v.description('function or variable whose bytes are written')),
          section: text,
          offset: v.pipe(count, v.description('from the start of user')),
          size: v.optional(count),
          table: v.optional(v.pipe(text, v.description('the table beside the code whose entry it is'))),
          use: v.picklist(['call', 'jump', 'refer']),
          object: v.optional(v.pipe(text, v.description('who has the symbol'))),
          name: v.optional(text),
          sympos: v.optional(count),
          patched: v.optional(v.pipe(text, v.description('with which object it is resolved'))),
          words: text,
        }),
      ),
      v.description('KLP relocations'),
    ),
    disassembly,
  }),
  v.strictObject({
    ...shown,
    kind: v.literal('kernel'),
    file: text,
    bytes: count,
    release: text,
    banner: text,
    packing: text,
    symbols: v.strictObject({
      count,
      functions: count,
      variables: count,
      sharedNames: v.pipe(count, v.description('names that several functions have')),
      exports: count,
    }),
    types: v.optional(v.strictObject({ count, structures: count, functions: count })),
    facts: v.array(v.strictObject({ what: text, value: text, isGood: v.boolean() })),
    config: v.optional(
      v.pipe(
        v.array(v.strictObject({ option: text, value: text, meaning: text, isGood: v.boolean() })),
        v.description('of the kernel of that release in the cache'),
      ),
    ),
  }),
  ...failures('show'),
]);

const judgement = {
  findings: v.pipe(v.array(finding), v.description('worst first')),
  suppressed: v.pipe(
    v.array(v.strictObject({ finding, reason: text })),
    v.description('findings that klpkit.toml answers'),
  ),
  unchecked: v.pipe(
    v.array(v.strictObject({ id: text, missing: v.array(text) })),
    v.description('pitfalls that were not looked for, and what that would have needed'),
  ),
};

const check = v.variant('outcome', [
  v.strictObject({
    command: v.literal('check'),
    outcome: v.pipe(v.picklist(['passed', 'findings']), v.description('findings: exit code 1')),
    file: text,
    name: v.pipe(text, v.description('of the module')),
    kernel: v.optional(v.pipe(text, v.description('absent when it was held against none'))),
    objects: patchedObjects,
    states,
    ...judgement,
  }),
  ...failures('check'),
]);

const change = v.picklist(['kept', 'added', 'dropped']);
const enabling = v.pipe(
  v.picklist(['replaces', 'stacks', 'refused']),
  v.description(
    'replaces: the older one is removed; stacks: both stay; refused: the kernel does not enable it',
  ),
);
const shadowUse = v.strictObject({
  sizes: v.pipe(v.array(text), v.description('bytes; empty when it makes none or the size is not known')),
  allocates: v.boolean(),
  reads: v.boolean(),
  frees: v.boolean(),
});

const upgrade = v.variant('outcome', [
  v.strictObject({
    command: v.literal('upgrade'),
    outcome: v.pipe(
      v.picklist(['passed', 'findings']),
      v.description('findings: an error, or more warnings than allowed; exit code 1'),
    ),
    enabling,
    older: v.strictObject({ file: text, name: text }),
    newer: v.strictObject({ file: text, name: text }),
    kernel: v.optional(v.pipe(text, v.description('absent when they were held against none'))),
    objects: v.array(v.strictObject({ name: text, change })),
    functions: v.array(
      v.strictObject({
        object: text,
        name: text,
        sympos: count,
        change,
        runs: v.pipe(
          v.picklist(['newer', 'older', 'kernel']),
          v.description('whose code runs when the transition is complete'),
        ),
      }),
    ),
    states: v.array(
      v.strictObject({
        id: count,
        older: v.optional(v.pipe(count, v.description('version; absent when it has no such state'))),
        newer: v.optional(count),
        isCompatible: v.boolean(),
      }),
    ),
    callbacks: v.array(
      v.strictObject({
        of: v.picklist(['older', 'newer']),
        object: text,
        name: text,
        runs: v.picklist(['ran', 'now', 'when-disabled', 'never']),
      }),
    ),
    shadows: v.array(
      v.strictObject({ id: text, older: v.optional(shadowUse), newer: v.optional(shadowUse) }),
    ),
    downgrade: v.strictObject({
      how: v.pipe(
        v.picklist(['disable', 'load']),
        v.description('disable: take the newer one off; load: load the older one again'),
      ),
      enabling,
      what: text,
      findings: v.array(finding),
    }),
    ...judgement,
  }),
  ...failures('upgrade'),
]);

const assess = v.variant('outcome', [
  v.strictObject({
    command: v.literal('assess'),
    outcome: v.pipe(
      v.picklist(['yes', 'with-decisions', 'refused', 'nothing']),
      v.description('refused: exit code 1; nothing: exit code 4'),
    ),
    kernel: text,
    units: v.array(
      v.strictObject({
        source: text,
        object: text,
        functions: v.array(v.strictObject({ name: text, status: text, reasons: v.array(text) })),
      }),
    ),
    ...judgement,
    steps: v.array(step),
  }),
  failures('assess')[1],
]);

const source = v.variant('outcome', [
  v.strictObject({
    command: v.literal('source'),
    outcome: v.literal('written'),
    kernel: text,
    folder: text,
    files: v.pipe(v.array(text), v.description('paths in the folder')),
    objects: v.array(
      v.strictObject({
        name: text,
        functions: v.array(v.strictObject({ old: text, new: text, sympos: count })),
      }),
    ),
    symbols: v.pipe(
      v.array(
        v.strictObject({
          name: v.pipe(text, v.description('in C')),
          symbol: v.optional(v.pipe(text, v.description('in the kernel, when it differs'))),
          object: text,
          sympos: count,
          kind: v.picklist(['function', 'variable']),
          how: v.picklist(['exported', 'klp-relocation']),
          why: v.optional(text),
        }),
      ),
      v.description('private symbols, as in the manifest'),
    ),
    lines: v.pipe(
      v.strictObject({ patched: count, all: count }),
      v.description(
        'lines of code: of the functions that are replaced or that the fix edits, and of all C that was written',
      ),
    ),
    agreement: v.optional(
      v.pipe(
        v.strictObject({
          agrees: v.pipe(v.boolean(), v.description('all that differs is explained')),
          functions: v.array(text),
          symbols: v.array(text),
          code: v.array(
            v.strictObject({
              function: text,
              verdict: v.picklist(['same', 'inlining', 'other']),
              binary: v.pipe(count, v.description('bytes')),
              source: v.pipe(count, v.description('bytes')),
            }),
          ),
          differences: v.array(v.strictObject({ what: text, why: v.optional(text) })),
        }),
        v.description('with --verify: how the two routes compare'),
      ),
    ),
    findings: v.array(finding),
  }),
  v.strictObject({
    command: v.literal('source'),
    outcome: v.pipe(v.literal('nothing'), v.description('the fix changes nothing that this kernel runs')),
    kernel: text,
    findings: v.array(finding),
  }),
  ...failures('source'),
]);

const pitfall = v.strictObject({
  id: text,
  name: v.pipe(text, v.description('of its folder')),
  title: text,
  severity: v.picklist(['error', 'warning', 'note']),
  statement: text,
});

const handbook = v.variant('outcome', [
  v.strictObject({
    command: v.literal('handbook'),
    outcome: v.pipe(v.literal('served'), v.description('until it is interrupted')),
    url: text,
  }),
  ...failures('handbook'),
]);

const explain = v.variant('outcome', [
  v.strictObject({ command: v.literal('explain'), outcome: v.literal('listed'), pitfalls: v.array(pitfall) }),
  v.strictObject({
    command: v.literal('explain'),
    outcome: v.literal('explained'),
    pitfall,
    page: v.pipe(text, v.description('Markdown')),
  }),
  v.strictObject({
    command: v.literal('explain'),
    outcome: v.pipe(v.literal('message'), v.description("a line of the kernel's log")),
    what: text,
    why: v.optional(text),
    next: text,
    pitfall: v.optional(v.pipe(text, v.description('KLPnnn'))),
  }),
  ...failures('explain'),
]);

const witness = v.picklist(['elf', 'dwarf', 'ipa-clones', 'clang-remarks']);

const whoInlines = v.variant('outcome', [
  v.strictObject({
    command: v.literal('who inlines'),
    outcome: v.literal('found'),
    name: text,
    kernel: text,
    defined: v.optional(v.strictObject({ file: text, line: count })),
    isInline: v.pipe(v.boolean(), v.description('the source declares it inline')),
    compiled: v.pipe(count, v.description('units that were compiled for the answer')),
    failed: v.array(text),
    units: v.pipe(
      v.array(
        v.strictObject({
          source: text,
          object: text,
          owner: text,
          witnesses: v.pipe(v.array(witness), v.description('who was heard')),
          holders: v.pipe(
            v.array(text),
            v.description('functions that hold its code, those that must change when its source does'),
          ),
          symbols: v.array(
            v.strictObject({ name: text, size: count, isGlobal: v.boolean(), isTraceable: v.boolean() }),
          ),
          statements: v.array(
            v.strictObject({
              kind: v.pipe(
                v.picklist(['code', 'clone', 'inlined', 'folded', 'caller']),
                v.description('caller: calls it out of line'),
              ),
              text,
              into: v.optional(v.pipe(text, v.description('the holder, the twin or the caller'))),
              chain: v.optional(
                v.pipe(v.array(text), v.description('functions between, from the function outwards')),
              ),
              symbol: v.optional(text),
              by: v.pipe(v.array(witness), v.description('who knows it')),
              silent: v.pipe(v.array(witness), v.description('who was heard and does not')),
            }),
          ),
        }),
      ),
      v.description('units whose object knows the function'),
    ),
  }),
  ...failures('who inlines'),
]);

const newSample = v.variant('outcome', [
  v.strictObject({
    command: v.literal('new'),
    outcome: v.literal('listed'),
    samples: v.array(v.strictObject({ name: text, summary: text })),
  }),
  v.strictObject({
    command: v.literal('new'),
    outcome: v.literal('made'),
    sample: text,
    folder: text,
    name: v.pipe(text, v.description('of the livepatch')),
    files: v.pipe(v.array(text), v.description('in the folder')),
  }),
  ...failures('new'),
]);

const liveLivepatch = v.strictObject({
  name: text,
  isEnabled: v.pipe(v.boolean(), v.description('during a transition: where it goes')),
  transition: v.optional(v.picklist(['patching', 'unpatching'])),
  replace: v.optional(v.pipe(v.boolean(), v.description('absent where the kernel does not show it'))),
  objects: v.array(
    v.strictObject({
      name: v.pipe(text, v.description('vmlinux, or a module')),
      isPatched: v.optional(v.boolean()),
      isLoaded: v.boolean(),
      functions: v.array(v.strictObject({ name: text, sympos: count })),
    }),
  ),
});

const liveTask = v.strictObject({
  pid: count,
  tid: count,
  name: text,
  stack: v.pipe(v.array(text), v.description('innermost first')),
  inside: v.optional(v.pipe(text, v.description('the function that it has to leave'))),
});

const status = v.variant('outcome', [
  v.strictObject({
    command: v.literal('status'),
    outcome: v.literal('shown'),
    release: text,
    livepatches: v.pipe(v.array(liveLivepatch), v.description('the last is asked first')),
    order: v.pipe(
      v.picklist(['stack_order', 'modules', 'unknown']),
      v.description('how the order is known: shown by the kernel, as the modules were loaded, or not at all'),
    ),
    transition: v.optional(
      v.strictObject({
        livepatch: text,
        direction: v.picklist(['patching', 'unpatching']),
        tasks: v.array(liveTask),
        isReadable: v.pipe(v.boolean(), v.description('false where only root may see which tasks block')),
      }),
    ),
    left: v.pipe(
      v.array(v.strictObject({ name: text, references: count })),
      v.description('modules of livepatches that are not in force any more'),
    ),
    taint: v.strictObject({
      value: count,
      reasons: v.array(v.strictObject({ letter: text, meaning: text })),
    }),
  }),
  ...failures('status'),
]);

const kernelLog = v.pipe(v.array(text), v.description('what the kernel logged meanwhile'));

const load = v.variant('outcome', [
  v.strictObject({
    command: v.literal('load'),
    outcome: v.literal('loaded'),
    name: text,
    kernel: v.optional(v.pipe(text, v.description('absent when it was held against none'))),
    seconds: v.pipe(seconds, v.description('of its transition')),
    livepatch: v.optional(liveLivepatch),
    findings: v.array(finding),
    log: kernelLog,
  }),
  ...failures('load'),
]);

const disable = v.variant('outcome', [
  v.strictObject({
    command: v.literal('disable'),
    outcome: v.pipe(v.picklist(['disabled', 'nothing']), v.description('nothing: exit code 4')),
    name: text,
    seconds,
    log: kernelLog,
  }),
  ...failures('disable'),
]);

const unload = v.variant('outcome', [
  v.strictObject({
    command: v.literal('unload'),
    outcome: v.literal('unloaded'),
    name: text,
    seconds,
    log: kernelLog,
  }),
  ...failures('unload'),
]);

const cell = v.strictObject({
  kernel: text,
  release: text,
  sourceVersion: v.optional(text),
  coveredUntil: v.optional(text),
  fix: v.pipe(text, v.description('its id; * for the livepatch of all good fixes')),
  cves: v.array(text),
  state: v.picklist(cellStates),
  reason: text,
  next: v.optional(text),
  findings: v.array(finding),
  inputs: v.pipe(text, v.description('digest of everything that the state was derived from')),
  isStale: v.optional(
    v.pipe(
      v.literal(true),
      v.description('in a report: the matrix, a patch or klpkit is another than the state was derived from'),
    ),
  ),
  artifact: v.optional(
    v.strictObject({
      name: text,
      digest: v.pipe(text, v.description('SHA-256 of the module in the store')),
      size: count,
      report: v.pipe(text, v.description('SHA-256 of its report in the store')),
      page: v.pipe(text, v.description('SHA-256 of the report as a page')),
      objects: v.array(v.strictObject({ name: text, functions: v.array(text) })),
    }),
  ),
  group: v.optional(v.pipe(text, v.description('equal for cells that were changed in the same way'))),
  proof: v.optional(v.strictObject({ verdict: v.picklist(['proven', 'failed']), digest: text })),
});

const matrix = v.variant('outcome', [
  v.strictObject({
    command: v.literal('matrix'),
    outcome: v.pipe(v.picklist(['done', 'waiting']), v.description('waiting: a cell needs a human')),
    cells: v.array(cell),
    jobs: v.strictObject({ done: count, kept: count }),
  }),
  ...failures('matrix'),
]);

const matrixReport = v.variant('outcome', [
  v.strictObject({
    command: v.literal('matrix report'),
    outcome: v.pipe(v.picklist(['done', 'waiting']), v.description('waiting: a cell needs a human')),
    cells: v.array(cell),
    unknown: v.pipe(count, v.description('cells that no run has taken to an end')),
    unseen: v.pipe(v.array(text), v.description('kernels of the matrix that no run has seen yet')),
    kernels: v.array(
      v.strictObject({
        kernel: text,
        release: text,
        coverage: v.pipe(
          v.picklist(coverageStates),
          v.description('ending: within the days that the policy warns ahead; unknown: no day is said'),
        ),
        coveredUntil: v.optional(text),
        daysLeft: v.optional(v.pipe(count, v.description('of a coverage that is ending; 0 on its last day'))),
        next: v.optional(v.pipe(text, v.description('what to do about a coverage that ends'))),
        live: v.pipe(v.array(text), v.description('fixes in the livepatch of this kernel')),
        mitigated: v.pipe(v.array(text), v.description('fixes that it only has a mitigation for')),
        notNeeded: v.array(text),
        open: v.pipe(
          v.array(text),
          v.description('what waits for a human, and what the kernel stays without'),
        ),
        released: v.pipe(
          v.array(
            v.strictObject({
              name: text,
              folder: text,
              version: v.optional(text),
              notice: v.optional(text),
              sha256: text,
              proven: v.pipe(text, v.description('SHA-256 before it was signed')),
              fixes: v.array(text),
              state: v.picklist(['released', 'superseded', 'withdrawn']),
              reason: v.optional(text),
            }),
          ),
          v.description('livepatches that were released for it before, the oldest first'),
        ),
      }),
    ),
    groups: v.array(v.strictObject({ key: text, fix: text, kernels: v.array(text), differs: v.array(text) })),
    release: v.optional(
      v.pipe(
        v.strictObject({
          folder: text,
          isSigned: v.boolean(),
          kernels: v.array(
            v.strictObject({
              kernel: text,
              file: text,
              sha256: v.pipe(text, v.description('of the module')),
            }),
          ),
        }),
        v.description('what --release wrote; its manifest.json tells all'),
      ),
    ),
  }),
  ...failures('matrix report'),
]);

const worker = v.variant('outcome', [
  v.strictObject({ command: v.literal('worker'), outcome: v.literal('ended'), jobs: count }),
  ...failures('worker'),
]);

const signer = v.strictObject({
  subject: text,
  fingerprint: v.pipe(text, v.description('SHA-256 of the certificate')),
});

const sign = v.variant('outcome', [
  v.strictObject({
    command: v.literal('sign'),
    outcome: v.literal('signed'),
    file: text,
    kernel: v.pipe(text, v.description('whose program signed')),
    hash: v.pipe(text, v.description('as its configuration has it')),
    sha256: v.pipe(text, v.description('of the signed module')),
    certificate: signer,
  }),
  v.strictObject({
    command: v.literal('sign'),
    outcome: v.pipe(v.picklist(['good', 'bad']), v.description('of --verify; bad: exit code 1')),
    file: text,
    certificate: signer,
    reason: v.optional(v.pipe(text, v.description('why it is bad'))),
    next: v.optional(text),
  }),
  ...failures('sign'),
]);

const demo = v.variant('outcome', [
  v.strictObject({
    command: v.literal('demo'),
    outcome: v.picklist(['proven', 'not-proven']),
    kernel: text,
    files: v.strictObject({ patch: text, module: text, report: text, page: text, transcript: text }),
    check: v.strictObject({
      command: text,
      before: v.optional(text),
      patched: v.optional(text),
      reverted: v.optional(text),
    }),
    seconds,
  }),
  ...failures('demo'),
]);

const selftest = v.variant('outcome', [
  v.strictObject({
    command: v.literal('selftest'),
    outcome: v.pipe(v.picklist(['passed', 'failed']), v.description('failed: exit code 1')),
    kernel: v.strictObject({ id: text, release: text }),
    scripts: v.array(
      v.strictObject({
        name: text,
        outcome: v.picklist(['passed', 'failed', 'skipped']),
        code: v.nullable(v.pipe(v.number(), v.integer())),
        planned: v.pipe(count, v.description('cases that the script has')),
        cases: v.array(v.strictObject({ name: text, isOk: v.boolean() })),
        words: v.optional(text),
        output: v.optional(v.pipe(text, v.description('of a script that did not pass'))),
        seconds,
      }),
    ),
    buildSeconds: v.number(),
    seconds,
  }),
  ...failures('selftest'),
]);

/** What each subcommand answers with `--json`, by the name of its schema file. */
export const schemas = {
  doctor,
  'kernel-add': kernelAdd,
  'kernel-list': kernelList,
  'kernel-show': kernelShow,
  'kernel-remove': kernelRemove,
  build,
  source,
  prove,
  selftest,
  compare,
  assess,
  check,
  convert,
  show,
  upgrade,
  explain,
  handbook,
  'who-inlines': whoInlines,
  new: newSample,
  status,
  load,
  disable,
  unload,
  matrix,
  'matrix-report': matrixReport,
  worker,
  sign,
  demo,
} as const;

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

/** The answer of a subcommand. */
export type Answer<Name extends keyof typeof schemas> = DeepReadonly<v.InferInput<(typeof schemas)[Name]>>;
