import type { Finding } from '@klpkit/findings';
import { BTF_KIND, type Btf, type BtfStruct, readBtf } from '@klpkit/formats';

/**
 * Structures and unions whose layout differs between two compilations of a unit, by their BTF (the content of `.BTF`).
 *
 * Machine code alone does not show it: a function that only passes a structure on is the same on both sides, and objects that the
 * running kernel allocated before the livepatch keep the old layout.
 */
export function compareLayouts(before: Uint8Array, after: Uint8Array): Finding[] {
  const had = readBtf(before);
  const has = readBtf(after);
  const findings: Finding[] = [];
  for (const kind of [BTF_KIND.STRUCT, BTF_KIND.UNION]) {
    for (let id = 1; id < has.count; id++) {
      const name = has.kind(id) === kind ? has.name(id) : '';
      if (name === '') continue;
      const old = had.find(kind, name);
      // Types of functions may share a name; which is which cannot be told then.
      if (old.length !== 1 || has.find(kind, name).length !== 1) continue;
      const difference = layoutDifference(had, had.struct(old[0]), has, has.struct(id));
      if (difference === undefined) continue;
      const word = kind === BTF_KIND.UNION ? 'union' : 'struct';
      findings.push({
        id: 'KLP502',
        severity: 'error',
        what: `${word} ${name} changes its layout: ${difference}`,
        why: 'objects that the running kernel made before the livepatch, and code that stays unpatched, have the old layout',
        next: `keep the layout and attach what is new with a shadow variable; when no ${word} ${name} outlives a call of the patched functions, override KLP502 with that reason`,
        at: { symbol: name },
      });
    }
  }
  return findings;
}

/** The first difference in words, or `undefined` for the same layout. */
function layoutDifference(had: Btf, b: BtfStruct, has: Btf, a: BtfStruct): string | undefined {
  const bMembers = flatMembers(had, b, 0);
  const aMembers = flatMembers(has, a, 0);
  const sizes = b.sizeBytes === a.sizeBytes ? '' : ` (${b.sizeBytes} bytes before, ${a.sizeBytes} after)`;
  const count = Math.max(bMembers.length, aMembers.length);
  for (let index = 0; index < count; index++) {
    const x = bMembers[index];
    const y = aMembers[index];
    if (x && y && x.name === y.name && x.offsetBits === y.offsetBits && x.sizeBits === y.sizeBits) continue;
    if (!x) return `${y?.name || 'an unnamed member'} is added at ${place(y)}${sizes}`;
    if (!y) return `${x.name || 'an unnamed member'} at ${place(x)} is gone${sizes}`;
    if (x.name !== y.name)
      return `at ${place(x)} is ${x.name} before, at ${place(y)} ${y.name} after${sizes}`;
    return `${x.name} is at ${place(x)} with ${x.sizeBits} bits before, at ${place(y)} with ${y.sizeBits} bits after${sizes}`;
  }
  return sizes === '' ? undefined : `its size${sizes}`;
}

interface Member {
  readonly name: string;
  readonly offsetBits: number;
  readonly sizeBits: number;
}

function place(member: Member | undefined): string {
  const bits = member?.offsetBits ?? 0;
  return bits % 8 === 0 ? `offset ${bits / 8}` : `bit ${bits}`;
}

/** Members with those of anonymous structures and unions in their place. */
function flatMembers(btf: Btf, struct: BtfStruct, base: number): Member[] {
  return struct.members.flatMap((member) => {
    const offsetBits = base + member.offsetBits;
    const type = btf.resolve(member.type);
    const kind = btf.kind(type);
    const isAggregate = kind === BTF_KIND.STRUCT || kind === BTF_KIND.UNION;
    if (isAggregate && btf.name(type) === '') {
      const inner = flatMembers(btf, btf.struct(type), offsetBits);
      return member.name === ''
        ? inner
        : inner.map((each) => ({ ...each, name: `${member.name}.${each.name}` }));
    }
    return [{ name: member.name, offsetBits, sizeBits: member.bits ?? sizeBits(btf, member.type) }];
  });
}

/** gcc describes some types without a size (incomplete arrays, variably sized ones): those count as 0. */
function sizeBits(btf: Btf, type: number): number {
  try {
    return btf.sizeOf(type) * 8;
  } catch {
    return 0;
  }
}

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
