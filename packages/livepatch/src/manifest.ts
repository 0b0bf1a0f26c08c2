import type { Finding } from '@klpkit/findings';
import { longestObjectName, longestSymbolName } from './names.ts';
import type { LivepatchPlan } from './types.ts';

/** The name of the manifest in a folder of C. */
export const manifestFile = 'klpkit.json';

/** Version of the manifest's shape. */
export const manifestFormat = 1;

/**
 * What C cannot say of a livepatch that is a folder of C: which object each file patches, which functions replace which, and where
 * the private symbols live that the files declare `extern`. It is `klpkit.json` beside the files.
 */
export interface Manifest {
  /** Where the schema is, for editors. */
  readonly $schema?: string;
  readonly format: typeof manifestFormat;
  /** The module's name: `[A-Za-z0-9_]`, at most 55 characters. */
  readonly name: string;
  /** Atomic replace: `klp_patch.replace`. */
  readonly replace: boolean;
  /** The kernel that the folder was made for; absent for one that is for several. Another one is refused. */
  readonly kernel?: { readonly id?: string; readonly release?: string };
  /**
   * A C file of the folder with `struct klp_patch` and its tables, init and exit, written by hand. Absent: klpkit makes them of `objects`.
   * It is compiled as a module's file and may use what `symbols` lists, for code that patches vmlinux.
   */
  readonly main?: string;
  readonly sources: readonly ManifestSource[];
  readonly objects: readonly ManifestObject[];
  readonly symbols: readonly ManifestSymbol[];
  /** Modules outside the kernel's tree that `objects` and `symbols` name; they are built of C files of the folder as well. */
  readonly modules?: readonly ManifestModule[];
  /** For readers: whose fix this is. klpkit gives it no meaning. */
  readonly author?: { readonly [key: string]: unknown };
}

/** A C file of the folder. */
export interface ManifestSource {
  /** Path in the folder, with `/`. */
  readonly file: string;
  /** Whose code it patches: `vmlinux` or a module's name with underscores. References to modules are resolved when that one is there. */
  readonly object: string;
  /** The kernel's source that the code comes from: `fs/namei.c`. The file is compiled with that unit's flags; absent: with those of a module. */
  readonly unit?: string;
  /** Further words for the compiler. */
  readonly compile?: readonly string[];
}

/** `struct klp_object`. */
export interface ManifestObject {
  /** `vmlinux` or a module's name with underscores. */
  readonly name: string;
  readonly functions: readonly {
    /** `klp_func.old_name`: the symbol in the running kernel. */
    readonly old: string;
    /** The C function that takes its place; not static. */
    readonly new: string;
    /** 0 when unique, else counted from 1 as the kernel counts. */
    readonly sympos: number;
  }[];
}

/** A name that the C files declare and do not define. */
export interface ManifestSymbol {
  /** In C. */
  readonly name: string;
  /** In the kernel, when that is no C name: `count.37`, `foo.isra.0`. */
  readonly symbol?: string;
  /** Who has it: `vmlinux` or a module's name with underscores. */
  readonly object: string;
  /** 0 when unique, else counted from 1 as the kernel counts. */
  readonly sympos: number;
  readonly kind: 'function' | 'variable';
  /** `exported`: the module loader finds it. `klp-relocation`: the livepatch core does. */
  readonly how: 'exported' | 'klp-relocation';
  /** How it was found, for readers. */
  readonly why?: string;
}

/** A module outside the kernel's tree, no livepatch itself, of C files of the folder. */
export interface ManifestModule {
  /** Its name, with underscores. */
  readonly name: string;
  /** Its C files: paths in the folder. */
  readonly files: readonly string[];
}

/** The manifest as JSON with a newline at its end, members in the order of {@link Manifest}: the same bytes for the same manifest. */
export function manifestText(manifest: Manifest): string {
  const { $schema, format, name, replace, kernel, main, sources, objects, symbols, modules, author } =
    manifest;
  const ordered = {
    $schema,
    format,
    name,
    replace,
    kernel,
    main,
    sources,
    objects,
    symbols,
    modules,
    author,
  };
  return `${JSON.stringify(ordered, undefined, 2)}\n`;
}

/** What a manifest says about the livepatch's tables. */
export function planOfManifest({ name, replace, objects }: Manifest): LivepatchPlan {
  return {
    name,
    replace,
    objects: objects.map((object) => ({
      name: object.name,
      functions: object.functions.map((one) => ({
        oldName: one.old,
        sympos: one.sympos,
        newSymbol: one.new,
      })),
    })),
  };
}

/** True for a path that stays in the folder whatever the folder is: relative, with `/`, without `..`. */
export function staysInside(path: string): boolean {
  if (path === '' || path.startsWith('/') || path.includes('\\')) return false;
  if ([...path].some((letter) => letter < ' ')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** What changes macros, warnings and code; other words could read, write or run something outside the folder. */
const harmlessWord = /^-(D\w+(=[^\0]*)?|U\w+|W[a-z][a-z0-9-]*(=[\w-]+)?|f[a-z][a-z0-9-]*|O[0123s])$/;

/**
 * Where a manifest contradicts itself. Names of the livepatch, its objects and functions are not looked at: `checkNames` does that
 * for every plan.
 *
 * @returns findings whose `at.file` is the manifest and whose `at.symbol` is the path in it: `symbols[3].name`
 */
export function checkManifest(manifest: Manifest): Finding[] {
  const findings: Finding[] = [];
  const error = (path: string, what: string, next: string) =>
    findings.push({
      id: 'manifest',
      severity: 'error',
      what,
      next,
      at: { file: manifestFile, symbol: path },
    });
  const { sources, objects, symbols, main, modules = [] } = manifest;
  const files = new Set<string>();
  const inFolder = (path: string, file: string) => {
    if (!staysInside(file))
      error(
        path,
        `${JSON.stringify(file)} is no path inside the folder`,
        'name a file of the folder, with /',
      );
    else if (!file.endsWith('.c')) error(path, `${file} is no C file`, 'name a file that ends in .c');
    if (files.has(file)) error(path, `${file} is named twice`, 'name each file once');
    files.add(file);
  };
  const patched = new Set(objects.map(({ name }) => name));
  if (main !== undefined) inFolder('main', main);
  sources.forEach(({ file, object, unit, compile = [] }, number) => {
    inFolder(`sources[${number}].file`, file);
    if (!patched.has(object))
      error(
        `sources[${number}].object`,
        `${file} patches ${object}, which is not among the objects`,
        `these are: ${[...patched].join(', ') || 'none'}`,
      );
    if (unit !== undefined && (!staysInside(unit) || !unit.endsWith('.c')))
      error(
        `sources[${number}].unit`,
        `${JSON.stringify(unit)} is no source of the kernel`,
        'give a path like fs/namei.c, or leave it out',
      );
    compile.forEach((word, place) => {
      if (!harmlessWord.test(word))
        error(
          `sources[${number}].compile[${place}]`,
          `the compiler is not given ${JSON.stringify(word)}`,
          'allowed are -D, -U, -W…, -O… and -f… without a value',
        );
    });
  });
  modules.forEach((one, number) => {
    if (!/^\w+$/.test(one.name) || one.name.length > longestObjectName || one.name === manifest.name)
      error(
        `modules[${number}].name`,
        `${JSON.stringify(one.name)} cannot be the name of a module beside this livepatch`,
        `letters, digits and underscores, at most ${longestObjectName}`,
      );
    if (one.files.length === 0) error(`modules[${number}].files`, 'no C file is named', 'name at least one');
    one.files.forEach((file, place) => {
      inFolder(`modules[${number}].files[${place}]`, file);
    });
  });
  const names = new Map<string, ManifestSymbol>();
  const defined = new Set(objects.flatMap(({ functions }) => functions.map((one) => one.new)));
  symbols.forEach((one, number) => {
    const at = `symbols[${number}]`;
    if (!/^[A-Za-z_]\w*$/.test(one.name))
      error(
        `${at}.name`,
        `${JSON.stringify(one.name)} is no name in C`,
        'give the C name here and the name in the kernel as symbol',
      );
    const symbol = one.symbol ?? one.name;
    if (!/^[\w.$]+$/.test(symbol) || symbol.length > longestSymbolName)
      error(`${at}.symbol`, `${JSON.stringify(symbol)} is no symbol of a kernel`, 'look it up in kallsyms');
    if (!/^\w+$/.test(one.object) || one.object.length > longestObjectName)
      error(
        `${at}.object`,
        `${JSON.stringify(one.object)} is no name of a module`,
        'give vmlinux, or a module with underscores',
      );
    if (names.has(one.name)) error(`${at}.name`, `${one.name} is listed twice`, 'list each symbol once');
    names.set(one.name, one);
    if (defined.has(one.name))
      error(
        `${at}.name`,
        `${one.name} is a function of this livepatch and a symbol that it takes from ${one.object}`,
        'give the new function another name',
      );
    if (one.how === 'exported' && one.symbol !== undefined && one.symbol !== one.name)
      error(
        `${at}.symbol`,
        `${one.name} is exported and has another name, ${one.symbol}, in the kernel`,
        'an export is found by its own name: use it in C, or make this a klp-relocation',
      );
  });
  return findings;
}
