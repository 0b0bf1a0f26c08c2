import { readModuleInfo, SHF, STT } from '@klpkit/formats';
import {
  dependsOf,
  type Kernel,
  type KernelImage,
  type KernelModule,
  listModules,
  loadImage,
  loadModule,
} from '@klpkit/kernel';
import { type FactsOfKernel, kernelFacts } from '../finish/index.ts';
import { similarNames } from './similar.ts';

/** The symbols of a kernel and of some of its modules, asked by name. */
export interface KernelNames {
  /** Those of them that the kernel has: `vmlinux` first, then the modules by name. */
  readonly objects: readonly string[];
  readonly known: FactsOfKernel;
  /** What a symbol is; `undefined` for one that is not there. `sympos` 0 is the only one. */
  kindOf(object: string, name: string, sympos: number): 'function' | 'variable' | undefined;
  /** True for code and data that the kernel frees after boot or after the module was loaded. */
  isInit(object: string, name: string, sympos: number): boolean;
  /** How many symbols of that name each of `objects` has, those without left out. */
  ownersOf(name: string): { readonly object: string; readonly count: number }[];
  /** Names of an object that may have been meant, the likeliest first. */
  similar(object: string, name: string): string[];
  /** Modules that a module depends on, with underscores; empty for vmlinux. */
  dependsOf(object: string): readonly string[];
}

/**
 * Reads the symbols of vmlinux and of the modules named; those that the kernel does not ship are passed over.
 *
 * @param objects `vmlinux` and names of modules, underscores
 */
export async function kernelNames(kernel: Kernel, objects: Iterable<string>): Promise<KernelNames> {
  const wanted = new Set(objects);
  const [image, shipped, known] = await Promise.all([
    loadImage(kernel),
    listModules(kernel),
    kernelFacts(kernel, [...wanted]),
  ]);
  const modules = new Map<string, KernelModule>();
  for (const { name } of shipped)
    if (wanted.has(name) && !modules.has(name)) modules.set(name, await loadModule(kernel, name));
  const find = (object: string, name: string): readonly number[] =>
    object === 'vmlinux' ? image.symbols.find(name) : (modules.get(object)?.find(name) ?? []);
  const indexOf = (object: string, name: string, sympos: number) =>
    find(object, name)[Math.max(1, sympos) - 1];
  const inImage = imageParts(image);
  return {
    objects: ['vmlinux', ...modules.keys()],
    known,
    kindOf(object, name, sympos) {
      const index = indexOf(object, name, sympos);
      if (index === undefined) return undefined;
      if (object === 'vmlinux') return inImage.isCode(index) ? 'function' : 'variable';
      const module = modules.get(object) as KernelModule;
      if (module.symbols.type[index] === STT.FUNC) return 'function';
      const flags = module.elf.sections[module.symbols.section[index]]?.flags ?? 0;
      return (flags & SHF.EXECINSTR) !== 0 ? 'function' : 'variable';
    },
    isInit(object, name, sympos) {
      const index = indexOf(object, name, sympos);
      if (index === undefined) return false;
      if (object === 'vmlinux') return inImage.isInit(index);
      const module = modules.get(object) as KernelModule;
      return /^\.(init|exit)\./.test(module.elf.sections[module.symbols.section[index]]?.name ?? '');
    },
    ownersOf: (name) =>
      ['vmlinux', ...modules.keys()]
        .map((object) => ({ object, count: find(object, name).length }))
        .filter(({ count }) => count > 0),
    similar: (object, name) => similarNames(name, namesOf(object)),
    dependsOf: (object) => {
      const module = modules.get(object);
      return module ? dependsOf(readModuleInfo(module.elf)) : [];
    },
  };

  function* namesOf(object: string): Generator<string> {
    const symbols = object === 'vmlinux' ? image.symbols : modules.get(object)?.symbols;
    for (let index = 0; index < (symbols?.count ?? 0); index++) {
      const name = symbols?.name(index) ?? '';
      if (name !== '') yield name;
    }
  }
}

/** What of the image is code, and what is freed after boot. */
function imageParts({ symbols }: KernelImage): {
  isCode(index: number): boolean;
  isInit(index: number): boolean;
} {
  const address = (name: string): number | undefined => {
    const [index] = symbols.find(name);
    return index === undefined ? undefined : symbols.address[index];
  };
  const [start, end] = [address('__init_begin'), address('__init_end')];
  return {
    // nm types: t and w stand for code; a weak variable is v.
    isCode: (index) => /[tTwW]/.test(String.fromCharCode(symbols.type[index])),
    isInit(index) {
      if (start === undefined || end === undefined) return false;
      const at = symbols.address[index];
      // Per-CPU variables are linked at small numbers.
      return at < 0 && at >= start && at < end;
    },
  };
}
