import { modelIfReadable } from '@klpkit/compare';
import type { ElfFile } from '@klpkit/formats';
import { checkRules, type KlpLayout, type Livepatch, readLivepatch, usualLayout } from '@klpkit/livepatch';
import { type KernelEvidence, type LivepatchEvidence, replacements } from './evidence.ts';

/** What is known of the kernel that a livepatch is for. */
export interface KnownKernel {
  readonly evidence: KernelEvidence;
  /** How its livepatch structures are laid out. */
  readonly layout: KlpLayout;
}

/**
 * Reads a livepatch module for the rules. What is known of a kernel may depend on the objects that the livepatch names, so it is asked for
 * when the livepatch is read: {@link objectsOf}.
 *
 * @param file its name, for messages
 * @param bytes of the `.ko`, decompressed, and `elf` the same as read
 * @throws {FormatError}
 */
export function readEvidence(
  file: string,
  bytes: Uint8Array,
  elf: ElfFile,
  known?: { readonly first: Livepatch; readonly kernel: KnownKernel },
): LivepatchEvidence {
  const { kernel } = known ?? {};
  const livepatch =
    kernel && !isUsual(kernel.layout)
      ? readLivepatch(bytes, kernel.layout)
      : (known?.first ?? readLivepatch(bytes));
  const model = modelIfReadable(elf);
  return {
    file,
    bytes,
    elf,
    livepatch,
    ...(model ? { model } : {}),
    ...(kernel ? { kernel: kernel.evidence } : {}),
    found: checkRules(livepatch, kernel?.evidence.facts),
  };
}

/** Whether the kernel has its structures as those that a module is read with first. */
function isUsual(layout: KlpLayout): boolean {
  return JSON.stringify(layout) === JSON.stringify(usualLayout);
}

/** The objects that a livepatch patches or refers to, sorted. */
export function objectsOf(livepatch: Livepatch): string[] {
  const names = new Set(replacements(livepatch).map(({ object }) => object));
  for (const { symbolObject, patchedObject } of livepatch.klpRelocations)
    for (const name of [symbolObject, patchedObject]) if (name !== undefined) names.add(name);
  return [...names].sort();
}
