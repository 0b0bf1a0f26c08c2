import { dirname } from 'node:path';
import { run } from '@klpkit/host';
import type { Kernel } from '../types.ts';
import { cached } from './cache.ts';
import { makefileText } from './lists.ts';

/** Folders whose makefiles build sources of other folders: KVM's, some graphics drivers'. */
function reachingOut(kernel: Kernel): Promise<string[]> {
  return cached(kernel, 'makefiles that reach out of their folder', async () => {
    const pattern = String.raw`\.\./|\$\(srctree\)/[^ ]*%\.c|^include \$\((srctree|src)\)/.*Makefile`;
    const { stdout } = await run(
      [
        'grep',
        '-rlE',
        '--include=Makefile',
        '--include=Kbuild',
        pattern,
        'arch',
        'drivers',
        'fs',
        'kernel',
        'lib',
        'mm',
        'net',
        'security',
        'sound',
        'virt',
      ],
      { cwd: kernel.sourceDir, check: false },
    );
    return [...new Set(stdout.split('\n').filter(Boolean).map(dirname))].sort();
  });
}

/**
 * Folders other than the source's own whose makefiles may build it too: those that reach out and speak of the source's
 * folder or one of the folders around it. May name too many; the lists decide.
 */
export async function outsideFolders(kernel: Kernel, source: string): Promise<string[]> {
  const folders = dirname(source).split('/');
  const found: string[] = [];
  for (const folder of await reachingOut(kernel)) {
    if (source.startsWith(`${folder}/`)) continue;
    const text = (await makefileText(kernel, folder)) ?? '';
    // The deepest two names are telling; further up are names like drivers.
    const names = folders.slice(1).slice(-3);
    if (names.some((name) => new RegExp(`\\b${quoted(name)}\\b`).test(text))) found.push(folder);
  }
  return found;
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
