import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, writeFileAtomic } from '@klpkit/host';
import type { Kernel } from '../types.ts';
import { cached } from './cache.ts';
import { compileEnvironment } from './make.ts';

/** What one makefile of the tree builds. Objects as Kbuild names them, relative to the build folder: `fs/namei.o`. */
export interface FolderLists {
  /** Linked into the kernel image. */
  readonly builtin: readonly string[];
  readonly modules: readonly {
    /** `fs/ext4/ext4.o`: the module without its suffix is `fs/ext4/ext4`. */
    readonly object: string;
    readonly parts: readonly string[];
  }[];
  /** Folders below that are entered on their own, whatever this makefile takes out of them: `drivers/media/rc/keymaps`. */
  readonly entered: readonly string[];
  /** Rules that take sources from elsewhere in the tree: objects `to…` come from sources `from…`. */
  readonly rules: readonly { readonly to: string; readonly from: string }[];
}

const makefile = `include $(srctree)/scripts/Makefile.build
klp-list:
\t$(foreach v,real-obj-y lib-y subdir-ym,$(info klp $v $($v)))$(foreach m,$(filter %.o,$(obj-m)),$(info klp obj-m $m $(call real-search,$(patsubst $(obj)/%,%,$m),.o,-objs -y -m)))@:
`;

/** Folders of libraries that are linked whole into the kernel image; those of the boot code and the like are not. */
function imageLibraries(environment: Readonly<Record<string, string>>): string[] {
  const words = `${environment.ARCH_LIB ?? ''} ${environment.KBUILD_VMLINUX_LIBS ?? ''}`.split(/\s+|\s/);
  const folders = words.map((word) => word.replace(/\/?(lib\.a)?$/, '')).filter(Boolean);
  return folders.length > 0 ? folders : ['lib', 'arch/x86/lib'];
}

/**
 * What the makefile of a folder builds with this configuration; undefined if there is none, or it is only there to be
 * included by another. Kbuild's own makefile is included and its lists are printed, so nothing is guessed.
 */
export function folderLists(
  kernel: Kernel,
  folder: string,
  signal?: AbortSignal,
): Promise<FolderLists | null> {
  return cached(kernel, `list ${folder}`, async () => {
    const path = join(kernel.dir, 'klp-list.mk');
    await writeFileAtomic(path, makefile);
    const environment = await compileEnvironment(kernel);
    const argv = ['make', '-rR', '--no-print-directory', '-f', path, `obj=${folder}`];
    const { code, stdout } = await run([...argv, 'need-builtin=1', 'need-modorder=1', 'klp-list'], {
      cwd: kernel.buildDir,
      env: environment,
      check: false,
      timeoutMs: 120_000,
      signal,
    });
    if (code !== 0) return null;
    return parseLists(stdout, folder, {
      isLibraryLinked: imageLibraries(environment).includes(folder),
      text: (await makefileText(kernel, folder)) ?? '',
    });
  });
}

/** The text of a folder's `Kbuild` or `Makefile`, whichever Kbuild would read. */
export async function makefileText(kernel: Kernel, folder: string): Promise<string | undefined> {
  for (const name of ['Kbuild', 'Makefile']) {
    const text = await readFile(join(kernel.sourceDir, folder, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Reads the lists as they were printed; `text` is the makefile, searched for rules that reach out of the folder. */
export function parseLists(
  printed: string,
  folder: string,
  { isLibraryLinked, text }: { isLibraryLinked: boolean; text: string },
): FolderLists {
  const builtin: string[] = [];
  const entered: string[] = [];
  const modules: FolderLists['modules'][number][] = [];
  for (const line of printed.split('\n')) {
    const [mark, list, ...words] = line.split(/\s+/);
    if (mark !== 'klp') continue;
    if (list === 'subdir-ym') entered.push(...words.filter(Boolean));
    const objects = words.filter((word) => word.endsWith('.o'));
    if (list === 'real-obj-y' || (list === 'lib-y' && isLibraryLinked)) builtin.push(...objects);
    const [object, ...parts] = objects;
    if (list === 'obj-m' && object) {
      modules.push({ object, parts: [...new Set(parts)].map((part) => `${folder}/${part}`) });
    }
  }
  const rules = [...text.matchAll(/^\$\(obj\)\/([^\s%]*)%\.o\s*:\s*\$\(srctree\)\/([^\s%]*)%\.c\b/gm)].map(
    (match) => ({ to: `${folder}/${match[1]}`, from: match[2] ?? '' }),
  );
  return { builtin: [...new Set(builtin)], modules, entered, rules };
}
