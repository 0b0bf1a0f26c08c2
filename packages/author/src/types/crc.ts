import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportsOf } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { readElf } from '@klpkit/formats';
import { inTemporaryFolder, mapParallel, run } from '@klpkit/host';
import { compileEnvironment, type Kernel, kernelConfig, moduleSymvers, type Unit } from '@klpkit/kernel';
import { argumentsFor } from '../compile/argv.ts';
import type { Overlay } from '../overlay/index.ts';
import { sourcesNaming } from './scan.ts';
import { type Cause, causesOf, parseSymtypes, typeName } from './symtypes.ts';
import { usersInWords } from './words.ts';

/** A unit that may export something in another way. */
export interface ExportingUnit {
  readonly unit: Unit;
  /** The fixed object, whose symbols tell what it exports. */
  readonly bytes: Uint8Array;
}

/**
 * KLP505: exported symbols whose checksum the fix changes, by the kernel's own genksyms, with the types that are the reason.
 *
 * Only the fixed side is computed unless something differs, since the shipped checksums are in `Module.symvers`.
 *
 * @param changedTypes types that KLP502 or KLP504 tell of, as C writes them
 */
export async function crcFindings(
  kernel: Kernel,
  units: readonly ExportingUnit[],
  overlay: Overlay,
  changedTypes: ReadonlySet<string>,
  { jobs, signal }: { readonly jobs: number; readonly signal?: AbortSignal | undefined },
): Promise<Finding[]> {
  const exporting = units.flatMap(({ unit, bytes }) => {
    const names = exportsOf(readElf(bytes));
    return names.length > 0 ? [{ unit, names }] : [];
  });
  if (exporting.length === 0) return [];
  const config = await kernelConfig(kernel);
  if (config.get('CONFIG_MODVERSIONS') !== 'y') return [];
  const program = join(kernel.buildDir, 'scripts/genksyms/genksyms');
  if (config.get('CONFIG_GENDWARFKSYMS') === 'y' || !existsSync(program))
    return [
      {
        id: 'KLP505',
        severity: 'warning',
        what: `the checksums of what ${listed(exporting.map(({ unit }) => unit.source))} exports were not computed`,
        why: existsSync(program)
          ? 'this kernel makes them of debug information, which klpkit does not do'
          : "the kernel's genksyms program is not there",
        next: 'compare the prototypes of exported functions, and the types that they use, by eye',
        certainty: 'possible',
      },
    ];
  const shipped = await moduleSymvers(kernel);
  const differing = await mapParallel(
    exporting,
    jobs,
    async ({ unit, names }, _, inner) => {
      const after = await symbolVersions(kernel, program, unit, overlay.folder, 'after', inner);
      const changed = names.filter((name) => {
        const crc = after?.crcs.get(name);
        const known = shipped.get(name);
        return crc !== undefined && known !== undefined && known.crc !== crc;
      });
      if (!after || changed.length === 0) return undefined;
      const before = await symbolVersions(kernel, program, unit, kernel.sourceDir, 'before', inner);
      return before && { unit, changed, before, after };
    },
    signal,
  );
  const findings: Finding[] = [];
  for (const found of differing) {
    if (!found) continue;
    const { unit, changed, before, after } = found;
    // A checksum that the unfixed source does not have either says nothing of the fix.
    const own = changed.filter((name) => before.crcs.get(name) !== after.crcs.get(name));
    const byCause = new Map<string, { names: string[]; causes: Cause[] }>();
    for (const name of own) {
      const causes = causesOf(name, before.types, after.types);
      const key = causes.map(({ kind, key: type }) => `${kind} ${kind === 'prototype' ? '' : type}`).join();
      const known = byCause.get(key);
      if (known) known.names.push(name);
      else byCause.set(key, { names: [name], causes });
    }
    for (const { names, causes } of byCause.values()) {
      const naming = await sourcesNaming(kernel, names, signal);
      const users = [...new Set(names.flatMap((name) => naming.get(name)?.files ?? []))]
        .filter((file) => file !== unit.source)
        .sort();
      findings.push(
        crcFinding(unit, names, causes, changedTypes, usersInWords(undefined, users), {
          before: before.types,
          after: after.types,
        }),
      );
    }
  }
  return findings;
}

function crcFinding(
  unit: Unit,
  names: readonly string[],
  causes: readonly Cause[],
  changedTypes: ReadonlySet<string>,
  users: string,
  types: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> },
): Finding {
  const common = {
    id: 'KLP505',
    what: `the checksum of ${names.length === 1 ? 'the exported symbol' : `${names.length} exported symbols`} ${listed(names)} changes: ${listed(causes.map((cause) => causeInWords(cause, types))) || 'genksyms does not say why'}`,
    at: { unit: unit.source, symbol: names[0] as string },
    evidence: ["the kernel's genksyms on both sides", 'Module.symvers'],
  };
  const isReal = ({ kind, key }: Cause) =>
    kind === 'prototype' || (kind === 'type' && changedTypes.has(typeName(key)));
  const visible = causes.every(({ kind }) => kind === 'completed' || kind === 'hidden');
  if (causes.some(({ kind }) => kind === 'prototype') || causes.length === 0)
    return {
      ...common,
      severity: 'error',
      why: `the running kernel's modules were compiled for the old prototype and call the new code with it; ${users}`,
      next: 'keep the exported form, and give the new one a name of its own; when the old form of the call does the same, override KLP505 with that reason',
    };
  if (causes.some(isReal))
    return {
      ...common,
      severity: 'warning',
      why: `the prototype stays, and a type that it uses changes, which a finding of its own tells; ${users}`,
      next: 'answer the finding of the type; the running kernel keeps the old checksum',
    };
  return {
    ...common,
    severity: 'note',
    why: visible
      ? 'no prototype and no layout changes: the checksum covers what the exporting source sees of a type, and it sees more or less of it'
      : 'no prototype and no layout changes: the checksum covers the words of a declaration',
    next: 'nothing: the running kernel and the livepatch keep the old checksum',
  };
}

function causeInWords(
  { kind, key }: Cause,
  {
    before,
    after,
  }: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> },
): string {
  switch (kind) {
    case 'prototype':
      return `${plain(before.get(key))} before, ${plain(after.get(key))} after`;
    case 'type':
      return `${typeName(key)} is declared in another way`;
    case 'completed':
      return `${typeName(key)} is now defined where it was only declared`;
    case 'hidden':
      return `${typeName(key)} is now only declared where it was defined`;
  }
}

/** A declaration as C has it, of genksyms' words: `int vfs_open ( s#path const * , … )`. */
function plain(declaration = ''): string {
  return declaration
    .replace(/\b([suet])#(\w+)/g, (_, kind: string, name: string) => typeName(`${kind}#${name}`))
    .replace(/\s+([,)\]])/g, '$1')
    .replace(/([([*])\s+/g, '$1')
    .replace(/\s+\(/g, '(');
}

interface SymbolVersions {
  readonly crcs: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
}

/** What Kbuild does for a unit with exports (scripts/Makefile.build, `gensymtypes_c`); `undefined` when the source does not preprocess. */
async function symbolVersions(
  kernel: Kernel,
  program: string,
  unit: Unit,
  root: string,
  side: 'before' | 'after',
  signal?: AbortSignal,
): Promise<SymbolVersions | undefined> {
  return inTemporaryFolder('klpkit-crc-', async (folder) => {
    const text = join(folder, 'unit.i');
    const list = join(folder, 'types');
    const source = [root, kernel.buildDir]
      .map((base) => join(base, unit.source))
      .find((path) => existsSync(path));
    const argv = argumentsFor(unit, { side }, kernel.sourceDir, root, kernel.compilerVersion);
    const preprocessed = await run(
      [...argv, '-E', '-D__GENKSYMS__', '-o', text, source ?? join(root, unit.source)],
      {
        cwd: kernel.buildDir === kernel.sourceDir ? root : kernel.buildDir,
        env: await compileEnvironment(kernel),
        check: false,
        signal,
      },
    );
    if (preprocessed.code !== 0) return undefined;
    const { code, stdout } = await run([program, '-r', '/dev/null', '-T', list], {
      input: await readFile(text),
      check: false,
      signal,
    });
    if (code !== 0) return undefined;
    const crcs = new Map<string, number>();
    for (const match of stdout.matchAll(/^#SYMVER (\S+) 0x([0-9a-f]+)$/gm))
      crcs.set(match[1], Number.parseInt(match[2], 16));
    return { crcs, types: parseSymtypes(await readFile(list, 'utf8')) };
  });
}

function listed(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
