import { modelOf, type ObjectModel } from '@klpkit/compare';
import { UsageError } from '@klpkit/findings';
import { type ElfFile, ET, FormatError, readElf, readModuleBytes } from '@klpkit/formats';
import type { Kernel, OnProgress } from '@klpkit/kernel';
import { checkRules, type KlpLayout, type Livepatch, readLivepatch, usualLayout } from '@klpkit/livepatch';
import { checkLivepatch, type Judgement, type LivepatchEvidence, replacements } from '@klpkit/pitfalls';
import { kernelEvidence } from './kernel.ts';
import { placementsOf } from './placements.ts';

/** Options of {@link checkModule}. */
export interface CheckOptions {
  /** The kernel that the livepatch is for; without it everything that needs one is unchecked. */
  readonly kernel?: Kernel | undefined;
  /** The livepatch that this one is to replace. */
  readonly older?: Livepatch;
  /** The code of {@link CheckOptions.older}. */
  readonly olderModel?: ObjectModel | undefined;
  /** Compile the units that the replaced functions come from, to see where the compiler put copies of them. Needs a kernel. */
  readonly hasSources?: boolean;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A module as the rules saw it. */
export interface CheckedModule {
  readonly evidence: LivepatchEvidence;
  readonly judgement: Judgement;
}

/**
 * Reads a livepatch module, whoever built it, and holds it against the rules.
 *
 * @param file its name, for messages
 * @param bytes of a `.ko`, compressed or not
 * @throws {UsageError} for a file that is no module at all
 */
export async function checkModule(
  file: string,
  bytes: Uint8Array,
  { kernel, older, olderModel, hasSources, onProgress, signal }: CheckOptions = {},
): Promise<CheckedModule> {
  const read = await livepatchEvidence(file, bytes, kernel);
  const placed =
    kernel && hasSources ? await placementsOf(kernel, read.livepatch, { onProgress, signal }) : undefined;
  const evidence: LivepatchEvidence = {
    ...read,
    ...(older ? { older } : {}),
    ...(olderModel ? { olderModel } : {}),
    ...(placed ? { placement: placed.placement, found: [...read.found, ...placed.findings] } : {}),
  };
  return { evidence, judgement: checkLivepatch(evidence) };
}

async function livepatchEvidence(
  file: string,
  packed: Uint8Array,
  kernel: Kernel | undefined,
): Promise<LivepatchEvidence> {
  try {
    const bytes = await readModuleBytes(packed);
    const elf = readElf(bytes);
    if (elf.type !== ET.REL)
      throw new FormatError(`elf: type ${elf.type} at offset 16, a module has 1 (relocatable)`);
    const first = readLivepatch(bytes);
    const about = kernel && (await kernelEvidence(kernel, objectsOf(first)));
    const livepatch = about && !isUsual(about.layout) ? readLivepatch(bytes, about.layout) : first;
    const model = modelIfReadable(elf);
    return {
      file,
      bytes,
      elf,
      livepatch,
      ...(model ? { model } : {}),
      ...(about ? { kernel: about.evidence } : {}),
      found: checkRules(livepatch, about?.evidence.facts),
    };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, 'give a livepatch module, livepatch-NAME.ko');
  }
}

/** Whether the kernel has its structures as those that a module is read with first. */
function isUsual(layout: KlpLayout): boolean {
  return JSON.stringify(layout) === JSON.stringify(usualLayout);
}

/** The objects that a livepatch patches or refers to. */
function objectsOf(livepatch: Livepatch): string[] {
  const names = new Set(replacements(livepatch).map(({ object }) => object));
  for (const { symbolObject, patchedObject } of livepatch.klpRelocations)
    for (const name of [symbolObject, patchedObject]) if (name !== undefined) names.add(name);
  return [...names].sort();
}

/** `undefined` for a machine whose code is not understood, or a symbol table that contradicts itself: rules about code are then unchecked. */
function modelIfReadable(elf: ElfFile): ObjectModel | undefined {
  try {
    return modelOf(elf);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
