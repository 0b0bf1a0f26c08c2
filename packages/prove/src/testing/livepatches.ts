import { buildFromC } from '@klpkit/author';
import { readElf, readSymbols } from '@klpkit/formats';
import type { Kernel } from '@klpkit/kernel';
import type { LivepatchToProve } from '../types.ts';

/** A livepatch of one function, written in C. */
export interface Recipe {
  readonly name: string;
  /** `vmlinux` or the module. */
  readonly object: string;
  readonly oldName: string;
  /** The new function, called `replacement`. */
  readonly code: string;
  /** Atomic replace; default false. */
  readonly replace?: boolean;
  /** A pre_patch callback, called `before`. */
  readonly prePatch?: string;
}

/** Replaces what /proc/cmdline shows; easily seen, and called by nobody but who reads it. */
export const cmdline = (name: string, body: string): Recipe => ({
  name,
  object: 'vmlinux',
  oldName: 'cmdline_proc_show',
  code: `int replacement(struct seq_file *m, void *v) { ${body} return 0; }`,
});

/** Builds a livepatch with the kernel's own tools. */
export async function build(
  kernel: Kernel,
  recipe: Recipe,
): Promise<Pick<LivepatchToProve, 'module' | 'name' | 'objects'>> {
  const { name, object, oldName, code, replace = false, prePatch } = recipe;
  const callbacks = prePatch === undefined ? [] : [{ kind: 'pre_patch' as const, symbol: 'before' }];
  const includes = ['module', 'seq_file', 'device', 'fs_context', 'errno', 'livepatch', 'delay'].map(
    (header) => `#include <linux/${header}.h>`,
  );
  const { ko } = await buildFromC(kernel, {
    plan: {
      name,
      replace,
      objects: [{ name: object, functions: [{ oldName, sympos: 0, newSymbol: 'replacement' }], callbacks }],
    },
    sources: [{ name: `${name}.c`, text: `${includes.join('\n')}\n${code}\n${prePatch ?? ''}\n` }],
  });
  return { module: ko, name, objects: [{ name: object, functions: [oldName] }] };
}

/** The module with one text of it replaced by another of the same length. */
export function withText(ko: Uint8Array, from: string, to: string): Uint8Array {
  const file = Buffer.from(ko);
  const wanted = Buffer.from(`${from}\0`);
  const at = file.indexOf(wanted);
  if (at < 0 || from.length !== to.length) throw new Error(`no ${from} in the module, or another length`);
  file.write(to, at);
  return new Uint8Array(file);
}

/** The module with an init that never ends: a jump to itself behind its call of __fentry__. */
export function withEndlessInit(ko: Uint8Array): Uint8Array {
  const elf = readElf(ko);
  const symbols = readSymbols(elf);
  const index = Array.from({ length: symbols.count }, (_, i) => i).find(
    (i) => symbols.name(i) === 'init_module',
  );
  const section = index === undefined ? undefined : elf.sections[symbols.section[index] ?? 0];
  if (index === undefined || !section) throw new Error('the module has no init_module');
  const at = section.offset + (symbols.value[index] ?? 0);
  // endbr64, then the call; what follows is free of relocations for three bytes at least.
  if (ko[at] !== 0xf3 || ko[at + 4] !== 0xe8) throw new Error('init_module does not begin as expected');
  const changed = ko.slice();
  changed.set([0xeb, 0xfe], at + 9);
  return changed;
}
