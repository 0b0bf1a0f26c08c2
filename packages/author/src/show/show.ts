import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { detectCompression, ET, FormatError, readElf, readModuleBytes } from '@klpkit/formats';
import { configFacts, type Kernel, listKernels, loadImage, parseConfig } from '@klpkit/kernel';
import { layoutFromBtf } from '@klpkit/livepatch';
import { showKernel } from './kernel.ts';
import { showRelocatable } from './relocatable.ts';
import type { Shown, ShownKernel } from './types.ts';

/**
 * Says what a file is and what it holds: a livepatch, another module, an object, or a kernel image.
 *
 * @param file its name, for messages
 * @param bytes as they are on disk: modules and images may be packed
 * @param kernel whose structures a livepatch is read by; Debian's layout without
 * @throws {UsageError} for a file that is none of these, or damaged
 */
export async function showFile(file: string, bytes: Uint8Array, kernel?: Kernel): Promise<Shown> {
  try {
    const isElf = bytes[0] === 0x7f && bytes[1] === 0x45;
    if (!isElf && !detectCompression(bytes)) return await kernelImage(file, bytes);
    const plain = await readModuleBytes(bytes);
    if (readElf(plain).type !== ET.REL) return await kernelImage(file, plain);
    const btf = kernel && (await loadImage(kernel)).btf();
    return showRelocatable(file, plain, bytes.length, btf && layoutFromBtf(btf));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(
      `${file}: ${error.message}`,
      'give a livepatch or another module (.ko), an object (.o), or a kernel image (vmlinuz, vmlinux)',
    );
  }
}

/** The image's own words, and the configuration of the kernel of that release in the cache, which no image of Debian's holds. */
async function kernelImage(file: string, bytes: Uint8Array): Promise<ShownKernel> {
  const shown = await showKernel(file, bytes);
  const known = (await listKernels()).find(({ release }) => release === shown.release);
  const config = known && (await readFile(join(known.buildDir, '.config'), 'utf8').catch(() => undefined));
  return config === undefined ? shown : { ...shown, config: configFacts(parseConfig(config)) };
}
