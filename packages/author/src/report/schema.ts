import * as v from 'valibot';
import { reportVersion } from './version.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const text = v.string();
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const lines = v.pipe(
  v.strictObject({ first: count, last: count }),
  v.description('lines from 1; last = first - 1 is the gap in front of line first'),
);

const place = v.strictObject({
  file: v.optional(text),
  line: v.optional(count),
  unit: v.optional(text),
  section: v.optional(text),
  offset: v.optional(v.number()),
  symbol: v.optional(text),
});

const finding = v.strictObject({
  id: text,
  severity: v.picklist(['error', 'warning', 'note']),
  what: text,
  why: v.optional(text),
  next: v.optional(text),
  evidence: v.optional(v.pipe(v.array(text), v.description('what it rests on'))),
  certainty: v.optional(
    v.pipe(v.picklist(['certain', 'likely', 'possible']), v.description('certain when absent')),
  ),
  at: v.optional(place),
  overridden: v.pipe(v.boolean(), v.description('true when the author let the build go on in spite of it')),
});

const reason = v.strictObject({
  kind: v.pipe(
    v.picklist([
      'edited',
      'inlined',
      'clones',
      'string',
      'constant',
      'type',
      'reference',
      'table',
      'section',
      'with',
      'removed',
      'declaration',
      'compiler',
      'unknown',
    ]),
    v.description(
      'edited: the fix edits its lines; inlined: those of a function inlined into it; clones: the compiler makes other copies of it or of a callee; string, constant, type: such a value, or a layout, differs; reference, table, section: what differs first; with: it changes with its cold part or parent; declaration: a macro, type or declaration is edited; compiler: a decision of the compiler; unknown: no source lines',
    ),
  ),
  text: v.pipe(text, v.description('a sentence that stands alone')),
  function: v.optional(v.pipe(text, v.description('the edited function'))),
  file: v.optional(text),
  lines: v.optional(lines),
  chain: v.optional(
    v.pipe(
      v.array(v.strictObject({ function: text, file: v.optional(text), line: v.optional(count) })),
      v.description(
        'inlined calls from the changed function down to the edited one: what was inlined, and where its call stands',
      ),
    ),
  ),
});

const changedFunction = v.strictObject({
  name: text,
  status: v.picklist(['changed', 'new', 'removed']),
  patched: v.pipe(
    v.boolean(),
    v.description('true when it is a klp_func of the livepatch; else it travels along or is gone'),
  ),
  sympos: v.optional(v.pipe(count, v.description('klp_func.old_sympos'))),
  sizes: v.strictObject({ before: v.optional(count), after: v.optional(count) }),
  difference: v.optional(
    v.pipe(
      v.strictObject({
        kind: v.picklist(['code', 'size', 'reference', 'table', 'section', 'with']),
        offset: count,
        before: text,
        after: text,
      }),
      v.description('the first difference, bytes from the start of the function'),
    ),
  ),
  why: v.array(reason),
  fixes: v.optional(
    v.pipe(v.array(text), v.description('of several fixes: those that it changes by, in their order')),
  ),
});

const unit = v.strictObject({
  source: text,
  object: text,
  owner: v.pipe(text, v.description('vmlinux, or a module')),
  sha256: v.strictObject({ before: sha256, after: sha256 }),
  match: v.strictObject({
    verdicts: v.pipe(
      v.array(v.strictObject({ verdict: text, count })),
      v.description('the functions of the before object beside the shipped kernel'),
    ),
    aside: v.pipe(
      v.array(v.strictObject({ what: text, count })),
      v.description('differences that were put aside, since they are explained'),
    ),
    checked: v.pipe(count, v.description('references whose targets were compared')),
    exceptions: v.pipe(
      v.array(v.strictObject({ name: text, verdict: text, detail: v.optional(text) })),
      v.description('functions that are not the shipped bytes as they are'),
    ),
  }),
  unchanged: v.pipe(count, v.description('functions that are the same before and after')),
  functions: v.array(changedFunction),
  data: v.array(
    v.strictObject({
      name: text,
      status: v.pipe(
        v.picklist(['changed', 'new', 'removed', 'copied']),
        v.description('copied: the livepatch has a fresh one of its own'),
      ),
      section: text,
      size: count,
    }),
  ),
  dropped: v.pipe(
    v.array(v.strictObject({ what: text, why: v.optional(text) })),
    v.description('parts of the fix that the livepatch does not carry'),
  ),
});

/** The schema of a module's report; JSON as `reportJson` writes it. */
export const reportSchema = v.pipe(
  v.strictObject({
    version: v.literal(reportVersion),
    name: v.pipe(text, v.description('name of the livepatch')),
    kernel: v.strictObject({ id: text, release: text, compiler: text }),
    fixes: v.array(
      v.strictObject({
        name: v.pipe(text, v.description('file name of the patch')),
        subject: v.optional(text),
        files: v.array(
          v.strictObject({
            path: text,
            change: v.picklist(['modified', 'added', 'removed']),
            hunks: v.array(
              v.strictObject({
                line: v.pipe(count, v.description('where it was applied, in the unfixed file')),
                offset: v.pipe(v.number(), v.integer(), v.description('lines from where the patch says')),
                fuzz: v.pipe(count, v.description('context lines that were left out to make it fit')),
              }),
            ),
          }),
        ),
      }),
    ),
    units: v.array(unit),
    sources: v.optional(
      v.pipe(
        v.array(
          v.strictObject({
            file: text,
            object: v.optional(v.pipe(text, v.description('whose code it patches; absent for the tables'))),
            unit: v.optional(v.pipe(text, v.description('source of the kernel whose flags it has'))),
            sha256: v.pipe(sha256, v.description('of its object')),
            functions: v.array(
              v.strictObject({
                name: v.pipe(text, v.description('in the kernel')),
                new: v.pipe(text, v.description('in C')),
                sympos: count,
                size: v.pipe(count, v.description('bytes of the new code')),
              }),
            ),
          }),
        ),
        v.description('C files of a livepatch that was written, not compared: units is empty then'),
      ),
    ),
    relocations: v.pipe(
      v.array(
        v.strictObject({
          object: v.pipe(text, v.description('who owns the symbol: vmlinux or a module')),
          name: text,
          sympos: count,
          patched: v.pipe(text, v.description('the klp_object whose code refers to it')),
          usedBy: v.pipe(
            v.array(text),
            v.description('functions and tables of the livepatch that refer to it'),
          ),
        }),
      ),
      v.description('KLP relocations: symbols that the kernel does not export to this module'),
    ),
    exports: v.pipe(v.array(text), v.description('exported symbols that the livepatch uses')),
    findings: v.array(finding),
    module: v.optional(
      v.strictObject({
        name: text,
        sha256,
        size: count,
        replace: v.boolean(),
        objects: v.array(
          v.strictObject({
            name: text,
            functions: v.array(v.strictObject({ name: text, sympos: count })),
            callbacks: v.optional(
              v.pipe(
                v.array(v.strictObject({ kind: text, function: text })),
                v.description('in the order in which they run; absent when it has none'),
              ),
            ),
          }),
        ),
        states: v.optional(
          v.pipe(
            v.array(v.strictObject({ id: count, version: count })),
            v.description('klp_state; absent when it has none'),
          ),
        ),
      }),
    ),
    tools: v.array(v.strictObject({ name: text, version: text })),
  }),
  v.title('report of a livepatch that klpkit built'),
);

/** Everything that is said of one livepatch: plain, serialisable, the same for the same input. */
export type Report = v.InferOutput<typeof reportSchema>;
/** A unit of the report. */
export type ReportUnit = Report['units'][number];
/** A changed, new or removed function of the report. */
export type ReportFunction = ReportUnit['functions'][number];
/** Why a function changed. */
export type Reason = v.InferOutput<typeof reason>;
/** A finding with the author's decision. */
export type ReportFinding = v.InferOutput<typeof finding>;
/** One KLP relocation in words. */
export type ReportRelocation = Report['relocations'][number];
