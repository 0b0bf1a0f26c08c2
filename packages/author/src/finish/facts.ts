import { imageText, nextAddress, type Sites, sitesOfImage, sitesOfModule } from '@klpkit/compare';
import {
  type Kernel,
  type KernelModule,
  listModules,
  loadImage,
  loadModule,
  moduleSymvers,
} from '@klpkit/kernel';
import { type KernelFacts, type KlpLayout, layoutFromBtf, usualLayout } from '@klpkit/livepatch';
import { lazy } from '../lazy.ts';

/** What the livepatch room's rules ask about a kernel, and how its structures are laid out. */
export interface FactsOfKernel {
  readonly facts: KernelFacts;
  /** Read out of the kernel's types when it is first asked for. */
  readonly layout: KlpLayout;
}

/**
 * Gathers what is needed to check livepatches of a kernel.
 *
 * @param modules names (underscores) of the modules whose symbols are asked for; those that the kernel does not ship are passed over
 */
export async function kernelFacts(kernel: Kernel, modules: readonly string[]): Promise<FactsOfKernel> {
  const [image, exports, shipped] = await Promise.all([
    loadImage(kernel),
    moduleSymvers(kernel),
    listModules(kernel),
  ]);
  const names = new Set(['vmlinux', ...shipped.map(({ name }) => name)]);
  const loaded = new Map<string, KernelModule>();
  for (const name of new Set(modules))
    if (name !== 'vmlinux' && names.has(name)) loaded.set(name, await loadModule(kernel, name));
  const imageSites = lazy(() => sitesOfImage(image));
  const moduleSites = new Map<string, () => Sites>();
  for (const [name, module] of loaded)
    moduleSites.set(
      name,
      lazy(() => sitesOfModule(module)),
    );
  const vermagic = imageText(image, 'vermagic');
  const layout = lazy(() => {
    const btf = image.btf();
    return btf ? layoutFromBtf(btf) : usualLayout;
  });
  return {
    get layout() {
      return layout();
    },
    facts: {
      machine: image.elf.machine,
      ...(vermagic === undefined ? {} : { vermagic }),
      hasVersions: hasCrc(exports.values()),
      clearsRelocations: image.symbols.find('clear_relocate_add').length > 0,
      hasObject: (object) => names.has(object),
      symbolCount: (object, name) =>
        object === 'vmlinux' ? image.symbols.find(name).length : loaded.get(object)?.find(name).length,
      exported: (name) => exports.get(name) ?? null,
      isTraceable(object, name, sympos) {
        const place = Math.max(1, sympos) - 1;
        if (object === 'vmlinux') {
          const index = image.symbols.find(name)[place];
          if (index === undefined) return undefined;
          return imageSites()(undefined, image.symbols.address[index], nextAddress(image, index));
        }
        const module = loaded.get(object);
        const index = module?.find(name)[place];
        if (module === undefined || index === undefined) return undefined;
        const { section, value, size } = module.symbols;
        return moduleSites.get(object)?.()(section[index], value[index], value[index] + size[index]);
      },
    },
  };
}

function hasCrc(exports: Iterable<{ readonly crc: number }>): boolean {
  for (const { crc } of exports) if (crc !== 0) return true;
  return false;
}
