import { readPlacement } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import type { Edit, KernelEvidence, UnitEvidence } from '@klpkit/pitfalls';
import type { JudgedUnit } from '../build/unit.ts';
import type { CompiledUnit } from '../compile/index.ts';

/** A judged unit as the pitfalls' rules see it. */
export function unitEvidence(
  { unit, comparison }: Pick<JudgedUnit, 'unit' | 'comparison'>,
  more: {
    readonly before: Pick<CompiledUnit, 'types' | 'ipaClones'>;
    readonly after: Pick<CompiledUnit, 'types' | 'ipaClones'>;
    readonly edits: readonly Edit[];
    readonly kernel: KernelEvidence;
    readonly found: readonly Finding[];
  },
): UnitEvidence {
  const { before, after } = more;
  const placementOf = (side: 'before' | 'after') => {
    const { ipaClones } = more[side];
    return readPlacement(comparison[side], ipaClones === undefined ? {} : { ipaClones });
  };
  return {
    unit: unit.source,
    object: unit.owner,
    comparison,
    placement: { before: placementOf('before'), after: placementOf('after') },
    ...(before.types.length > 0 && after.types.length > 0
      ? { types: { before: before.types, after: after.types } }
      : {}),
    edits: more.edits,
    kernel: more.kernel,
    found: more.found,
  };
}
