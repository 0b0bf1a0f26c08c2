import type { Finding } from '@klpkit/findings';
import { BTF_KIND, type Btf, readBtf } from '@klpkit/formats';
import { sameBytes } from '../bytes.ts';

/**
 * Functions of both compilations whose parameters or result change their types, by their BTF. Callers in other units were compiled
 * for the old ones.
 *
 * @param names functions that such callers may have: the global ones
 * @param exported those that modules may call (KLP505); leave them out where their checksums are compared
 */
export function compareSignatures(
  before: Uint8Array,
  after: Uint8Array,
  names: readonly string[],
  exported: ReadonlySet<string> = new Set(),
): Finding[] {
  if (names.length === 0 || sameBytes(before, after)) return [];
  const had = readBtf(before);
  const has = readBtf(after);
  return names.flatMap((name): Finding[] => {
    const [b, a] = [signatureOf(had, name), signatureOf(has, name)];
    if (!b || !a || b.meant === a.meant) return [];
    // What a type name stands for may change while its name stays.
    const [was, is] = b.declared === a.declared ? [b.meant, a.meant] : [b.declared, a.declared];
    const what = `${name}${exported.has(name) ? ', which is exported,' : ''} changes its signature: ${was} before, ${is} after`;
    if (exported.has(name))
      return [
        {
          id: 'KLP505',
          severity: 'error',
          what,
          why: "the running kernel's modules were compiled for the old prototype and call the new code with it, and the checksum of the export is another one",
          next: 'keep the exported form, and give the new one a name of its own; when the old form of the call does the same, override KLP505 with that reason',
          at: { symbol: name },
        },
      ];
    return [
      {
        id: 'signature-changed',
        severity: 'warning',
        what,
        why: 'callers that the livepatch does not replace pass and expect the old types, and reach the new code',
        next: 'make sure that the new code is right for old callers; else give the new form a name of its own',
        at: { symbol: name },
      },
    ];
  });
}

/**
 * Types of result and parameters, without the parameters' names: as C writes them, and what they are to a caller, for whom names of
 * types and `const` make no difference.
 */
function signatureOf(btf: Btf, name: string): { declared: string; meant: string } | undefined {
  const found = btf.findFunction(name);
  if (!found) return undefined;
  const text = (words: (type: number) => string) => {
    const parameters = found.parameters.map((parameter) =>
      parameter.type === 0 && parameter.name === '' ? '...' : words(parameter.type),
    );
    return `${words(found.returns)} (${parameters.join(', ')})`;
  };
  return { declared: text((type) => btf.declare(type)), meant: text((type) => meaningOf(btf, type)) };
}

/** Pointers to pointers beyond this are no kernel's. */
const deepest = 8;

function meaningOf(btf: Btf, type: number, depth = 0): string {
  const id = btf.resolve(type);
  switch (depth < deepest ? btf.kind(id) : undefined) {
    case BTF_KIND.PTR:
      return `pointer to ${meaningOf(btf, btf.references(id)[0], depth + 1)}`;
    case BTF_KIND.FUNC_PROTO:
      return `function (${btf
        .references(id)
        .map((each) => meaningOf(btf, each, depth + 1))
        .join(', ')})`;
    case BTF_KIND.INT:
    case BTF_KIND.ENUM:
    case BTF_KIND.ENUM64:
    case BTF_KIND.FLOAT:
      return `${btf.declare(id)} of ${btf.sizeOf(id)} bytes`;
    default:
      // An unnamed structure has the name of its type alone.
      return btf.name(id) === '' ? btf.declare(type) : btf.declare(id);
  }
}
