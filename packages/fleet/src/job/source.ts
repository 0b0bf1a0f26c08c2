import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BuildOptions,
  type BuiltLivepatch,
  buildFolder,
  type NothingToBuild,
  type PatchText,
  writeSource,
} from '@klpkit/author';
import { contentKey, inTemporaryFolder } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';

/** A livepatch by either route, as far as a job needs it. */
export interface Made
  extends Pick<BuiltLivepatch, 'outcome' | 'ko' | 'plan' | 'report' | 'details' | 'findings'> {
  /** Equal where the C that was written is the same: it is reviewed once. Absent on the binary route. */
  readonly sourceKey?: string;
}

/** No livepatch, since nothing changes. */
export type NothingMade = Pick<NothingToBuild, 'outcome' | 'findings'>;

/** Makes a livepatch by the source route: writes the C of the fix, and compiles it. @throws {Refusal} as the routes do */
export async function makeFromSource(
  kernel: Kernel,
  patches: readonly PatchText[],
  options: Pick<BuildOptions, 'name' | 'overrides' | 'maxUnits' | 'signal'>,
): Promise<Made | NothingMade> {
  const source = await writeSource(kernel, patches, options);
  if (source.outcome === 'nothing') return source;
  return inTemporaryFolder('klpkit-job-', async (folder) => {
    for (const [path, text] of source.files) await writeFile(join(folder, path), text);
    const { overrides, signal } = options;
    const built = await buildFolder(kernel, folder, { overrides, signal });
    // What a reviewer of the C need not read again: the manifest, which has the kernel and positions of symbols, and comments, which
    // have the fix's subject.
    const texts = [...source.files]
      .filter(([path]) => path.endsWith('.c'))
      .sort()
      .map(([path, text]) => `${path}\n${text.replace(/^[ \t]*\/\*[\s\S]*?\*\/[ \t]*\n/gm, '')}`);
    return {
      outcome: 'built',
      ko: built.module,
      plan: built.plan,
      report: built.report,
      details: [],
      findings: [...source.findings, ...built.findings],
      sourceKey: contentKey(...texts),
    };
  });
}
