import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inTemporaryFolder } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { buildLivepatch } from '../build/index.ts';
import type { PatchText } from '../fix/index.ts';
import { buildFolder } from '../folder/index.ts';
import { type Agreement, agreement } from './agree.ts';
import { type NothingToWrite, type SourceLivepatch, type SourceOptions, writeSource } from './source.ts';

/** A fix by both routes. */
export interface VerifiedSource {
  readonly source: SourceLivepatch;
  readonly agreement: Agreement;
  /** The bytes of the two modules. */
  readonly modules: { readonly binary: Uint8Array; readonly source: Uint8Array };
}

/**
 * Builds a fix by both routes and compares what comes out.
 *
 * @throws {Refusal} when one of the routes refuses
 */
export async function verifySource(
  kernel: Kernel,
  patches: readonly PatchText[],
  options: SourceOptions,
): Promise<VerifiedSource | NothingToWrite> {
  const source = await writeSource(kernel, patches, options);
  if (source.outcome === 'nothing') return source;
  const { onStep, ...judging } = options;
  const built = await inTemporaryFolder('klpkit-verify-', async (folder) => {
    for (const [path, text] of source.files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    return buildFolder(kernel, folder, { jobs: options.jobs, signal: options.signal });
  });
  const binary = await buildLivepatch(kernel, patches, { ...judging, sourceLines: false });
  if (binary.outcome === 'nothing')
    return { outcome: 'nothing', findings: binary.findings, steps: source.steps };
  return {
    source,
    agreement: agreement(binary.ko, built.module, source.own),
    modules: { binary: binary.ko, source: built.module },
  };
}
