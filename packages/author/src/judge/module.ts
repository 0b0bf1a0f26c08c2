import type { ObjectModel } from '@klpkit/compare';
import { UsageError } from '@klpkit/findings';
import { FormatError, readElf, readModuleBytes } from '@klpkit/formats';
import type { Kernel, OnProgress } from '@klpkit/kernel';
import { type Livepatch, readLivepatch } from '@klpkit/livepatch';
import {
  checkLivepatch,
  type Judgement,
  type LivepatchEvidence,
  objectsOf,
  readEvidence,
} from '@klpkit/pitfalls';
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
    if (!kernel) return readEvidence(file, bytes, elf);
    const first = readLivepatch(bytes);
    const about = await kernelEvidence(kernel, objectsOf(first));
    return readEvidence(file, bytes, elf, { first, kernel: about });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, 'give a livepatch module, livepatch-NAME.ko');
  }
}
