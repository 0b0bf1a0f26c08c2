import { BTF_KIND, type Btf, type BtfEnumerator } from '@klpkit/formats';

/** An enumeration whose enumerators have other values in one compilation of a unit than in the other. */
export interface EnumChange {
  /** Empty for an unnamed one. */
  readonly name: string;
  /** Enumerators of both sides with different values, in the order of the source. */
  readonly changed: readonly { readonly name: string; readonly before: number; readonly after: number }[];
  /** Enumerators that only the fixed unit has. */
  readonly added: readonly string[];
  /** True when only the names that close the list (`X_MAX`, `NR_X`) moved, as new ones were put before them. */
  readonly isAppended: boolean;
  /** Bytes of an object of the type on both sides, when they differ. */
  readonly sizes?: { readonly before: number; readonly after: number };
}

/** Names that count or close an enumeration instead of meaning something. */
const closing = /(^|_)_*(MAX|NR|NUM|NUMBER|COUNT|CNT|LAST|END|TOTAL|SENTINEL|SIZE|LIMIT|BOUND|N)(_|$|S$)/i;

/**
 * Enumerators whose values differ between two compilations of a unit, by their BTF. Names that only one side has are no change: an
 * enumerator at the end of the list moves nothing.
 */
export function compareEnums(had: Btf, has: Btf): EnumChange[] {
  const before = enumsOf(had);
  const byEnumerator = new Map<string, EnumType[]>();
  for (const one of before)
    for (const { name } of one.enumerators) {
      const known = byEnumerator.get(name);
      if (known) known.push(one);
      else byEnumerator.set(name, [one]);
    }
  const changes: EnumChange[] = [];
  for (const after of enumsOf(has)) {
    const candidates = [...new Set(after.enumerators.flatMap(({ name }) => byEnumerator.get(name) ?? []))];
    const same = candidates.filter((one) => one.name === after.name);
    const partners = same.length > 0 ? same : candidates;
    const found = partners.map((partner) => enumChange(partner, after));
    // Functions may have enumerations of one name; one that is the same settles it.
    const [change] = found;
    if (change && found.every((each) => each !== undefined)) changes.push(change);
  }
  const key = (change: EnumChange) => `${change.name} ${change.changed[0]?.name ?? ''}`;
  return changes.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

interface EnumType {
  readonly name: string;
  readonly size: number;
  readonly enumerators: readonly BtfEnumerator[];
}

function enumsOf(btf: Btf): EnumType[] {
  const all: EnumType[] = [];
  for (let id = 1; id < btf.count; id++) {
    const kind = btf.kind(id);
    if (kind !== BTF_KIND.ENUM && kind !== BTF_KIND.ENUM64) continue;
    const enumerators = btf.enumerators(id);
    // A forward declaration has none.
    if (enumerators.length > 0) all.push({ name: btf.name(id), size: btf.sizeOf(id), enumerators });
  }
  return all;
}

function enumChange(before: EnumType, after: EnumType): EnumChange | undefined {
  const was = new Map(before.enumerators.map(({ name, value }) => [name, value]));
  const changed = after.enumerators.flatMap(({ name, value }) => {
    const old = was.get(name);
    return old === undefined || old === value ? [] : [{ name, before: old, after: value }];
  });
  const sizes = before.size === after.size ? {} : { sizes: { before: before.size, after: after.size } };
  if (changed.length === 0 && !('sizes' in sizes)) return undefined;
  return {
    name: after.name,
    changed,
    added: after.enumerators.filter(({ name }) => !was.has(name)).map(({ name }) => name),
    isAppended: onlyClosing(before, changed),
    ...sizes,
  };
}

/** True when what changed closes the old list, and its first name says that it does. */
function onlyClosing(before: EnumType, changed: EnumChange['changed']): boolean {
  const [first] = changed;
  if (!first || !closing.test(first.name)) return false;
  const tail = before.enumerators.slice(-changed.length).map(({ name }) => name);
  return tail.every((name) => changed.some((each) => each.name === name));
}
