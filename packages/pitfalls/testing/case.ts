import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compareObjects, readObjectModel, readPlacement } from '@klpkit/compare';
import { formatFinding } from '@klpkit/findings';
import { findSection, readElf, sectionBytes } from '@klpkit/formats';
import { editsOfFix } from '../../author/src/judge/edits.ts';
import { assessUnit, type Edit, type Judgement, type UnitEvidence } from '../src/index.ts';

const run = promisify(execFile);
const shared = join(dirname(fileURLToPath(import.meta.url)), '../shared');

/** How a case is compiled. */
export interface CaseOptions {
  /** `gcc-12` unless told otherwise; `gcc-11`, `clang-14`, `clang-19`, `aarch64-linux-gnu-gcc-12`, … */
  readonly compiler?: string;
  /** Files of `cases`; `before.c` and `after.c` unless told otherwise. */
  readonly before?: string;
  readonly after?: string;
  /** One file of `cases` instead of two, with `#ifdef FIX` … `#else` … `#endif` around what the fix changes. */
  readonly fix?: string;
  /** A file of flags, of `cases` or of the shared ones, in place of {@link flagFile}. */
  readonly flagFile?: string;
  /** More flags for both sides. */
  readonly flags?: readonly string[];
  /** Also compile for gcc's `.BTF`. */
  readonly types?: boolean;
  /** More evidence: a kernel, what other steps found. */
  readonly evidence?: Partial<UnitEvidence>;
}

/** The flag file that makes a compiler behave as it does for a kernel of its machine. */
export function flagFile(compiler: string): string {
  if (compiler === 'gcc-12' || compiler === 'gcc-11') return `${compiler}.flags`;
  if (compiler.startsWith('clang')) return 'clang.flags';
  return `${compiler.split('-')[0]}.flags`;
}

/** Runs `work` in a fresh folder that holds a pitfall's cases and the shared files. */
export async function inCases<T>(folder: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'klpkit-case-'));
  try {
    await cp(shared, scratch, { recursive: true });
    await cp(join(folder, 'cases'), scratch, { recursive: true });
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Compiles the two sides of a pitfall's case and gathers what is known of them, as a build does.
 *
 * @param folder the pitfall's folder: `import.meta.dirname`
 */
export async function unitCase(folder: string, options: CaseOptions = {}): Promise<UnitEvidence> {
  const { compiler = 'gcc-12', flags = [], fix, evidence } = options;
  const { before = 'before.c', after = 'after.c' } = fix
    ? { before: 'unfixed.c', after: 'fixed.c' }
    : options;
  const { flagFile: flagsFrom = flagFile(compiler) } = options;
  return inCases(folder, async (scratch) => {
    if (fix) {
      const text = await readFile(join(scratch, fix), 'utf8');
      await writeFile(join(scratch, before), sideOf(text, false));
      await writeFile(join(scratch, after), sideOf(text, true));
    }
    const [b, a, patch] = await Promise.all([
      compileSide(scratch, compiler, before, flagsFrom, flags, options.types === true),
      compileSide(scratch, compiler, after, flagsFrom, flags, options.types === true),
      differenceOf(scratch, before, after),
    ]);
    const [beforeModel, afterModel] = [readObjectModel(b.object), readObjectModel(a.object)];
    const comparison = compareObjects(beforeModel, afterModel);
    return {
      unit: 'case.c',
      object: 'vmlinux',
      comparison,
      placement: {
        before: readPlacement(beforeModel, b.more),
        after: readPlacement(afterModel, a.more),
      },
      ...(b.types && a.types ? { types: { before: b.types, after: a.types } } : {}),
      edits: patch,
      found: comparison.findings,
      ...evidence,
    };
  });
}

/** {@link unitCase}, judged. */
export async function assessCase(folder: string, options: CaseOptions = {}): Promise<Judgement> {
  return assessUnit(await unitCase(folder, options));
}

/** The findings with one id, as text without colour. */
export function said(judgement: Judgement, id: string): string[] {
  return judgement.findings.filter((finding) => finding.id === id).map(formatFinding);
}

/** One side of a source whose changes are between `#ifdef FIX`, `#else` and `#endif`. */
function sideOf(text: string, isFixed: boolean): string {
  let isInside = false;
  let isTaken = true;
  const lines = text.split('\n').filter((line) => {
    if (line === '#ifdef FIX') {
      isInside = true;
      isTaken = isFixed;
      return false;
    }
    if (isInside && (line === '#else' || line === '#endif')) {
      isInside = line === '#else';
      isTaken = line === '#endif' || !isFixed;
      return false;
    }
    return isTaken;
  });
  return lines.join('\n');
}

interface Side {
  readonly object: Uint8Array;
  readonly more: { readonly ipaClones?: string; readonly remarks?: string };
  readonly types?: Uint8Array;
}

async function compileSide(
  scratch: string,
  compiler: string,
  source: string,
  flagsFrom: string,
  flags: readonly string[],
  wantsTypes: boolean,
): Promise<Side> {
  const isClang = compiler.startsWith('clang');
  // A folder of its own for each side, and one name on both, as a unit of a kernel has: objects may carry it.
  const cwd = await mkdtemp(join(scratch, 'side-'));
  await cp(join(scratch, source), join(cwd, 'case.c'));
  const base = [`@../${flagsFrom}`, '-I..', ...flags, '-c', 'case.c'];
  const witness = isClang ? ['-fsave-optimization-record'] : ['-fdump-ipa-clones'];
  await run(compiler, [...base, ...witness, '-o', 'case.o'], { cwd });
  const object = new Uint8Array(await readFile(join(cwd, 'case.o')));
  const names = (await readdir(cwd)).sort();
  const dump = names.find((name) => name.endsWith('.ipa-clones'));
  const remarks = names.find((name) => name === 'case.opt.yaml');
  const more = {
    ...(dump ? { ipaClones: await readFile(join(cwd, dump), 'utf8') } : {}),
    ...(remarks ? { remarks: await readFile(join(cwd, remarks), 'utf8') } : {}),
  };
  if (!wantsTypes) return { object, more };
  await run(compiler, [...base, '-g0', '-gbtf', '-o', 'case.btf.o'], { cwd });
  const elf = readElf(new Uint8Array(await readFile(join(cwd, 'case.btf.o'))));
  const section = findSection(elf, '.BTF');
  return { object, more, ...(section ? { types: sectionBytes(elf, section).slice() } : {}) };
}

/** What a fix that turns one source into the other edits, as a build sees it. */
async function differenceOf(scratch: string, before: string, after: string): Promise<Edit[]> {
  if (before === after) return [];
  const text = (name: string) => readFile(join(scratch, name), 'utf8');
  const [old, now] = await Promise.all([text(before), text(after)]);
  return editsOfFix([{ path: 'case.c', kind: 'source', before: old, after: now, compiled: now }]);
}
