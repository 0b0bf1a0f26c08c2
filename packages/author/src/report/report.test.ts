import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareObjects, readObjectModel } from '@klpkit/compare';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unitDetails } from './details.ts';
import { type EditedFile, editsOf, functionExtent, linesOf, touches } from './edits.ts';
import {
  type FunctionDetails,
  makeReport,
  openSource,
  openUnitSource,
  reportHtml,
  reportJson,
  reportSchema,
} from './index.ts';
import type { ReportedUnit, ReportRequest } from './make.ts';
import type { ReportFunction } from './schema.ts';
import { treePath } from './source.ts';

const header = `#define LIMIT 10
static inline __attribute__((always_inline)) int twice(int value)
{
	return value * 2 + opaque(value);
}
struct part {
	int head;
	int tail;
};
enum mode {
	MODE_A = 2,
	MODE_B = 5,
};
#define FIRST "first"
`;
const source = `extern int opaque(int);
#include "part.h"
static inline __attribute__((always_inline)) int middle(int value)
{
	int sum = twice(value);
	return sum + 1;
}
int edited(int value)
{
	if (value > 3)
		opaque(value);
	return value;
}
int inliner(int value)
{
	opaque(4);
	return middle(value) ^ 5;
}
int limited(int value)
{
	return opaque(value % LIMIT);
}
static __attribute__((noinline)) int helper(int value)
{
	return opaque(value) + opaque(value + 1);
}
int caller(int value)
{
	return helper(value) + helper(7);
}
int untouched(int value)
{
	return opaque(opaque(value));
}
int old(int value) { return opaque(value) * 9; }
static __attribute__((noinline)) int leaf(int value)
{
	return value * 3;
}
int keeper(int value)
{
	return leaf(value + 1) + value;
}
int both(int value)
{
	return middle(value) + twice(value);
}
static int most(void)
{
	return 17;
}
static int room(int value) { return value > most(); }
int queue(int value)
{
	return room(value) ? -22 : opaque(value);
}
static __attribute__((noinline)) int mode(int value, int which)
{
	if (which == 3)
		return opaque(value + 9) + value;
	return opaque(opaque(value)) - value;
}
int flush(int value) { return mode(value, 3) + 1; }
int reader(struct part *part) { return part->tail; }
extern int say(const char *);
int talker(void) { return say(FIRST); }
int chooser(void) { return opaque(MODE_B); }
static int lone(int value)
{
	for (int i = 0; i < 9; i++)
		value += opaque(value + i) * opaque(value - i) + opaque(i);
	opaque(value), opaque(value + 1), opaque(value + 2), opaque(value + 3), opaque(value + 4);
	return opaque(value) ^ 3;
}
int single(int value) { return lone(value) + 2; }
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-report-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;
const before: Files = { 'lib/sample.c': source, 'lib/part.h': header };

const compiled = new Map<string, Uint8Array>();

function compile(name: string, files: Files, debug: boolean): Uint8Array {
  const key = `${name} ${debug}`;
  const known = compiled.get(key);
  if (known) return known;
  const tree = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const object = join(tree, debug ? 'g.o' : 'o.o');
  const flags = ['-O2', '-ffunction-sections', '-fdata-sections', debug ? '-g' : '-g0'];
  const dump = `-fdump-ipa-clones=${join(tree, 'clones')}`;
  execFileSync('gcc-12', [...flags, dump, '-c', '-o', object, join(tree, 'lib/sample.c')]);
  const bytes = new Uint8Array(readFileSync(object));
  compiled.set(key, bytes);
  return bytes;
}

let builds = 0;

/** Compiles the sample before and after a change and reports on it. */
function build(change: (files: Files) => Files, debug: 'both' | 'none' | 'wrong' = 'both') {
  const number = builds++;
  const after = change(before);
  const files: EditedFile[] = Object.keys({ ...before, ...after })
    .sort()
    .filter((path) => before[path] !== after[path])
    .map((path) => ({ path, before: before[path], after: after[path] }));
  expect(files.length).toBeGreaterThan(0);
  const side = (name: 'before' | 'after', texts: Files) => {
    const tree = name === 'before' ? name : `${number}after`;
    const bytes = compile(tree, texts, false);
    const twin = debug === 'none' ? undefined : compile(tree, texts, true);
    const model = readObjectModel(bytes);
    return {
      bytes,
      model,
      source: openSource({
        object: model,
        debug: debug === 'wrong' && twin ? twin.subarray(0, twin.length / 2) : twin,
        ...(debug === 'none' ? {} : { ipaClones: readFileSync(join(folder, tree, 'clones'), 'utf8') }),
        roots: [join(folder, tree)],
        read: (path) => texts[path],
      }),
    };
  };
  const [b, a] = [side('before', before), side('after', after)];
  const comparison = compareObjects(b.model, a.model);
  const unit: ReportedUnit = {
    unit: { source: 'lib/sample.c', object: 'lib/sample.o', owner: 'vmlinux' },
    objects: { before: b.bytes, after: a.bytes },
    comparison,
    source: { before: b.source, after: a.source },
  };
  const request: ReportRequest = {
    name: 'livepatch_sample',
    kernel: { id: 'tree:6.12', release: '6.12', compilerVersion: 'gcc-12' },
    fixes: [
      {
        name: 'sample.patch',
        files: files.map((file) => ({ ...file, hunks: [{ line: 1, offset: 0, fuzz: 0 }] })),
      },
    ],
    files,
    units: [unit],
    findings: comparison.findings,
    overrides: [],
    tools: [{ name: 'klpkit', version: '0' }],
  };
  const report = makeReport(request);
  const details = unitDetails('lib/sample.c', comparison, unit.source, files);
  const functions = new Map(report.units[0].functions.map((entry) => [entry.name, entry]));
  return { request, report, details, functions };
}

const edit = (path: string, from: string, to: string) => (files: Files) => {
  expect(files[path]).toContain(from);
  return { ...files, [path]: files[path].replace(from, to) };
};

const kinds = (functions: ReadonlyMap<string, ReportFunction>) =>
  Object.fromEntries([...functions].map(([name, entry]) => [name, entry.why.map((reason) => reason.kind)]));

describe('why a function changed', () => {
  test('the fix edits it', () => {
    const { functions, report } = build(edit('lib/sample.c', 'value > 3', 'value > 30'));
    expect(kinds(functions)).toEqual({ edited: ['edited'] });
    expect(functions.get('edited')?.why[0]).toEqual({
      kind: 'edited',
      text: 'the fix edits its source: lib/sample.c:10',
      function: 'edited',
      file: 'lib/sample.c',
      lines: { first: 10, last: 10 },
    });
    expect(report.units[0].unchanged).toBe(16);
  });

  test('the fix only removes lines of it', () => {
    const { functions } = build(edit('lib/sample.c', '\tif (value > 3)\n\t\topaque(value);\n', ''));
    expect(functions.get('edited')?.why.map((reason) => reason.text)).toEqual([
      'the fix edits its source: lib/sample.c:10',
    ]);
  });

  test('the fix edits what is inlined into it, with the chain down to the edited function', () => {
    const { functions } = build(edit('lib/part.h', 'value * 2', 'value * 3'));
    expect(kinds(functions)).toEqual({ inliner: ['inlined'], both: ['inlined'] });
    expect(functions.get('inliner')?.why[0]).toEqual({
      kind: 'inlined',
      text: 'twice, which the fix edits, is inlined into it by way of middle at lib/sample.c:17 → twice at lib/sample.c:5',
      function: 'twice',
      file: 'lib/part.h',
      lines: { first: 4, last: 4 },
      chain: [
        { function: 'middle', file: 'lib/sample.c', line: 17 },
        { function: 'twice', file: 'lib/sample.c', line: 5 },
      ],
    });
    // Of several ways the shortest is told.
    expect(functions.get('both')?.why.map((reason) => reason.text)).toEqual([
      'twice, which the fix edits, is inlined into it at lib/sample.c:46 (one of 2 places)',
    ]);
  });

  test('of several fixes, by which each function changes', () => {
    const first = edit('lib/part.h', 'value * 2', 'value * 3');
    const second = edit('lib/sample.c', 'return middle(value) ^ 5', 'return middle(value) ^ 7');
    const third = edit('lib/sample.c', 'value > 3', 'value > 30');
    const { request, functions } = build((files) => third(second(first(files))));
    expect(functions.get('edited')?.fixes).toBeUndefined();
    let state = before;
    const fixes = [first, second, third].map((change, index) => {
      const [was, is] = [state, change(state)];
      state = is;
      const files = Object.keys(is).flatMap((path) =>
        was[path] === is[path] ? [] : [{ path, before: was[path], after: is[path], hunks: [] }],
      );
      return { name: `${index + 1}.patch`, files };
    });
    const [unit] = makeReport({ ...request, fixes }).units;
    expect(Object.fromEntries(unit.functions.map(({ name, fixes }) => [name, fixes]))).toEqual({
      both: ['1.patch'],
      edited: ['3.patch'],
      inliner: ['1.patch', '2.patch'],
    });
  });

  test('the fix edits a macro, which is in no function', () => {
    const { functions } = build(edit('lib/part.h', 'LIMIT 10', 'LIMIT 11'));
    expect(kinds(functions)).toEqual({ limited: ['declaration', 'constant'] });
    const [macro, constant] = functions.get('limited')?.why ?? [];
    expect(macro.text).toBe(
      'none of its lines is edited; the fix edits the macro LIMIT, which it uses: lib/part.h:1',
    );
    // The compiler divides by multiplying.
    expect(constant.text).toMatch(/^a constant in its code changes: 0x66666667 becomes 0x\w+, at \+0x/);
  });

  test('the compiler makes another body of an edited callee', () => {
    const { functions } = build(edit('lib/sample.c', 'opaque(value) + opaque(value + 1)', '-opaque(3)'));
    const clone = [...functions.keys()].find((name) => name.startsWith('helper.'));
    const [reason] = functions.get('caller')?.why ?? [];
    expect(reason.kind).toBe('clones');
    expect(reason.text.replace(/0x[0-9a-f]+/, '')).toBe(
      `it refers to ${clone} instead of helper, at +: of helper the compiler makes ${clone?.replace(/\.\d+$/, '')} since the fix, before it was helper`,
    );
    expect(functions.get(clone ?? '')?.why[0].kind).toBe('edited');
  });

  test('the fix edits an inlined function of which nothing is left to see', () => {
    const { functions } = build(edit('lib/sample.c', 'return 17;', 'return 19;'));
    expect(kinds(functions)).toEqual({ queue: ['inlined'] });
    expect(functions.get('queue')?.why[0]).toMatchObject({
      text: 'most, which the fix edits, is inlined into it by way of room → most; no code of it is left that debug information could name, but the compiler tells',
      function: 'most',
      chain: [{ function: 'room' }, { function: 'most' }],
    });
    // Without the dump, the macro-like change has no name.
    const silent = build(edit('lib/sample.c', 'return 17;', 'return 19;'), 'none');
    expect(kinds(silent.functions)).toEqual({ queue: ['unknown'] });
  });

  test('one more caller, and the compiler no longer makes a copy for constant arguments', () => {
    const { functions } = build(
      edit(
        'lib/sample.c',
        'int flush(int value) {',
        'int more(int value) { return mode(value, 1); }\nint flush(int value) {',
      ),
    );
    expect(functions.get('more')?.why[0].kind).toBe('edited');
    const text = 'of mode the compiler makes mode since the fix, before it was mode.constprop';
    expect(functions.get('flush')?.why).toMatchObject([{ kind: 'clones', function: 'mode' }]);
    expect(functions.get('flush')?.why[0].text).toContain(text);
    const renamed = functions.get('mode') ?? functions.get('mode.constprop.0');
    expect(renamed?.why).toMatchObject([{ kind: 'clones', text }]);
  });

  test('one more caller, and the compiler no longer inlines into the one that it had', () => {
    const { functions } = build(
      edit(
        'lib/sample.c',
        'int single(int value) {',
        'int second(int value) { return lone(value + 1); }\nint single(int value) {',
      ),
    );
    expect(functions.get('single')?.why).toEqual([
      {
        kind: 'compiler',
        text: 'none of its lines is edited; lone was inlined into it before the fix, and is called since',
        function: 'lone',
      },
    ]);
    expect(functions.get('lone')).toMatchObject({ status: 'new' });
    expect(functions.get('second')?.why[0].kind).toBe('edited');
  });

  test('the fix edits a type, a string of a macro, an enumerator', () => {
    const type = build(edit('lib/part.h', 'int head;', 'long head;')).functions;
    expect(kinds(type)).toEqual({ reader: ['type', 'type'] });
    expect(type.get('reader')?.why.map(({ text }) => text)).toEqual([
      'none of its lines is edited; the fix edits struct part: lib/part.h:7',
      'an offset into a structure or table changes: 4 becomes 8, at +0x2',
    ]);
    const string = build(edit('lib/part.h', '"first"', '"other"')).functions;
    expect(string.get('talker')?.why).toMatchObject([{ kind: 'string' }]);
    expect(string.get('talker')?.why[0].text).toContain('a string of it changes: "first" becomes "other"');
    const enumerator = build(edit('lib/part.h', 'MODE_B = 5', 'MODE_B = 6')).functions;
    expect(kinds(enumerator)).toEqual({ chooser: ['type', 'constant'] });
    expect(enumerator.get('chooser')?.why[0].text).toBe(
      'none of its lines is edited; the fix edits enum mode, which it uses: lib/part.h:12',
    );
  });

  test('a caller relies on which registers the edited function leaves alone', () => {
    const { functions } = build(edit('lib/sample.c', 'return value * 3', 'return opaque(value) * 3'));
    expect(kinds(functions)).toEqual({ leaf: ['edited'], keeper: ['compiler'] });
    expect(functions.get('keeper')?.why[0]).toMatchObject({ function: 'leaf' });
  });

  test('functions that come and go', () => {
    const { functions } = build(
      edit(
        'lib/sample.c',
        'int old(int value) { return opaque(value) * 9; }',
        'int fresh(int value) { return -opaque(value); }',
      ),
    );
    expect(functions.get('fresh')).toMatchObject({
      status: 'new',
      patched: false,
      why: [{ kind: 'edited' }],
    });
    expect(functions.get('old')).toMatchObject({
      status: 'removed',
      why: [{ kind: 'edited', text: 'the fix removes its source: lib/sample.c:35 before the fix' }],
    });
  });

  test('without debug information, or with a damaged one, the reason says so and nothing fails', () => {
    const change = edit('lib/sample.c', 'value > 3', 'value > 30');
    expect(build(change, 'none').functions.get('edited')?.why).toEqual([
      {
        kind: 'unknown',
        text: 'source lines not available: the unit was not compiled with debug information',
      },
    ]);
    const damaged = build(change, 'wrong');
    expect(damaged.functions.get('edited')?.why[0].text).toMatch(/^source lines not available: elf: /);
    expect(damaged.details[0].problems[0]).toMatch(/^elf: /);
  });

  test('debug information of other code is not used', () => {
    const { request } = build(edit('lib/sample.c', 'value > 3', 'value > 30'));
    const [{ comparison }] = request.units;
    const other = openSource({
      object: comparison.after,
      debug: compile('other', before, true),
      roots: [],
      read: () => undefined,
    });
    const piece = comparison.after.named('edited')[0];
    expect(other.of(piece)).toEqual({
      problem: 'the code of edited is another in the object with debug information',
    });
    expect(other.of(comparison.after.named('untouched')[0])).not.toHaveProperty('problem');
  });
});

describe('the code side by side', () => {
  const rowsOf = ({ rows }: FunctionDetails, side: 'before' | 'after') =>
    rows.flatMap((row) => (row.kind === 'source' ? [] : (row[side]?.text ?? [])));

  test('has every instruction once, with its source line above it', () => {
    const { details, request } = build(edit('lib/part.h', 'value * 2', 'value * 3 - opaque(1)'));
    expect(details.map((entry) => entry.name)).toEqual(['inliner', 'both']);
    const [{ comparison }] = request.units;
    for (const side of ['before', 'after'] as const) {
      const model = comparison[side];
      const all = model.arch.instructions(model.content(model.named('inliner')[0]));
      expect(rowsOf(details[0], side)).toHaveLength(all.length);
    }
    expect(rowsOf(details[0], 'after').filter((text) => text === 'call opaque')).toHaveLength(3);
    const lines = details[0].rows.flatMap((row) => (row.kind === 'source' && row.after ? [row.after] : []));
    expect(lines).toContainEqual({
      path: 'lib/part.h',
      line: 4,
      text: '\treturn value * 3 - opaque(1) + opaque(value);',
      via: ['middle', 'twice'],
      edited: true,
    });
    expect(lines).toContainEqual({
      path: 'lib/sample.c',
      line: 16,
      text: '\topaque(4);',
      via: [],
      edited: false,
    });
  });

  test('jumps that only move are equal, and so are references', () => {
    const { details } = build(edit('lib/sample.c', 'value > 3', 'opaque(2) > 3'));
    const kindsOf = details[0].rows.map((row) => row.kind);
    expect(kindsOf).toContain('added');
    const same = details[0].rows.filter((row) => row.kind === 'same');
    expect(same.some((row) => row.before?.text === 'call opaque')).toBe(true);
  });
});

describe('the report', () => {
  test('keeps to its schema, and is the same whatever the order of the work and the place', () => {
    const change = edit('lib/part.h', 'value * 2', 'value * 3');
    const [first, second] = [build(change), build(change)];
    expect(v.parse(reportSchema, JSON.parse(reportJson(first.report)))).toEqual(first.report);
    const [unit] = second.request.units;
    const twice = (units: readonly ReportedUnit[]): ReportRequest => ({
      ...second.request,
      units,
      tools: [{ name: 'zzz', version: '1' }, ...second.request.tools],
    });
    const other: ReportedUnit = { ...unit, unit: { ...unit.unit, source: 'lib/another.c' } };
    expect(reportJson(makeReport(twice([unit, other])))).toBe(reportJson(makeReport(twice([other, unit]))));
    expect(reportJson(first.report)).toBe(reportJson(second.report));
    expect(reportHtml(first.report, first.details)).toBe(reportHtml(second.report, second.details));
    expect(reportHtml(first.report, first.details)).not.toContain(folder);
  });

  test('names who refers to each KLP relocation, and counts what was put aside', () => {
    const { request } = build(edit('lib/sample.c', 'value > 3', 'value > 30'));
    const [unit] = request.units;
    const { comparison } = unit;
    const [b, a] = [comparison.before.named('edited')[0], comparison.after.named('edited')[0]];
    const report = makeReport({
      ...request,
      overrides: ['KLP001'],
      findings: [
        { id: 'KLP001', severity: 'error', what: 'one' },
        { id: 'KLP002', severity: 'note', what: 'two' },
      ],
      units: [
        {
          ...unit,
          match: {
            functions: [
              { name: 'edited', verdict: 'jump-labels', jumpLabels: 2, targetsChecked: 5 },
              { name: 'caller', verdict: 'identical', jumpLabels: 0, targetsChecked: 1 },
              {
                name: 'old',
                verdict: 'different',
                jumpLabels: 0,
                targetsChecked: 0,
                difference: { what: 'size', expected: '12', found: '13' },
              },
            ],
          },
          // The after object stands for an extracted one: `opaque` is undefined in both.
          extraction: {
            bytes: unit.objects.after,
            functions: [{ oldName: 'edited', sympos: 2, newSymbol: 'edited', before: b, after: a }],
            data: [],
            placeholders: [
              { symbol: 'opaque', object: 'vmlinux', name: 'opaque', sympos: 0, patched: 'vmlinux' },
            ],
            exports: ['kfree', '_printk'],
          },
        },
      ],
    });
    const [relocation] = report.relocations;
    expect(relocation).toMatchObject({ name: 'opaque', object: 'vmlinux' });
    expect(relocation.usedBy).toEqual(expect.arrayContaining(['edited', 'inliner', 'untouched']));
    expect(relocation.usedBy).toEqual([...relocation.usedBy].sort());
    expect(report.exports).toEqual(['_printk', 'kfree']);
    expect(report.findings.map((finding) => finding.overridden)).toEqual([true, false]);
    expect(report.units[0].functions[0]).toMatchObject({ name: 'edited', patched: true, sympos: 2 });
    expect(report.units[0].match).toEqual({
      verdicts: [
        { verdict: 'different', count: 1 },
        { verdict: 'identical', count: 1 },
        { verdict: 'jump-labels', count: 1 },
      ],
      aside: [{ what: 'jump labels (static branches) that objtool turned into nops', count: 2 }],
      checked: 6,
      exceptions: [{ name: 'old', verdict: 'different', detail: 'size: expected 12, found 13' }],
    });
  });
});

test('a unit of a tree: texts of the fix, the source, the build folder, and nothing outside', () => {
  const { request } = build(edit('lib/part.h', 'value * 2', 'value * 3'));
  const [{ comparison }] = request.units;
  const tree = { sourceDir: join(folder, 'tree'), buildDir: join(folder, 'out') };
  for (const [path, text] of [
    ['tree/lib/sample.c', 'source'],
    ['out/generated.h', 'generated'],
    ['secret', 'secret'],
  ]) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const source = openUnitSource({ kernel: tree, comparison, files: request.files, debug: {}, overlays: [] });
  expect(source.before.lines('lib/part.h')?.[3]).toBe('\treturn value * 2 + opaque(value);');
  expect(source.after.lines('lib/part.h')?.[3]).toBe('\treturn value * 3 + opaque(value);');
  expect(source.after.lines('lib/sample.c')).toEqual(['source']);
  expect(source.after.lines('generated.h')).toEqual(['generated']);
  expect(readFileSync(join(folder, 'tree/../secret'), 'utf8')).toBe('secret');
  expect(source.after.lines('../secret')).toBeUndefined();
  expect(source.after.lines(join(folder, 'secret'))).toBeUndefined();
});

describe('lines of the source', () => {
  test('edits are the lines that differ; a gap has no lines', () => {
    expect(editsOf('a\nb\nc\n', 'a\nx\nc\n')).toEqual([
      { before: { first: 2, last: 2 }, after: { first: 2, last: 2 } },
    ]);
    expect(editsOf('a\nc\n', 'a\nb\nc\n')).toEqual([
      { before: { first: 2, last: 1 }, after: { first: 2, last: 2 } },
    ]);
    expect(editsOf('', 'a\n')).toEqual([{ before: { first: 1, last: 0 }, after: { first: 1, last: 1 } }]);
    expect(editsOf('same\n', 'same\n')).toEqual([]);
  });

  test('a gap touches a function when it is between two of its lines', () => {
    expect(touches({ first: 5, last: 4 }, 5, 9)).toBe(false);
    expect(touches({ first: 6, last: 5 }, 5, 9)).toBe(true);
    expect(touches({ first: 9, last: 8 }, 5, 9)).toBe(true);
    expect(touches({ first: 10, last: 9 }, 5, 9)).toBe(false);
    expect(touches({ first: 9, last: 12 }, 5, 9)).toBe(true);
    expect(touches({ first: 1, last: 4 }, 5, 9)).toBe(false);
  });

  test('a function goes from its type to its brace', () => {
    const text = linesOf(
      'int x;\n\nstatic __always_inline\nint f(int a,\n      int b)\n{\n\tif (a) {\n\t}\n}\nint g(void) { return 1; }\nDEFINE_SHOW(h);\nint last(',
    );
    expect(functionExtent(text, 4)).toEqual({ first: 3, last: 9 });
    expect(functionExtent(text, 10)).toEqual({ first: 10, last: 10 });
    expect(functionExtent(text, 11)).toEqual({ first: 11, last: 11 });
    expect(functionExtent(text, 12)).toEqual({ first: 12, last: 12 });
  });

  test('paths are those of the tree', () => {
    expect(treePath('/a/src/./fs/../mm/x.c', ['/a', '/a/src/'])).toBe('mm/x.c');
    expect(treePath('./include/linux/fs.h', [])).toBe('include/linux/fs.h');
    expect(treePath('/elsewhere/x.h', ['/a'])).toBeUndefined();
    expect(treePath('/ab/x.h', ['/a'])).toBeUndefined();
  });
});
