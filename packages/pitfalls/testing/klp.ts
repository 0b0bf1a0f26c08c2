import { convertKlp, type Placeholder } from '@klpkit/livepatch';
import { checkLivepatch, type Judgement, type LivepatchEvidence } from '../src/index.ts';
import { evidenceOf, livepatchCase } from './livepatch.ts';

/** What an undefined symbol of a case stands for: `name` of `object`, in code that replaces functions of `patched`. */
export type KlpReference = Pick<Placeholder, 'name' | 'object'> & Partial<Placeholder>;

/**
 * A livepatch of a pitfall's cases whose undefined symbols become KLP relocations, checked. Nothing that klpkit itself would refuse
 * to make is refused.
 */
export async function checkKlpCase(
  folder: string,
  source: string,
  references: readonly KlpReference[],
  more: Partial<LivepatchEvidence> = {},
): Promise<Judgement> {
  const { bytes } = await livepatchCase(folder, source);
  const placeholders = references.map((one) => ({
    symbol: one.name,
    sympos: 0,
    patched: one.object,
    ...one,
  }));
  return checkLivepatch(evidenceOf(convertKlp(bytes, placeholders, { earlyUse: () => undefined }), more));
}
