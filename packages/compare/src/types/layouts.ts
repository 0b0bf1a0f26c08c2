import { BTF_KIND, type Btf, type BtfStruct, FormatError } from '@klpkit/formats';

/** A structure, union, or type name of an unnamed one whose layout differs between two compilations of a unit. */
export interface LayoutChange {
  /** `struct`, `union`, or `typedef` for an unnamed one that a typedef names. */
  readonly kind: 'struct' | 'union' | 'typedef';
  readonly name: string;
  /** The first difference, in words. */
  readonly difference: string;
  /** Named types that hold one by value and so change with it, as C writes them, sorted. */
  readonly holders: readonly string[];
}

/** As C writes a changed type: `struct dentry`, `cb_t`. */
export function nameOfType({ kind, name }: Pick<LayoutChange, 'kind' | 'name'>): string {
  return kind === 'typedef' ? name : `${kind} ${name}`;
}

/** A type that can be compared by its name. */
interface Named {
  readonly kind: LayoutChange['kind'];
  readonly name: string;
  readonly id: number;
}

/** Structures and unions with a name or a typedef of their own, by what C calls them; several where functions share a name. */
function namedTypes(btf: Btf): Map<string, Named[]> {
  const all = new Map<string, Named[]>();
  const add = (named: Named) => {
    const key = nameOfType(named);
    const known = all.get(key);
    if (known) known.push(named);
    else all.set(key, [named]);
  };
  for (let id = 1; id < btf.count; id++) {
    const kind = btf.kind(id);
    if (kind === BTF_KIND.STRUCT || kind === BTF_KIND.UNION) {
      const name = btf.name(id);
      if (name !== '') add({ kind: kind === BTF_KIND.UNION ? 'union' : 'struct', name, id });
    } else if (kind === BTF_KIND.TYPEDEF) {
      const target = btf.resolve(id);
      if (isAggregate(btf, target) && btf.name(target) === '')
        add({ kind: 'typedef', name: btf.name(id), id: target });
    }
  }
  return all;
}

function isAggregate(btf: Btf, id: number): boolean {
  const kind = btf.kind(id);
  return kind === BTF_KIND.STRUCT || kind === BTF_KIND.UNION;
}

/**
 * Structures and unions whose layout differs between two compilations of a unit, by their BTF.
 *
 * Machine code alone does not show it: a function that only passes a structure on is the same on both sides, and objects that the
 * running kernel allocated before the livepatch keep the old layout. A type that changes only because it holds a changed one is
 * listed with that one.
 */
export function compareLayouts(had: Btf, has: Btf): LayoutChange[] {
  const before = namedTypes(had);
  const changed: { named: Named; difference: string; roots: boolean }[] = [];
  for (const [key, is] of namedTypes(has)) {
    const was = before.get(key);
    if (!was) continue;
    const found = differenceOfSets(had, was, has, is);
    if (found) changed.push(found);
  }
  const changedIds = new Map(changed.map((change) => [change.named.id, change]));
  // What is unnamed is looked through, so holders are found by the named types alone.
  const heldBy = new Map<number, Set<number>>();
  for (const [, list] of namedTypes(has))
    for (const { id } of list)
      for (const inner of heldTypes(has, id)) {
        const known = heldBy.get(inner);
        if (known) known.add(id);
        else heldBy.set(inner, new Set([id]));
      }
  const roots = changed.filter(
    ({ named, roots: own }) => own || ![...heldTypes(has, named.id)].some((id) => changedIds.has(id)),
  );
  const words = new Map<number, string>();
  for (const [key, list] of namedTypes(has)) for (const { id } of list) words.set(id, key);
  return roots
    .map(({ named, difference }) => {
      const holders = new Set<number>();
      const open = [named.id];
      for (let id = open.pop(); id !== undefined; id = open.pop())
        for (const holder of heldBy.get(id) ?? [])
          if (!holders.has(holder) && holder !== named.id) {
            holders.add(holder);
            open.push(holder);
          }
      return {
        kind: named.kind,
        name: named.name,
        difference,
        holders: [...holders].map((id) => words.get(id) ?? '').sort(),
      };
    })
    .sort((a, b) => (nameOfType(a) < nameOfType(b) ? -1 : 1));
}

/** Named aggregates that a type holds by value, in unnamed members and arrays too. */
function heldTypes(btf: Btf, id: number): Set<number> {
  const held = new Set<number>();
  const open = [id];
  const seen = new Set<number>();
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const reference of btf.references(at)) {
      let inner = btf.resolve(reference);
      for (let depth = 0; depth < 16 && btf.kind(inner) === BTF_KIND.ARRAY; depth++)
        inner = btf.resolve(btf.references(inner)[0]);
      if (!isAggregate(btf, inner) || seen.has(inner)) continue;
      seen.add(inner);
      held.add(inner);
      if (btf.name(inner) === '') open.push(inner);
    }
  }
  return held;
}

/** Types of functions may share a name: those that both sides have fall away, and what is left differs. */
function differenceOfSets(
  had: Btf,
  was: readonly Named[],
  has: Btf,
  is: readonly Named[],
): { named: Named; difference: string; roots: boolean } | undefined {
  const left = [...was];
  const gained: Named[] = [];
  for (const named of is) {
    const same = left.findIndex(
      (other) => layoutDifference(had, had.struct(other.id), has, has.struct(named.id)) === undefined,
    );
    if (same < 0) gained.push(named);
    else left.splice(same, 1);
  }
  const [named] = gained;
  const [old] = left;
  // More of them, or fewer, are new or gone ones.
  if (!named || !old) return undefined;
  const b = had.struct(old.id);
  const a = has.struct(named.id);
  const several = is.length > 1 ? `, in one of ${is.length} of that name` : '';
  return {
    named,
    difference: `${layoutDifference(had, b, has, a)}${several}`,
    roots: !sameOutline(had, b, has, a),
  };
}

/** The first difference in words, or `undefined` for the same layout. */
export function layoutDifference(had: Btf, b: BtfStruct, has: Btf, a: BtfStruct): string | undefined {
  const bMembers = flatMembers(had, b, 0);
  const aMembers = flatMembers(has, a, 0);
  const sizes = b.sizeBytes === a.sizeBytes ? '' : ` (${b.sizeBytes} bytes before, ${a.sizeBytes} after)`;
  const count = Math.max(bMembers.length, aMembers.length);
  for (let index = 0; index < count; index++) {
    const x = bMembers[index];
    const y = aMembers[index];
    if (x && y && x.name === y.name && x.offsetBits === y.offsetBits && x.sizeBits === y.sizeBits) {
      const was = shapeOf(had, x.type);
      const is = shapeOf(has, y.type);
      if (sameShape(was, is)) continue;
      return `${x.name || 'an unnamed member'} at ${place(x)} is ${was.words} before, ${is.words} after${sizes}`;
    }
    if (!x) return `${y?.name || 'an unnamed member'} is added at ${place(y)}${hole(had, b, y)}${sizes}`;
    if (!y) return `${x.name || 'an unnamed member'} at ${place(x)} is gone${sizes}`;
    const isNew = !bMembers.some(({ name }) => name === y.name);
    const isGone = !aMembers.some(({ name }) => name === x.name);
    if (isNew && !isGone) return `${y.name} is added at ${place(y)}${hole(had, b, y)}${sizes}`;
    if (isGone && !isNew) return `${x.name} at ${place(x)} is gone${sizes}`;
    if (x.name !== y.name)
      return `at ${place(x)} is ${x.name} before, at ${place(y)} ${y.name} after${hole(had, b, y)}${sizes}`;
    return `${x.name} is at ${place(x)} with ${x.sizeBits} bits before, at ${place(y)} with ${y.sizeBits} bits after${sizes}`;
  }
  return sizes === '' ? undefined : `its size${sizes}`;
}

/** Said of a member that lies where the old layout has nothing: no size, no offset and no other code shows it. */
function hole(had: Btf, b: BtfStruct, member: Member): string {
  const end = member.offsetBits + member.sizeBits;
  if (b.union || end > b.sizeBytes * 8 || member.sizeBits === 0) return '';
  const taken = flatMembers(had, b, 0).some(
    (other) => other.offsetBits < end && member.offsetBits < other.offsetBits + Math.max(other.sizeBits, 1),
  );
  return taken ? '' : ', in what was padding';
}

/** True when two structures list the same members, wherever these are: what differs is inside of the members. */
function sameOutline(had: Btf, b: BtfStruct, has: Btf, a: BtfStruct): boolean {
  const outline = (btf: Btf, struct: BtfStruct) =>
    flatMembers(btf, struct, 0)
      .map((member) => `${member.name}:${shapeOf(btf, member.type).words}:${member.width ?? ''}`)
      .join();
  return outline(had, b) === outline(has, a);
}

interface Member {
  readonly name: string;
  readonly offsetBits: number;
  readonly sizeBits: number;
  /** Bits of a bit-field. */
  readonly width: number | undefined;
  readonly type: number;
}

function place(member: Member | undefined): string {
  const bits = member?.offsetBits ?? 0;
  return bits % 8 === 0 ? `offset ${bits / 8}` : `bit ${bits}`;
}

/** Anonymous aggregates within each other, and members in all of them; damaged types could go on for ever. */
const deepest = 32;
const mostMembers = 1 << 16;

/** Members with those of anonymous structures and unions in their place. */
function flatMembers(
  btf: Btf,
  struct: BtfStruct,
  base: number,
  depth = 0,
  budget = { left: mostMembers },
): Member[] {
  return struct.members.flatMap((member) => {
    if (--budget.left < 0)
      throw new FormatError(
        `btf: more than ${mostMembers} members in a structure and the unnamed ones in it`,
      );
    const offsetBits = base + member.offsetBits;
    const type = btf.resolve(member.type);
    if (depth < deepest && isAggregate(btf, type) && btf.name(type) === '') {
      const inner = flatMembers(btf, btf.struct(type), offsetBits, depth + 1, budget);
      return member.name === ''
        ? inner
        : inner.map((each) => ({ ...each, name: `${member.name}.${each.name}` }));
    }
    const sizeBits = member.bits ?? sizeOf(btf, member.type);
    return [{ name: member.name, offsetBits, sizeBits, width: member.bits, type: member.type }];
  });
}

/** gcc describes some types without a size (incomplete arrays, variably sized ones): those count as 0. */
function sizeOf(btf: Btf, type: number): number {
  try {
    return btf.sizeOf(type) * 8;
  } catch {
    return 0;
  }
}

/** What kind of thing a member is, apart from its size. */
interface Shape {
  readonly words: string;
  /** Elements of an array, all dimensions together: gcc 12 and pahole write them in different order. */
  readonly count: number;
  readonly kind: 'number' | 'float' | 'pointer' | 'aggregate' | 'other';
  /** Of an aggregate, or of what a pointer leads to, where it has a name. */
  readonly name: string;
}

function shapeOf(btf: Btf, type: number): Shape {
  let at = btf.resolve(type);
  const isArray = btf.kind(at) === BTF_KIND.ARRAY;
  for (let depth = 0; depth < 16 && btf.kind(at) === BTF_KIND.ARRAY; depth++)
    at = btf.resolve(btf.references(at)[0]);
  const count = isArray ? sizeOf(btf, type) / Math.max(sizeOf(btf, at), 1) : 1;
  const words = (single: string) => (isArray ? `${count} of ${single}` : single);
  const shape = (kind: Shape['kind'], single: string, name = ''): Shape => ({
    words: words(single),
    count,
    kind,
    name,
  });
  switch (btf.kind(at)) {
    case BTF_KIND.INT:
    case BTF_KIND.ENUM:
    case BTF_KIND.ENUM64:
      return shape('number', `a number of ${sizeOf(btf, at)} bits`);
    case BTF_KIND.FLOAT:
      return shape('float', 'a floating-point number');
    case BTF_KIND.STRUCT:
    case BTF_KIND.UNION:
      return shape('aggregate', btf.name(at) === '' ? 'an unnamed aggregate' : btf.declare(at), btf.name(at));
    case BTF_KIND.PTR: {
      const target = btf.resolve(btf.references(at)[0]);
      const kind = btf.kind(target);
      const isNamed = kind === BTF_KIND.STRUCT || kind === BTF_KIND.UNION || kind === BTF_KIND.FWD;
      const name = isNamed ? btf.name(target) : '';
      return shape('pointer', name === '' ? 'a pointer' : `a pointer to ${btf.declare(target)}`, name);
    }
    default:
      return shape('other', 'something else');
  }
}

/** A pointer may lose or gain its type (`void *`); one that leads to another structure is another thing. */
function sameShape(b: Shape, a: Shape): boolean {
  if (b.kind !== a.kind || b.count !== a.count) return false;
  return b.name === a.name || (b.kind === 'pointer' && (b.name === '' || a.name === ''));
}
