import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Comparison,
  compareObjects,
  type ObjectModel,
  type Piece,
  type Reference,
  readObjectModel,
} from '@klpkit/compare';
import { SHF } from '@klpkit/formats';
import type { AnnotatedCallback } from '../../annotations/index.ts';
import { type Export, type Extraction, extract, makeResolver } from '../index.ts';

const run = promisify(execFile);

/** A unit of a kernel with IBT for x86-64, as klpkit compiles it. */
const flags: readonly string[] = [
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

/** What the kernel's macros come down to for the compiler and the assembler. */
const prelude = `
#define noinline __attribute__((__noinline__))
#define notrace __attribute__((__no_instrument_function__))
#define used __attribute__((__used__))
#define section(name) __attribute__((__section__(name)))
extern int printk(const char *format, ...);
extern void use(const void *);
extern int external(int);
#define BUG() asm volatile("1: .byte 0x0f, 0x0b\\n" \\
  ".pushsection __bug_table,\\"aw\\"\\n2: .long 1b - .\\n.long %c0 - .\\n.word %c1\\n.word 2305\\n.org 2b + 12\\n.popsection\\n" \\
  "998: .pushsection .discard.reachable\\n.long 998b\\n.popsection" : : "i" (__FILE__), "i" (__LINE__))
#define BRANCH(key) ({ __label__ yes; int on = 0; \\
  asm goto("1: jmp %l[yes]\\n.pushsection __jump_table,\\"aw\\"\\n.balign 8\\n.long 1b - ., %l[yes] - .\\n.quad %c0 + 2 - .\\n.popsection" \\
  : : "i" (&key) : : yes); if (0) { yes: on = 1; } on; })
#define LOAD(p) ({ int value; asm volatile("1: mov (%1), %0\\n2: .pushsection __ex_table,\\"a\\"\\n.balign 4\\n" \\
  ".long 1b - ., 2b - .\\n.long 3\\n.popsection" : "=r" (value) : "r" (p)); value; })
#define ALTERNATIVE(new) asm volatile("661: .byte 0x90, 0x90, 0x90, 0x90, 0x90\\n662:\\n.pushsection .altinstructions,\\"a\\"\\n" \\
  ".long 661b - ., 663f - .\\n.long 7\\n.byte 5, 664f - 663f\\n.popsection\\n" \\
  ".pushsection .altinstr_replacement,\\"ax\\"\\n663: " new "\\n664:\\n.popsection")
#define AUX(flag) asm volatile("jmp 6f\\n5: .pushsection .altinstr_aux,\\"ax\\"\\n6: testb $1, " #flag "(%%rip)\\njnz 5b\\njmp 5b\\n.popsection" : : )
#line 1 "unit.c"
`;

async function compile(source: string, more: readonly string[]): Promise<ObjectModel> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-extract-'));
  try {
    const object = join(folder, 'unit.o');
    const child = run('gcc-12', [...flags, ...more, '-x', 'c', '-', '-c', '-o', object]);
    child.child.stdin?.end(prelude + source);
    await child;
    return readObjectModel(new Uint8Array(await readFile(object)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Compiles a unit without and with FIX, compared. */
export async function comparePair(source: string, more: readonly string[] = []): Promise<Comparison> {
  const [before, after] = await Promise.all([compile(source, more), compile(source, [...more, '-DFIX'])]);
  return compareObjects(before, after);
}

/** The kernel that a unit is extracted for: what is not named here does not exist. */
export interface SmallKernel {
  /** The module that the unit belongs to; default vmlinux. */
  readonly object?: string;
  readonly exports?: Readonly<Record<string, Export>>;
  /** Unexported symbols of vmlinux. */
  readonly image?: readonly string[];
  /** Symbols of other units of the module. */
  readonly module?: readonly string[];
  readonly depends?: readonly string[];
  /** Symbols of the unit that the match did not find. */
  readonly lost?: readonly string[];
  readonly provided?: readonly string[];
  /** Names that other units of the livepatch use. */
  readonly wanted?: readonly string[];
  readonly noreturns?: readonly string[];
  readonly ibt?: boolean;
  /** What is wrong with calling any function of the kernel through a pointer. */
  readonly entryProblem?: string;
  readonly flags?: readonly string[];
}

/** An extraction and its object read back. */
export interface Extracted {
  readonly comparison: Comparison;
  readonly extraction: Extraction;
  /** Throws when there is no object. */
  readonly object: ObjectModel;
}

const plain: Readonly<Record<string, Export>> = {
  printk: { owner: 'vmlinux' },
  use: { owner: 'vmlinux' },
  external: { owner: 'vmlinux' },
  __fentry__: { owner: 'vmlinux' },
};

/** Extracts what FIX changes in a unit. */
export async function extractPair(source: string, kernel: SmallKernel = {}): Promise<Extracted> {
  return extractComparison(await comparePair(source, kernel.flags), kernel);
}

/** Extracts what a comparison found changed. */
export function extractComparison(
  comparison: Comparison,
  kernel: SmallKernel = {},
  callbacks: readonly AnnotatedCallback[] = [],
): Extracted {
  const at = (name: string) => ({ ok: true as const, value: { name, sympos: 0, unique: true } });
  const none = (reason: string) => ({ ok: false as const, reason });
  const resolver = makeResolver({
    object: kernel.object ?? 'vmlinux',
    exports: new Map(Object.entries({ ...plain, ...kernel.exports })),
    depends: new Set(kernel.depends),
    positionOf: ({ name }) => (kernel.lost?.includes(name) ? none('it differs') : at(name)),
    inModule: (name) => (kernel.module?.includes(name) ? at(name) : undefined),
    inImage: (name) => (kernel.image?.includes(name) ? at(name) : undefined),
    inOther: (_, name) => at(name),
    provided: new Set(kernel.provided),
    noreturns: new Set(kernel.noreturns),
    ibt: kernel.ibt ?? true,
    entryProblem: (which) =>
      'name' in which || which.piece.kind === 'object' ? undefined : kernel.entryProblem,
  });
  const extraction = extract({
    unit: 'unit.c',
    number: 0,
    object: kernel.object ?? 'vmlinux',
    comparison,
    resolver,
    wanted: new Set(kernel.wanted),
    callbacks,
  });
  return {
    comparison,
    extraction,
    get object() {
      if (!extraction.bytes) throw new Error('nothing was extracted');
      return readObjectModel(extraction.bytes);
    },
  };
}

/** A placeholder without what makes it unique: `ref(name)`. */
function plainName(name: string): string {
  return name.replace(/^__klpkit_ref_0_\d+_(.*)$/, 'ref($1)');
}

/** The only function or variable of that name. */
export function pieceOf(object: ObjectModel, name: string): Piece {
  const [piece, ...others] = object.named(name);
  if (!piece || others.length > 0) throw new Error(`${others.length + (piece ? 1 : 0)} pieces ${name}`);
  return piece;
}

/** What a function or variable of an object refers to, ftrace apart: `call f`, `use v+4`. */
export function uses(object: ObjectModel, name: string): string[] {
  const piece = pieceOf(object, name);
  const code = piece.kind === 'function' ? object.bytes(piece.section) : undefined;
  return usesOf(object, code, object.referencesOf(piece), false);
}

/** What all sections of a name refer to, with the addend of what is elsewhere. */
export function sectionUses(object: ObjectModel, name: string): string[] {
  return object.elf.sections
    .filter((section) => section.name === name)
    .flatMap((section) =>
      usesOf(
        object,
        section.flags & SHF.EXECINSTR ? object.bytes(section) : undefined,
        object.references(section),
        true,
      ),
    )
    .map((use) => use.replace(/^(call .*)-4$/, '$1'));
}

function usesOf(
  object: ObjectModel,
  code: Uint8Array | undefined,
  references: readonly Reference[],
  hasAddends: boolean,
): string[] {
  return references.flatMap(({ target, offset, type }) => {
    const verb = code && object.arch.isBranchOperand(code, offset, type) ? 'call' : 'use';
    if (target.kind === 'external')
      return target.name === '__fentry__'
        ? []
        : [`${verb} ${plainName(target.name)}${hasAddends ? signed(target.offset) : ''}`];
    if (target.kind === 'piece') return [`${verb} ${target.piece.name}${signed(target.offset)}`];
    if (target.kind === 'place')
      return [`${verb} ${target.section.name}: ${JSON.stringify(textAt(object, target))}`];
    return [`${verb} ${JSON.stringify(target)}`];
  });
}

function signed(offset: number): string {
  return offset === 0 ? '' : offset > 0 ? `+${offset}` : `${offset}`;
}

function textAt(
  object: ObjectModel,
  place: { section: Parameters<ObjectModel['bytes']>[0]; offset: number },
): string {
  const bytes = object.bytes(place.section).subarray(place.offset);
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** Names of an object's functions and variables without the ones that the livepatch's table uses. */
export function namesIn(object: ObjectModel): string[] {
  return object.pieces.map(({ name }) => name).sort();
}

/** All of a section's bytes; empty when there is none. */
export function bytesOf(object: ObjectModel, section: string): number[] {
  return object.elf.sections
    .filter(({ name }) => name === section)
    .flatMap((found) => [...object.bytes(found)]);
}

/** Errors and warnings, as `KLP130 error f`, sorted. */
export function told({ extraction }: Pick<Extracted, 'extraction'>): string[] {
  return extraction.findings
    .map(({ id, severity, at }) => `${id} ${severity} ${at?.symbol ?? ''}`.trim())
    .sort();
}
