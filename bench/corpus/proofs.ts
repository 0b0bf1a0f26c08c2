import { join } from 'node:path';
import type { Kernel } from '@klpkit/kernel';
import { type LivepatchProof, proveLivepatch } from '@klpkit/prove';
import type { Outcome } from './outcome.ts';

/**
 * Proves livepatches in batches, one boot for each; what fails among others is tried again alone, and that counts.
 *
 * @param folder where the `.ko` files are, by name
 */
export async function* proveInBatches(
  kernel: Kernel,
  built: readonly Outcome[],
  folder: string,
  perBoot: number,
  onStep: (what: string) => void,
): AsyncGenerator<Outcome> {
  for (let at = 0; at < built.length; at += perBoot) {
    const batch = built.slice(at, at + perBoot);
    const proofs = await prove(kernel, batch, folder, onStep);
    for (const [index, outcome] of batch.entries()) {
      const proof = proofs[index];
      if (proof?.verdict === 'proven' || batch.length === 1) yield judged(outcome, proof);
      else {
        const [alone] = await prove(kernel, [outcome], folder, onStep);
        const among = wrong(proof).map(({ id, what }) => `${id}: ${what}`);
        const result = judged(outcome, alone);
        yield result.outcome === 'proven'
          ? {
              ...result,
              reasons: [
                ...result.reasons,
                { id: 'proven-alone', what: `among others it was not: ${among.join('; ') || 'no verdict'}` },
              ],
            }
          : result;
      }
    }
  }
}

async function prove(
  kernel: Kernel,
  batch: readonly Outcome[],
  folder: string,
  onStep: (what: string) => void,
): Promise<readonly LivepatchProof[]> {
  const request = {
    livepatches: batch.map(({ livepatch = '', functions }) => ({
      module: join(folder, `${livepatch}.ko`),
      name: livepatch,
      objects: objectsOf(functions),
    })),
  };
  const { livepatches } = await proveLivepatch(kernel, request, { onProgress: ({ label }) => onStep(label) });
  return livepatches;
}

/** `object:function` lines by object. */
function objectsOf(functions: readonly string[]): { name: string; functions: string[] }[] {
  const objects = Map.groupBy(functions, (line) => line.slice(0, line.indexOf(':')));
  return [...objects].map(([name, lines]) => ({
    name,
    functions: lines.map((line) => line.slice(name.length + 1)),
  }));
}

function wrong(proof: LivepatchProof | undefined): { id: string; what: string }[] {
  return (proof?.findings ?? [])
    .filter(({ severity }) => severity !== 'note')
    .map(({ id, what }) => ({ id, what }));
}

function judged(outcome: Outcome, proof: LivepatchProof | undefined): Outcome {
  return {
    ...outcome,
    outcome: proof?.verdict === 'proven' ? 'proven' : 'failed',
    reasons: wrong(proof),
    seconds: { ...outcome.seconds, ...(proof ? { proof: proof.seconds } : {}) },
  };
}
