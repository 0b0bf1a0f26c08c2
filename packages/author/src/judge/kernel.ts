import { type ShippedObject, shippedImage, shippedModule } from '@klpkit/compare';
import { type Kernel, kernelConfig, listModules, loadImage, loadModule } from '@klpkit/kernel';
import type { KlpLayout } from '@klpkit/livepatch';
import type { KernelEvidence } from '@klpkit/pitfalls';
import { kernelFacts } from '../finish/facts.ts';

/** What the pitfalls' rules ask about a kernel, and how its livepatch structures are laid out. */
export interface EvidenceOfKernel {
  readonly evidence: KernelEvidence;
  readonly layout: KlpLayout;
}

/**
 * Gathers what the rules ask about a kernel. Nothing is read of modules that are not named.
 *
 * @param objects `vmlinux` and names of modules (underscores); those that the kernel does not ship are passed over
 */
export async function kernelEvidence(kernel: Kernel, objects: readonly string[]): Promise<EvidenceOfKernel> {
  const [known, image, shipped, config] = await Promise.all([
    kernelFacts(kernel, objects),
    loadImage(kernel),
    listModules(kernel),
    kernelConfig(kernel),
  ]);
  const compiler = config.get('CONFIG_CC_VERSION_TEXT');
  const names = new Set(shipped.map(({ name }) => name));
  const views = new Map<string, ShippedObject>([['vmlinux', shippedImage(image)]]);
  for (const object of new Set(objects))
    if (names.has(object)) views.set(object, shippedModule(await loadModule(kernel, object)));
  return {
    get layout() {
      return known.layout;
    },
    evidence: {
      release: kernel.release,
      facts: known.facts,
      ...(compiler === undefined ? {} : { compiler }),
      config: (option) => config.get(option),
      symbols: (object, name) => views.get(object)?.symbols(name),
      relatives: (object, name) => views.get(object)?.relatives(name) ?? [],
      namesAt: (object, name, sympos) => views.get(object)?.namesAt(name, sympos) ?? [],
      code: (object, name, sympos) => views.get(object)?.code(name, sympos),
      calls: (object, name, sympos) => views.get(object)?.calls(name, sympos),
      btf: () => image.btf(),
    },
  };
}
