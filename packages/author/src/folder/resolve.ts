import type { Finding } from '@klpkit/findings';
import { readElf, readSymbols, SHN, STB, STT, type SymbolTable } from '@klpkit/formats';
import { moduleName } from '@klpkit/kernel';
import {
  type ManifestSymbol,
  manifestFile,
  type Placeholder,
  planOfManifest,
  planRules,
  positionFinding,
  renameUndefined,
} from '@klpkit/livepatch';
import { identifier } from '../extract/outside.ts';
import type { KernelNames } from '../symbols/index.ts';
import type { FolderObject } from './compile.ts';
import type { SourceFolder } from './files.ts';

/** What the objects of a folder refer to, and how the kernel will resolve it. */
export interface ResolvedFolder {
  /** The objects with names of their own for what the kernel does not export, in the order given. */
  readonly objects: readonly Uint8Array[];
  readonly placeholders: readonly Placeholder[];
  /** Exports of vmlinux that are used, sorted. */
  readonly exports: readonly string[];
  /** The new functions by their C names: where each is defined, and its code in bytes. */
  readonly functions: ReadonlyMap<string, NewFunction>;
  readonly findings: readonly Finding[];
}

/** Where a new function is. */
export interface NewFunction {
  readonly file: string;
  readonly size: number;
}

/** A manifest's claims about a kernel, before anything is compiled. */
export function checkAgainstKernel({ manifest }: SourceFolder, names: KernelNames): Finding[] {
  const { facts } = names.known;
  const findings: Finding[] = [];
  const plan = planOfManifest(manifest);
  for (const finding of planRules(plan, facts)) {
    const symbol = finding.at?.symbol;
    const owner = plan.objects.find(({ functions }) => functions.some(({ oldName }) => oldName === symbol));
    findings.push(
      finding.id === 'KLP203' && symbol && owner ? suggested(finding, names, owner.name, symbol) : finding,
    );
  }
  manifest.symbols.forEach((one, number) => {
    const at = { file: manifestFile, symbol: `symbols[${number}]` };
    findings.push(
      ...(one.how === 'exported' ? exportProblems(one, names, at) : symbolProblems(one, names, at)),
    );
  });
  return findings;
}

type At = NonNullable<Finding['at']>;

function exportProblems({ name }: ManifestSymbol, { known }: KernelNames, at: At): Finding[] {
  const found = known.facts.exported?.(name);
  const error = (id: string, what: string, next: string): Finding[] => [
    { id, severity: 'error', what, next, at },
  ];
  const relocate = 'make it a klp-relocation';
  if (!found) return error('KLP301', `this kernel does not export ${name}`, relocate);
  if (found.owner !== 'vmlinux')
    return error(
      'KLP304',
      `${name} is exported by the module ${moduleName(found.owner)}, not by vmlinux`,
      relocate,
    );
  if (found.namespace)
    return error('KLP224', `${name} is exported in the namespace ${found.namespace} only`, relocate);
  return [];
}

function symbolProblems(one: ManifestSymbol, names: KernelNames, at: At): Finding[] {
  const { object, sympos, kind } = one;
  const { facts } = names.known;
  const symbol = one.symbol ?? one.name;
  if (facts.hasObject?.(object) === false)
    return [
      {
        id: 'KLP206',
        severity: 'error',
        what: `${symbol} is said to be of ${object}, and the kernel ships no such module`,
        next: 'check the name; the kernel writes underscores',
        at,
      },
    ];
  const position = positionFinding(facts, object, symbol, sympos, at);
  if (position) return [position.id === 'KLP203' ? suggested(position, names, object, symbol) : position];
  const findings: Finding[] = [];
  const found = names.kindOf(object, symbol, sympos);
  if (found && found !== kind)
    findings.push({
      id: 'manifest',
      severity: 'error',
      what: `${symbol} of ${object} is a ${found}, the manifest says ${kind}`,
      next: 'declare it as what it is',
      at,
    });
  if (names.isInit(object, symbol, sympos))
    findings.push({
      id: 'KLP314',
      severity: 'error',
      what: `${symbol} of ${object} is initial code or data`,
      why: 'the kernel frees that memory after boot or after the module was loaded',
      next: 'copy what is needed into a function of its own',
      at,
    });
  return findings;
}

/** A finding about a symbol that is not there, with what may have been meant. */
function suggested(finding: Finding, names: KernelNames, object: string, symbol: string): Finding {
  if (names.kindOf(object, symbol, 0)) return finding;
  const elsewhere = names.ownersOf(symbol).map((one) => `${symbol} of ${one.object}`);
  const near = [...elsewhere, ...names.similar(object, symbol)];
  return near.length > 0 ? { ...finding, next: `was ${near.slice(0, 4).join(', or ')} meant?` } : finding;
}

interface OwnSymbols {
  readonly object: FolderObject;
  readonly table: SymbolTable;
  /** Indices of the defined functions and variables by name. */
  readonly defined: ReadonlyMap<string, number>;
  readonly wanted: readonly string[];
}

function ownSymbols(object: FolderObject): OwnSymbols {
  const table = readSymbols(readElf(object.bytes));
  const defined = new Map<string, number>();
  const wanted = new Set<string>();
  for (let index = 1; index < table.count; index++) {
    const name = table.name(index);
    if (name === '' || table.type[index] === STT.SECTION || table.type[index] === STT.FILE) continue;
    if (table.section[index] === SHN.UNDEF) wanted.add(name);
    else defined.set(name, index);
  }
  return { object, table, defined, wanted: [...wanted].sort() };
}

/**
 * Tells for every name that the objects want what it is, and gives those that become KLP relocations names of their own.
 *
 * @param noreturns functions that objtool knows by name for never returning: they keep theirs
 */
export function resolveFolder(
  { manifest }: SourceFolder,
  compiled: readonly FolderObject[],
  names: KernelNames,
  noreturns: ReadonlySet<string>,
): ResolvedFolder {
  const all = compiled.map(ownSymbols);
  const findings: Finding[] = [];
  const listed = new Map(manifest.symbols.map((one) => [one.name, one]));
  const provided = new Set<string>();
  for (const { table, defined } of all)
    for (const [name, index] of defined) if (table.binding[index] !== STB.LOCAL) provided.add(name);
  const isWhole = compiled.length === manifest.sources.length + (manifest.main === undefined ? 0 : 1);
  const functions = isWhole ? newFunctions(manifest, all, findings) : new Map<string, NewFunction>();

  const placeholders = new Map<string, Placeholder>();
  const exports = new Set<string>();
  const used = new Set<string>();
  const objects = all.map(({ object, wanted }, number) => {
    const patched = object.source?.object ?? 'vmlinux';
    const renamed = new Map<string, string>();
    for (const name of wanted) {
      // The livepatch's own, unless the manifest means that of the module whose code this is; the tables always mean the livepatch.
      if (name === '__this_module' && (!listed.has(name) || !object.source)) continue;
      // A static call's trampoline and its key belong together.
      const one =
        listed.get(name) ??
        (name.startsWith('__SCK__') ? keyOf(listed.get(`__SCT__${name.slice(7)}`)) : undefined);
      if (one?.how === 'klp-relocation') {
        used.add(name);
        if (provided.has(name)) {
          findings.push(twice(name, one, object.file));
          continue;
        }
        findings.push(...reachProblems(one, object, patched, names));
        const keepsName =
          (/^__SC[TK]__/.test(name) && one.object === 'vmlinux') || (noreturns.has(name) && !one.symbol);
        const symbol = keepsName
          ? name
          : `__klpkit_ref_${number}_${renamed.size}_${identifier(one.symbol ?? name)}`;
        renamed.set(name, symbol);
        placeholders.set(symbol, {
          symbol,
          object: one.object,
          name: one.symbol ?? name,
          sympos: one.sympos,
          patched: keepsName && one.object === 'vmlinux' ? 'vmlinux' : patched,
        });
        continue;
      }
      if (one) used.add(name);
      if (provided.has(name)) continue;
      const known = names.known.facts.exported?.(name);
      if (known?.owner === 'vmlinux' && !known.namespace) exports.add(name);
      // What the manifest wrongly calls exported was found before.
      else if (!one) findings.push(unlisted(name, object, patched, names));
    }
    return renameUndefined(object.bytes, renamed);
  });
  if (isWhole)
    manifest.symbols.forEach(({ name, object }, number) => {
      if (!used.has(name))
        findings.push({
          id: 'manifest-unused',
          severity: 'note',
          what: `nothing in the folder refers to ${name} of ${object}`,
          next: 'take it out of the manifest, unless the compiler merely left it out here',
          at: { file: manifestFile, symbol: `symbols[${number}]` },
        });
    });
  return {
    objects,
    placeholders: [...placeholders.values()],
    exports: [...exports].sort(),
    functions,
    findings,
  };
}

function keyOf(trampoline: ManifestSymbol | undefined): ManifestSymbol | undefined {
  if (!trampoline) return undefined;
  const name = `__SCK__${trampoline.name.slice(7)}`;
  return { name, object: trampoline.object, sympos: 0, kind: 'variable', how: trampoline.how };
}

function twice(name: string, one: ManifestSymbol, file: string): Finding {
  return {
    id: 'manifest',
    severity: 'error',
    what: `${name} is defined in the folder, and the manifest takes it from ${one.object}`,
    next: 'define it under another name, or take it out of the manifest',
    at: { file, symbol: name },
  };
}

/** A symbol that the patched code cannot be sure to find. */
function reachProblems(
  one: ManifestSymbol,
  { file }: FolderObject,
  patched: string,
  names: KernelNames,
): Finding[] {
  const { object } = one;
  if (object === 'vmlinux' || object === patched) return [];
  const symbol = one.symbol ?? one.name;
  if (patched === 'vmlinux')
    return [
      {
        id: 'klp-module-from-vmlinux',
        severity: 'error',
        what: `code that patches vmlinux refers to ${symbol} of the module ${object}`,
        why: 'references of vmlinux code are resolved while the livepatch loads, when the module may not be there',
        next: `keep code that needs ${object} in a file that patches ${object}`,
        at: { file, symbol },
      },
    ];
  if (names.dependsOf(patched).includes(object)) return [];
  return [
    {
      id: 'KLP301',
      severity: 'error',
      what: `code that patches ${patched} refers to ${symbol} of the module ${object}, on which ${patched} does not depend`,
      why: `the reference is resolved when ${patched} is loaded, and ${object} may not be there then`,
      next: `avoid ${symbol}`,
      at: { file, symbol },
    },
  ];
}

/** A name that is neither exported nor listed, with what to write into the manifest. */
function unlisted(name: string, { file }: FolderObject, patched: string, names: KernelNames): Finding {
  const owners = names.ownersOf(name);
  const own = owners.find(({ object }) => object === patched) ?? owners[0];
  const sympos = own && own.count > 1 ? `"sympos": 1 to ${own.count}` : '"sympos": 0';
  const near = own ? [] : [...new Set([patched, 'vmlinux'].flatMap((object) => names.similar(object, name)))];
  return {
    id: 'KLP301',
    severity: 'error',
    what: `${file} refers to ${name}, which ${own ? `is ${own.object === 'vmlinux' ? 'not exported' : `a symbol of ${own.object}`} and not in the manifest` : 'neither the kernel nor the folder has'}`,
    why: 'the module loader would refuse the livepatch: unknown symbol',
    next: own
      ? `add it to symbols: { "name": "${name}", "object": "${own.object}", ${sympos}, "kind": "${names.kindOf(own.object, name, 0)}", "how": "klp-relocation" }`
      : near.length > 0
        ? `was ${near.slice(0, 4).join(', or ')} meant?`
        : 'define it, or check the name; what the compiler inlined everywhere must be copied',
    at: { file, symbol: name },
  };
}

/** Finds the functions that the manifest says take the place of others. */
function newFunctions(
  manifest: SourceFolder['manifest'],
  all: readonly OwnSymbols[],
  findings: Finding[],
): Map<string, NewFunction> {
  const functions = new Map<string, NewFunction>();
  for (const [number, object] of manifest.objects.entries())
    for (const [place, one] of object.functions.entries()) {
      const found = newFunction(object.name, one, all);
      if ('file' in found) functions.set(one.new, found);
      else
        findings.push({
          id: 'manifest',
          severity: 'error',
          ...found,
          at: { file: manifestFile, symbol: `objects[${number}].functions[${place}].new` },
        });
    }
  return functions;
}

function newFunction(
  object: string,
  { old, new: name }: { readonly old: string; readonly new: string },
  all: readonly OwnSymbols[],
): NewFunction | { readonly what: string; readonly next: string } {
  const holders = all.filter(({ defined }) => defined.has(name));
  const isGlobal = ({ table, defined }: OwnSymbols) => table.binding[defined.get(name) ?? 0] !== STB.LOCAL;
  const holder = holders.find(isGlobal) ?? holders[0];
  const clone = all.find(({ defined }) => [...defined.keys()].some((other) => other.startsWith(`${name}.`)));
  if (!holder && clone)
    return { what: `${name} in ${clone.object.file} is static`, next: 'take the word static away' };
  if (!holder)
    return {
      what: `no file defines ${name}, which is to take the place of ${old}`,
      next: 'define it, not static: a static function that nothing calls is not compiled',
    };
  const { file, source } = holder.object;
  const index = holder.defined.get(name) as number;
  if (!isGlobal(holder)) return { what: `${name} in ${file} is static`, next: 'take the word static away' };
  if (holder.table.type[index] !== STT.FUNC)
    return { what: `${name} in ${file} is no function`, next: 'name a function' };
  if (source && source.object !== object)
    return {
      what: `${name} takes the place of a function of ${object}, and ${file} patches ${source.object}`,
      next: 'a file holds the code of one object: move the function',
    };
  return { file, size: holder.table.size[index] };
}
