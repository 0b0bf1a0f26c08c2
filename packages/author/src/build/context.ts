import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Answer, imagePosition, modelOf, type ObjectModel, type Position } from '@klpkit/compare';
import { readModuleInfo } from '@klpkit/formats';
import {
  dependsOf,
  type Kernel,
  type KernelConfig,
  type KernelImage,
  kernelConfig,
  loadImage,
  loadModule,
  moduleName,
  moduleSymvers,
} from '@klpkit/kernel';
import type { Exports } from '../extract/index.ts';

/** What building a livepatch asks about the kernel, read once. */
export interface KernelContext {
  readonly kernel: Kernel;
  readonly image: KernelImage;
  readonly config: KernelConfig;
  readonly exports: Exports;
  readonly noreturns: ReadonlySet<string>;
  readonly ibt: boolean;
  /** The shipped module, read once. */
  module(name: string): Promise<ShippedModule>;
}

/** A shipped module as the comparison sees it. */
export interface ShippedModule {
  readonly name: string;
  readonly model: ObjectModel;
  /** Modules that it depends on, with underscores. */
  readonly depends: ReadonlySet<string>;
}

/** Reads what {@link KernelContext} holds. */
export async function readContext(kernel: Kernel): Promise<KernelContext> {
  const [image, symvers, config, noreturns] = await Promise.all([
    loadImage(kernel),
    moduleSymvers(kernel),
    kernelConfig(kernel),
    readNoreturns(kernel.sourceDir),
  ]);
  const modules = new Map<string, Promise<ShippedModule>>();
  return {
    kernel,
    image,
    config,
    exports: {
      has: (name) => symvers.has(name),
      get(name) {
        const known = symvers.get(name);
        if (!known) return undefined;
        const { owner, namespace } = known;
        return { owner: owner === 'vmlinux' ? owner : moduleName(owner), namespace };
      },
    },
    noreturns,
    ibt: config.get('CONFIG_X86_KERNEL_IBT') === 'y',
    module(name) {
      let known = modules.get(name);
      if (!known) {
        known = readShipped(kernel, name);
        modules.set(name, known);
      }
      return known;
    },
  };
}

async function readShipped(kernel: Kernel, name: string): Promise<ShippedModule> {
  const { elf } = await loadModule(kernel, name);
  return { name, model: modelOf(elf), depends: new Set(dependsOf(readModuleInfo(elf))) };
}

/**
 * Functions that objtool takes by name for never returning: `NORETURN(name)` in tools/objtool/noreturns.h (since 6.4), before that
 * the strings of `global_noreturns` in tools/objtool/check.c.
 */
export async function readNoreturns(sourceDir: string): Promise<Set<string>> {
  const folder = join(sourceDir, 'tools/objtool');
  const list = await readFile(join(folder, 'noreturns.h'), 'utf8').catch(() => undefined);
  if (list !== undefined) return new Set([...list.matchAll(/^NORETURN\((\w+)\)/gm)].map((match) => match[1]));
  const check = await readFile(join(folder, 'check.c'), 'utf8').catch(() => '');
  const table = /global_noreturns\[\]\s*=\s*\{([^}]*)\}/.exec(check)?.[1] ?? '';
  return new Set([...table.matchAll(/"(\w+)"/g)].map((match) => match[1]));
}

/**
 * The position of a symbol that is known by its name alone: unique, or the only global one among several.
 * `undefined` when the image has none of that name.
 */
export function imagePositionByName({ symbols }: KernelImage, name: string): Answer<Position> | undefined {
  const all = symbols.find(name);
  if (all.length === 0) return undefined;
  // nm types: an upper-case letter is a global symbol; V and W are weak ones.
  const candidates = all.length === 1 ? all : all.filter((index) => symbols.type[index] < 0x61);
  if (candidates.length !== 1)
    return {
      ok: false,
      reason: `the kernel has ${all.length} symbols ${name}, and ${candidates.length} of them are global`,
    };
  return imagePosition(symbols, name, symbols.address[candidates[0]]);
}
