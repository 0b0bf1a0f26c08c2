import { dirname, normalize } from 'node:path';
import type { Kernel } from '../types.ts';
import { folderLists } from './lists.ts';

/**
 * Whether this configuration enters a folder at all: a makefile's own list says nothing when the folder around it is off
 * (`obj-$(CONFIG_KCSAN) += kcsan/`), and Kbuild still makes an object of it that is asked for by name.
 */
export async function isEntered(kernel: Kernel, folder: string, signal?: AbortSignal): Promise<boolean> {
  // These are named by the makefiles at the top (Kbuild, arch/x86/Makefile), whose lists are not printed.
  if (!folder.includes('/') || /^arch\/[^/]+(\/[^/]+)?$/.test(folder)) return true;
  for (let above = dirname(folder); above !== '.'; above = dirname(above)) {
    const lists = await folderLists(kernel, above, signal);
    if (lists?.entered.some((below) => normalize(below) === folder)) return isEntered(kernel, above, signal);
  }
  return false;
}
