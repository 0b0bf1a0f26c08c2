import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Comparison, compareObjects, type ObjectModel, readObjectModel } from '../index.ts';

const run = promisify(execFile);

/** What makes small C look like a unit of a kernel for x86-64, with function and data sections as klpkit compiles it. */
export const kernelFlags: readonly string[] = [
  '-std=gnu11',
  '-O2',
  '-w',
  '-ffreestanding',
  '-fno-pie',
  '-mcmodel=kernel',
  '-mno-red-zone',
  '-mno-sse',
  '-fno-common',
  '-fno-strict-aliasing',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-jump-tables',
  '-fcf-protection=branch',
  '-fpatchable-function-entry=16,16',
  '-pg',
  '-mfentry',
  '-mrecord-mcount',
  '-ffunction-sections',
  '-fdata-sections',
];

/** The kernel's macros that the tests need, cut down to what the compiler and the assembler see of them. */
const prelude = `
typedef unsigned long size_t;
#define noinline __attribute__((__noinline__))
#define used __attribute__((__used__))
#define section(name) __attribute__((__section__(name)))
#define cold __attribute__((__cold__))
#define unlikely(x) __builtin_expect(!!(x), 0)
#define str_(x) #x
#define str(x) str_(x)
extern int printk(const char *format, ...);
extern void use(const void *);
extern int external(int);
extern void cold_external(const char *) cold;
#define WARN() asm volatile("1: .byte 0x0f, 0x0b\\n" \\
  ".pushsection __bug_table,\\"aw\\"\\n2: .long 1b - .\\n.long %c0 - .\\n.word %c1\\n.word %c2\\n.org 2b + 12\\n.popsection\\n" \\
  "998: .pushsection .discard.reachable\\n.long 998b\\n.popsection" : : "i" (__FILE__), "i" (__LINE__), "i" (2305))
#define ONCE() ({ static _Bool section(".data..once") __already_done; int first = !__already_done; __already_done = 1; first; })
#line 1 "unit.c"
`;

/** Compiles C, with the macros of this file before it, to a relocatable object. */
export async function compile(
  source: string,
  flags: readonly string[] = [],
  base: readonly string[] = kernelFlags,
  compiler = 'gcc-12',
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-compare-'));
  try {
    const object = join(folder, 'unit.o');
    const child = run(compiler, [...base, ...flags, '-x', 'c', '-', '-c', '-o', object]);
    child.child.stdin?.end(prelude + source);
    await child;
    return new Uint8Array(await readFile(object));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Compiles C twice, the second time with FIX defined, so that a case reads as one text with its change in `#ifdef FIX`.
 * A part in `#ifdef FIX` moves no line numbers.
 */
export async function compilePair(
  source: string,
  flags: readonly string[] = [],
): Promise<{ before: ObjectModel; after: ObjectModel }> {
  const [before, after] = await Promise.all([compile(source, flags), compile(source, [...flags, '-DFIX'])]);
  return { before: readObjectModel(before), after: readObjectModel(after) };
}

/** {@link compilePair}, compared. */
export async function comparePair(source: string, flags: readonly string[] = []): Promise<Comparison> {
  const { before, after } = await compilePair(source, flags);
  return compareObjects(before, after);
}

/** Functions that are not the same, as `name status`, sorted. */
export function touched(comparison: Comparison): string[] {
  return comparison.functions
    .filter((change) => change.status !== 'same')
    .map((change) => `${change.name} ${change.status}`)
    .sort();
}

/** Variables that are not the same, as `name status`, sorted. */
export function touchedData(comparison: Comparison): string[] {
  return comparison.data.map((change) => `${change.name} ${change.status}`).sort();
}

/** Numbers of the findings with the symbol or section that they are about, as `KLP501 x`, sorted. */
export function found(comparison: Comparison): string[] {
  return comparison.findings
    .map((finding) => [finding.id, finding.at?.symbol ?? finding.at?.section].filter(Boolean).join(' '))
    .sort();
}

/** Names of an object's functions and variables. */
export function namesOf(model: ObjectModel): string[] {
  return model.pieces.map((piece) => piece.name);
}

/** The difference of one function, as `kind: before -> after`. */
export function why(comparison: Comparison, name: string): string | undefined {
  const difference = comparison.functions.find((change) => change.name === name)?.difference;
  return difference && `${difference.kind}: ${difference.before} -> ${difference.after}`;
}
