import { readPlacement } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { FormatError } from '@klpkit/formats';
import type { Edit, KernelEvidence, UnitEvidence } from '@klpkit/pitfalls';
import type { JudgedUnit } from '../build/unit.ts';
import { debugModel } from '../compile/debug.ts';
import type { CompiledUnit } from '../compile/index.ts';

/** A judged unit as the pitfalls' rules see it. */
export function unitEvidence(
  { unit, comparison }: Pick<JudgedUnit, 'unit' | 'comparison'>,
  more: {
    readonly before: Pick<CompiledUnit, 'types' | 'ipaClones' | 'debug'>;
    readonly after: Pick<CompiledUnit, 'types' | 'ipaClones' | 'debug'>;
    readonly edits: readonly Edit[];
    readonly kernel: KernelEvidence;
    readonly found: readonly Finding[];
  },
): UnitEvidence {
  const { before, after } = more;
  const placementOf = (side: 'before' | 'after') => {
    const { ipaClones, debug } = more[side];
    const dump = ipaClones === undefined ? {} : { ipaClones };
    if (debug === undefined) return readPlacement(comparison[side], dump);
    try {
      // The same code with debug information, for a unit whose own source the fix edits.
      return readPlacement(debugModel(debug), dump);
    } catch (error) {
      // What needs it is reported as unchecked then.
      if (!(error instanceof FormatError)) throw error;
      return readPlacement(comparison[side], dump);
    }
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
