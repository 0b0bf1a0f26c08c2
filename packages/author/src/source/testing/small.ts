import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Comparison, compareObjects, type ObjectModel, readObjectModel } from '@klpkit/compare';
import { makeResolver } from '../../extract/index.ts';
import { extractComparison, type SmallKernel } from '../../extract/testing/pair.ts';
import { type Diagnostic, readDiagnostics } from '../compile.ts';
import { readExpansion } from '../expansion.ts';
import { decideFates, type Fates } from '../fates.ts';
import { readUnitText } from '../model.ts';
import { planSource, type SourcePlan } from '../plan.ts';
import { loadSyntax } from '../syntax.ts';
import { type WrittenUnit, writeUnit } from '../write.ts';

const flags: readonly string[] = [
  '-std=gnu11',
  '-O2',
  '-ffreestanding',
  '-fno-pie',
  '-mcmodel=kernel',
  '-fno-common',
  '-fno-asynchronous-unwind-tables',
  '-pg',
  '-mfentry',
  '-ffunction-sections',
  '-fdata-sections',
  '-Werror=implicit-function-declaration',
];

/** A unit of a fix by the source route: what was written, and what the compiler makes of it. */
export interface Small {
  readonly fates: Fates;
  readonly plan: SourcePlan;
  readonly written: WrittenUnit;
  readonly diagnostics: readonly Diagnostic[];
  /** Throws when it does not compile. */
  readonly object: ObjectModel;
  /** The unit before the fix. */
  readonly before: ObjectModel;
  readonly comparison: Comparison;
  /** Names that the object leaves to others, sorted; what every function has is left out. */
  readonly wants: readonly string[];
}

/** Options of {@link small}. */
export interface SmallOptions {
  /** Other files of the unit's folder, before the fix; `unit.c` is the unit. */
  readonly files?: Readonly<Record<string, string>>;
  /** Those of them that the fix changes. */
  readonly fixed?: Readonly<Record<string, string>>;
  readonly kernel?: SmallKernel;
  readonly readsKeys?: boolean;
  /** Functions of headers to which pointers are to be the kernel's. */
  readonly pointed?: readonly string[];
}

/** Writes the source livepatch of a small unit, whose text is given before and after the fix. */
export async function small(before: string, after: string, options: SmallOptions = {}): Promise<Small> {
  const { files = {}, fixed = {}, kernel = {} } = options;
  const root = mkdtempSync(join(tmpdir(), 'klpkit-source-'));
  try {
    const folder = (name: string, texts: Readonly<Record<string, string>>) => {
      for (const [path, text] of Object.entries(texts)) {
        mkdirSync(dirname(join(root, name, path)), { recursive: true });
        writeFileSync(join(root, name, path), text);
      }
      return join(root, name);
    };
    const old = folder('old', { ...files, 'unit.c': before });
    const now = folder('now', { ...files, ...fixed, 'unit.c': after });
    const compile = (where: string) => {
      execFileSync('gcc-12', [...flags, '-w', '-c', 'unit.c', '-o', 'unit.o'], { cwd: where });
      return readObjectModel(new Uint8Array(readFileSync(join(where, 'unit.o'))));
    };
    const comparison = compareObjects(compile(old), compile(now));
    const { extraction } = extractComparison(comparison, kernel);
    const expanded = execFileSync('gcc-12', [...flags, '-w', '-E', '-dD', 'unit.c'], {
      cwd: now,
      encoding: 'utf8',
    });
    const isOwn = (file: string) => file.endsWith('.c') || file in fixed;
    const expansion = readExpansion(expanded, now, [now], isOwn);
    const syntax = await loadSyntax();
    const texts: Record<string, string> = { ...files, ...fixed, 'unit.c': after };
    const text = readUnitText({
      source: 'unit.c',
      textOf: (file) => texts[file],
      beforeOf: (file) => (file === 'unit.c' ? before : files[file]),
      headers: Object.keys(fixed).filter((file) => !file.endsWith('.c')),
      expansion,
      syntax,
    });
    const at = (name: string) => ({ ok: true as const, value: { name, sympos: 0, unique: true } });
    const resolver = makeResolver({
      object: kernel.object ?? 'vmlinux',
      exports: new Map(),
      depends: new Set(),
      positionOf: ({ name }) => at(name),
      inModule: at,
      inImage: at,
      inOther: (_, name) => at(name),
      provided: new Set(),
      noreturns: new Set(),
      ibt: true,
    });
    const isNew = (name: string) => !new RegExp(`\\b${name}\\b`).test(before);
    const fates = decideFates('unit.c', comparison, extraction, resolver, isNew);
    const plan = planSource({ unit: 'unit.c', text, fates, syntax, wanted: [], unused: new Set() });
    const written = writeUnit({
      source: 'unit.c',
      object: kernel.object ?? 'vmlinux',
      text,
      plan,
      syntax,
      isDeclared: (name) => expansion.namesInHeaders.has(name),
      keepsName: () => false,
      lengthOf: () => undefined,
      pointed: new Set(options.pointed),
      headers: new Map(),
      dropped: new Set(),
      readsKeys: options.readsKeys ?? false,
      madeFor: 'made for a test',
      nameOf: (name) => `klpp_${name}`,
    });
    writeFileSync(join(old, 'generated.c'), written.text);
    const result = spawnSync(
      'gcc-12',
      [
        ...flags,
        '-Wall',
        '-Wno-missing-prototypes',
        '-fdiagnostics-format=json',
        '-c',
        'generated.c',
        '-o',
        'generated.o',
      ],
      { cwd: old, encoding: 'utf8' },
    );
    const diagnostics = readDiagnostics(result.stderr, 'generated.c');
    const bytes = result.status === 0 ? new Uint8Array(readFileSync(join(old, 'generated.o'))) : undefined;
    const model = () => {
      if (!bytes) throw new Error(`${diagnostics.map(({ message }) => message).join('; ')}\n${written.text}`);
      return readObjectModel(bytes);
    };
    return {
      fates,
      plan,
      written,
      diagnostics,
      before: comparison.before,
      comparison,
      get object() {
        return model();
      },
      get wants() {
        const { symbols } = model();
        const names: string[] = [];
        for (let index = 1; index < symbols.count; index++)
          if (symbols.section[index] === 0 && symbols.name(index) !== '') names.push(symbols.name(index));
        return names.filter((name) => name !== '__fentry__').sort();
      },
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
