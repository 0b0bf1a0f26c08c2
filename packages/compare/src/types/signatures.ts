import type { Finding } from '@klpkit/findings';
import { type Btf, readBtf } from '@klpkit/formats';
import { sameBytes } from '../bytes.ts';

/**
 * Functions of both compilations whose parameters or result change their types, by their BTF. Callers in other units were compiled
 * for the old ones.
 *
 * @param names functions that such callers may have: the global ones
 */
export function compareSignatures(
  before: Uint8Array,
  after: Uint8Array,
  names: readonly string[],
): Finding[] {
  if (names.length === 0 || sameBytes(before, after)) return [];
  const had = readBtf(before);
  const has = readBtf(after);
  return names.flatMap((name): Finding[] => {
    const was = signatureOf(had, name);
    const is = signatureOf(has, name);
    if (was === undefined || is === undefined || was === is) return [];
    return [
      {
        id: 'signature-changed',
        severity: 'warning',
        what: `${name} changes its signature: ${was} before, ${is} after`,
        why: 'callers that the livepatch does not replace pass and expect the old types, and reach the new code',
        next: 'make sure that the new code is right for old callers; else give the new form a name of its own',
        at: { symbol: name },
      },
    ];
  });
}

/** Types of result and parameters, without the parameters' names. */
function signatureOf(btf: Btf, name: string): string | undefined {
  const found = btf.findFunction(name);
  if (!found) return undefined;
  const parameters = found.parameters.map((parameter) =>
    parameter.type === 0 && parameter.name === '' ? '...' : btf.declare(parameter.type),
  );
  return `${btf.declare(found.returns)} (${parameters.join(', ')})`;
}
