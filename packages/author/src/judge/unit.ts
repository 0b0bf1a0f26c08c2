import type { Finding } from '@klpkit/findings';
import type { Edit, KernelEvidence, UnitEvidence } from '@klpkit/pitfalls';
import type { JudgedUnit } from '../build/unit.ts';
import type { CompiledUnit } from '../compile/index.ts';

/** A judged unit as the pitfalls' rules see it. */
export function unitEvidence(
  { unit, comparison }: Pick<JudgedUnit, 'unit' | 'comparison'>,
  more: {
    readonly before: Pick<CompiledUnit, 'types'>;
    readonly after: Pick<CompiledUnit, 'types'>;
    readonly edits: readonly Edit[];
    readonly kernel: KernelEvidence;
    readonly found: readonly Finding[];
  },
): UnitEvidence {
  const { before, after } = more;
  return {
    unit: unit.source,
    object: unit.owner,
    comparison,
    ...(before.types.length > 0 && after.types.length > 0
      ? { types: { before: before.types, after: after.types } }
      : {}),
    edits: more.edits,
    kernel: more.kernel,
    found: more.found,
  };
}
