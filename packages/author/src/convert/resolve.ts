import type { Finding } from '@klpkit/findings';
import { type ElfFile, readRela, readSymbols, SHN, SHT, STB, STT, type SymbolTable } from '@klpkit/formats';
import { moduleName } from '@klpkit/kernel';
import {
  type Annotation,
  type Annotations,
  type Livepatch,
  type Manifest,
  type ManifestSymbol,
  manifestFile,
  type Placeholder,
  patchedObjectsOf,
  positionFinding,
} from '@klpkit/livepatch';
import type { KernelNames } from '../symbols/index.ts';

/** How it is known which symbol of the kernel a name stands for. */
export type ConversionSource = 'manifest' | 'annotation' | 'inferred';

/** One undefined symbol that becomes a KLP relocation. */
export interface Conversion extends Placeholder {
  readonly how: ConversionSource;
  /** Relocations that use it. */
  readonly uses: number;
}

/** What becomes of the undefined symbols of a module. */
export interface ResolvedModule {
  readonly conversions: readonly Conversion[];
  /** Symbols that stay ordinary: exports of vmlinux, in alphabetical order. */
  readonly exports: readonly string[];
  readonly findings: readonly Finding[];
  /** As `ConvertOptions.patchedIn` of the livepatch room. */
  readonly patchedIn: (section: number, placeholder: Placeholder) => string | undefined;
}

/** A module that is to be converted. */
export interface ModuleToResolve {
  readonly elf: ElfFile;
  readonly livepatch: Livepatch;
  readonly annotations: Annotations;
  readonly manifest: Manifest | undefined;
  /** Namespaces that the module imports. */
  readonly namespaces: ReadonlySet<string>;
}

/** Where a name leads, before it is known that the kernel agrees. */
interface Meant {
  readonly object: string;
  readonly name: string;
  readonly sympos: number;
  readonly patched?: string | undefined;
  readonly how: ConversionSource;
}

/** Suffixes under which the compiler keeps a function whose plain name is gone, and what that is called. */
const pieces: readonly (readonly [RegExp, string, string])[] = [
  [/^\.isra\.\d+/, 'KLP106', 'takes other parameters than in the source'],
  [/^\.constprop\.\d+/, 'KLP107', 'has the value of a parameter built in'],
  [/^\.part\.\d+/, 'KLP105', 'is the rest of it: its beginning is inside the callers'],
  [/^\.cold/, 'KLP109', 'is its unlikely part, which runs in the frame of its function'],
];

/** Decides for every undefined symbol of a module what it is to become. */
export class ModuleResolver {
  readonly #module: ModuleToResolve;
  readonly #names: KernelNames;
  readonly #symbols: SymbolTable;
  readonly #findings: Finding[] = [];
  readonly #labels: Map<number, ReadonlySet<string>>;
  /** Sections that use a symbol, by its index. */
  readonly #users = new Map<number, { sections: Set<number>; count: number }>();
  readonly #patched: readonly string[];

  constructor(module: ModuleToResolve, names: KernelNames) {
    this.#module = module;
    this.#names = names;
    this.#symbols = readSymbols(module.elf);
    this.#labels = patchedObjectsOf(module.elf, module.livepatch, this.#symbols);
    this.#patched = (module.livepatch.patch?.objects ?? []).map(({ name, isVmlinux }) =>
      isVmlinux ? 'vmlinux' : name,
    );
    for (const section of module.elf.sections) {
      if (section.type !== SHT.RELA || section.info === 0) continue;
      const rela = readRela(module.elf, section);
      for (let index = 0; index < rela.count; index++) {
        const entry = this.#users.get(rela.symbol[index]) ?? { sections: new Set<number>(), count: 0 };
        this.#users.set(rela.symbol[index], entry);
        entry.sections.add(section.info);
        entry.count++;
      }
    }
  }

  resolve(): ResolvedModule {
    const { annotations, manifest } = this.#module;
    this.#findings.push(...annotations.findings);
    const annotated = new Map(annotations.all.map((one) => [one.symbol, one]));
    const listed = new Map((manifest?.symbols ?? []).map((one) => [one.name, one]));
    const unreadable = new Set(annotations.findings.map(({ at }) => at?.symbol));
    const conversions: Conversion[] = [];
    const exports: string[] = [];
    const used = new Set<string>();
    const undefinedNames = new Map<string, number>();
    for (let index = 1; index < this.#symbols.count; index++) {
      const name = this.#symbols.name(index);
      if (name === '' || this.#symbols.type[index] === STT.SECTION || this.#symbols.type[index] === STT.FILE)
        continue;
      if (this.#symbols.section[index] === SHN.UNDEF) undefinedNames.set(name, index);
      else if (listed.has(name) && this.#symbols.binding[index] !== STB.LOCAL) this.#twice(listed.get(name));
    }
    for (const name of [...undefinedNames.keys()].sort()) {
      // An annotation that cannot be read was told of.
      if ((name === '__this_module' && !listed.has(name)) || unreadable.has(name)) continue;
      const index = undefinedNames.get(name) as number;
      const fromManifest = listed.get(name);
      if (fromManifest) used.add(name);
      const meant = this.#meant(name, index, fromManifest, annotated.get(name), exports);
      if (!meant) continue;
      const patched = this.#patchedFor(name, index, meant);
      if (patched === undefined || !this.#isThere(name, meant)) continue;
      const { object, sympos, how } = meant;
      const uses = this.#users.get(index)?.count ?? 0;
      conversions.push({ symbol: name, object, name: meant.name, sympos, patched, how, uses });
    }
    for (const [number, { name, object }] of (manifest?.symbols ?? []).entries())
      if (!used.has(name))
        this.#findings.push({
          id: 'manifest-unused',
          severity: 'note',
          what: `nothing in the module refers to ${name} of ${object}`,
          next: 'take it out of the manifest, unless the compiler merely left it out here',
          at: { file: manifestFile, symbol: `symbols[${number}]` },
        });
    return {
      conversions,
      exports,
      findings: this.#findings,
      patchedIn: (section, { object, patched }) => {
        const labels = this.#labels.get(section);
        if (!labels || this.#patched.includes(object)) return patched;
        return labels.size === 1 ? [...labels][0] : patched;
      },
    };
  }

  #error(id: string, symbol: string, what: string, why: string | undefined, next: string): undefined {
    this.#findings.push({ id, severity: 'error', what, ...(why ? { why } : {}), next, at: { symbol } });
  }

  #twice(one: ManifestSymbol | undefined): void {
    if (one)
      this.#error(
        'manifest',
        one.name,
        `the module defines ${one.name}, and the manifest takes it from ${one.object}`,
        undefined,
        'take it out of the manifest, or rename the one that is defined',
      );
  }

  /** What a name stands for; `undefined` for an ordinary export, and for what was found to be wrong. */
  #meant(
    name: string,
    index: number,
    listed: ManifestSymbol | undefined,
    annotation: Annotation | undefined,
    exports: string[],
  ): Meant | undefined {
    if (listed && listed.how === 'klp-relocation') {
      const { object, symbol = name, sympos } = listed;
      if (annotation && (annotation.object !== object || annotation.sympos !== sympos))
        return this.#error(
          'manifest',
          name,
          `the manifest takes ${name} from ${object}, position ${sympos}, and its annotation from ${annotation.object}, position ${annotation.sympos}`,
          undefined,
          'make both say the same, or leave one of them out',
        );
      return { object, name: symbol, sympos, patched: annotation?.patched, how: 'manifest' };
    }
    if (annotation) {
      const { object, sympos, patched } = annotation;
      return { object, name: annotation.name, sympos, patched, how: 'annotation' };
    }
    const known = this.#names.known.facts.exported?.(name);
    if (known?.owner === 'vmlinux' && (!known.namespace || this.#module.namespaces.has(known.namespace))) {
      exports.push(name);
      return undefined;
    }
    if (listed)
      return this.#error(
        'KLP301',
        name,
        `the manifest says that ${name} is exported, and ${known ? `${known.owner === 'vmlinux' ? `only the namespace ${known.namespace} may use it` : `the module ${moduleName(known.owner)} does that`}` : 'this kernel does not export it'}`,
        undefined,
        'make it a klp-relocation',
      );
    return this.#inferred(name, index);
  }

  /** The only symbol of that name among the objects that the code can reach. */
  #inferred(name: string, index: number): Meant | undefined {
    const users = this.#usersOf(index);
    const modules =
      users.length > 0 ? users.filter((object) => object !== 'vmlinux') : this.#patchedModules();
    const scope = new Set(['vmlinux', ...modules, ...modules.flatMap((one) => this.#names.dependsOf(one))]);
    const owners = this.#names.ownersOf(name).filter(({ object }) => scope.has(object));
    const count = owners.reduce((sum, owner) => sum + owner.count, 0);
    const [only] = owners;
    if (only && count === 1) return { object: only.object, name, sympos: 0, how: 'inferred' };
    if (count > 1) {
      const places = owners.map(
        (owner) => `${owner.count > 1 ? `${owner.count} times in` : 'in'} ${owner.object}`,
      );
      return this.#error(
        'KLP204',
        name,
        `${name} is ${places.join(' and ')}, and nothing says which is meant`,
        'the kernel wants a reference to lead to exactly one symbol',
        `say it in a manifest: { "name": "${name}", "object": "${owners[0]?.object}", "sympos": ${owners[0]?.count === 1 ? 0 : 1}, "kind": "${this.#names.kindOf(owners[0]?.object ?? '', name, 1)}", "how": "klp-relocation" }; positions count from 1`,
      );
    }
    // A weak symbol that nothing defines is 0 for code that asks.
    if (this.#symbols.binding[index] === STB.WEAK) return undefined;
    const known = this.#names.known.facts.exported?.(name);
    if (known && known.owner !== 'vmlinux')
      return this.#error(
        'KLP304',
        name,
        `the module ${moduleName(known.owner)} exports ${name}, and ${modules.join(' and ') || 'vmlinux'} does not depend on that module`,
        'the livepatch could not be loaded without it',
        `avoid ${name}`,
      );
    return this.#unknown(name, [...scope]);
  }

  #unknown(name: string, scope: readonly string[]): undefined {
    const similar = scope.flatMap((object) =>
      this.#names.similar(object, name).map((other) => ({ object, other })),
    );
    for (const { object, other } of similar) {
      const rest = other.startsWith(`${name}.`) ? other.slice(name.length) : '';
      const piece = pieces.find(([suffix]) => suffix.test(rest));
      if (piece)
        return this.#error(
          piece[1],
          name,
          `${object} has no ${name}, only ${other}, which ${piece[2]}`,
          'a call as in the source would pass the wrong values',
          `copy ${name} into the livepatch`,
        );
    }
    const near = similar.map(({ object, other }) => (object === 'vmlinux' ? other : `${other} of ${object}`));
    return this.#error(
      'KLP301',
      name,
      `${scope.length === 1 ? `${scope[0]} has no` : `neither ${scope.join(' nor ')} has a`} symbol ${name}`,
      'the module loader would refuse the livepatch: unknown symbol',
      near.length > 0
        ? `was ${near.slice(0, 4).join(', or ')} meant?`
        : 'check the name; what the compiler inlined everywhere must be copied into the livepatch',
    );
  }

  /** Whether the kernel has what is meant, and a KLP relocation may lead there. */
  #isThere(symbol: string, { object, name, sympos }: Meant): boolean {
    const at = { symbol };
    const { facts } = this.#names.known;
    if (facts.hasObject?.(object) === false) {
      this.#error(
        'KLP206',
        symbol,
        `the kernel ships no module ${object}, which is to have ${name}`,
        undefined,
        'check the name; the kernel writes underscores',
      );
      return false;
    }
    const position = positionFinding(facts, object, name, sympos, at);
    if (position) {
      const elsewhere = this.#names.ownersOf(name).map((owner) => `${name} of ${owner.object}`);
      const near = [...elsewhere, ...this.#names.similar(object, name)].slice(0, 4);
      const isAbsent = !this.#names.kindOf(object, name, 0);
      this.#findings.push(
        isAbsent && near.length > 0 ? { ...position, next: `was ${near.join(', or ')} meant?` } : position,
      );
      return false;
    }
    if (this.#names.isInit(object, name, sympos)) {
      this.#error(
        'KLP314',
        symbol,
        `${name} of ${object} is initial code or data`,
        'the kernel frees that memory after boot or after the module was loaded',
        'copy what is needed into the livepatch',
      );
      return false;
    }
    return true;
  }

  /** The klp_object whose relocations of this symbol are: for symbols of modules the one with which they are resolved. */
  #patchedFor(name: string, index: number, { object, patched }: Meant): string | undefined {
    if (object === 'vmlinux') {
      if (patched !== undefined && patched !== 'vmlinux')
        this.#findings.push({
          id: 'KLP303',
          severity: 'note',
          what: `${name} of vmlinux is resolved while the livepatch loads, not with ${patched} as its annotation says`,
          why: 'the kernel refuses symbols of vmlinux in the section of a module',
          at: { symbol: name },
        });
      return 'vmlinux';
    }
    const users = this.#usersOf(index);
    const chosen =
      patched ??
      (this.#patched.includes(object) ? object : users.length === 1 ? users[0] : undefined) ??
      this.#only();
    if (chosen === undefined)
      return this.#error(
        'klp-patched-unclear',
        name,
        `${name} of ${object} is used, and it cannot be told with which of ${this.#patched.join(', ') || 'the patched objects'} it is to be resolved`,
        'its code lies in sections with that of other objects',
        'compile with -ffunction-sections -fdata-sections, or annotate it with KLP_RELOC_SYMBOL',
      );
    if (chosen === 'vmlinux')
      return this.#error(
        'klp-module-from-vmlinux',
        name,
        `code that patches vmlinux refers to ${name} of the module ${object}`,
        'references of vmlinux code are resolved while the livepatch loads, when the module may not be there',
        `keep what needs ${object} in functions of ${object}`,
      );
    if (this.#module.livepatch.patch && !this.#patched.includes(chosen))
      return this.#error(
        'klp-orphan',
        name,
        `${name} is to be resolved with ${chosen}, which the livepatch does not patch`,
        'the kernel would never resolve it: its first use kills the kernel',
        `these are patched: ${this.#patched.join(', ')}`,
      );
    if (chosen !== object && !this.#names.dependsOf(chosen).includes(object))
      return this.#error(
        'KLP301',
        name,
        `code that patches ${chosen} refers to ${name} of the module ${object}, on which ${chosen} does not depend`,
        `the reference is resolved when ${chosen} is loaded, and ${object} may not be there then`,
        `avoid ${name}`,
      );
    return chosen;
  }

  #usersOf(index: number): string[] {
    const objects = new Set<string>();
    for (const section of this.#users.get(index)?.sections ?? [])
      for (const object of this.#labels.get(section) ?? []) objects.add(object);
    return [...objects];
  }

  #patchedModules(): string[] {
    return this.#patched.filter((object) => object !== 'vmlinux');
  }

  /** The patched object, where there is one alone. */
  #only(): string | undefined {
    return this.#patched.length === 1 ? this.#patched[0] : undefined;
  }
}
