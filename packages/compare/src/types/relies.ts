import { BTF_KIND, type Btf } from '@klpkit/formats';

/** What else in a kernel is made with a type, by its BTF; names as C writes them, sorted. */
export interface TypeUsers {
  /** Functions that take or return it, or a pointer to it. */
  readonly functions: readonly string[];
  /** Named structures and unions that hold one by value. */
  readonly holders: readonly string[];
  /** Named structures and unions that point to one. */
  readonly pointers: readonly string[];
}

/**
 * Who relies on types.
 *
 * @param ids the types; several where the kernel has several of that name
 * @param from only types from this id on are looked at as users: for a module, those of its own
 */
export function usersOfType(btf: Btf, ids: readonly number[], from = 1): TypeUsers {
  // How a type is reached: by value, or through a pointer or a function that has it in its prototype.
  const byValue = new Set(ids);
  const byPointer = new Set<number>();
  const wrappers: [id: number, target: number, isPointer: boolean][] = [];
  const prototypes: [id: number, mentioned: number[]][] = [];
  const aggregates: [id: number, mentioned: number[]][] = [];
  const functions: number[] = [];
  for (let id = 1; id < btf.count; id++) {
    switch (btf.kind(id)) {
      case BTF_KIND.PTR:
        wrappers.push([id, btf.references(id)[0], true]);
        break;
      case BTF_KIND.TYPEDEF:
      case BTF_KIND.CONST:
      case BTF_KIND.VOLATILE:
      case BTF_KIND.RESTRICT:
      case BTF_KIND.TYPE_TAG:
      case BTF_KIND.ARRAY:
        wrappers.push([id, btf.references(id)[0], false]);
        break;
      case BTF_KIND.FUNC_PROTO:
        prototypes.push([id, btf.references(id)]);
        break;
      case BTF_KIND.STRUCT:
      case BTF_KIND.UNION:
        aggregates.push([id, btf.references(id)]);
        break;
      case BTF_KIND.FUNC:
        if (id >= from) functions.push(id);
        break;
      default:
    }
  }
  const unnamed = aggregates.filter(([id]) => btf.name(id) === '');
  for (let grown = true; grown; ) {
    const size = byValue.size + byPointer.size;
    for (const [id, target, isPointer] of wrappers) {
      if (byValue.has(target)) (isPointer ? byPointer : byValue).add(id);
      else if (byPointer.has(target)) byPointer.add(id);
    }
    // What is unnamed belongs to what holds it.
    for (const [id, mentioned] of unnamed) {
      if (mentioned.some((each) => byValue.has(each))) byValue.add(id);
      else if (mentioned.some((each) => byPointer.has(each))) byPointer.add(id);
    }
    grown = byValue.size + byPointer.size > size;
  }
  const own = new Set(ids);
  const mentions = (list: readonly number[]) => list.some((id) => byValue.has(id) || byPointer.has(id));
  const taking = new Set(prototypes.filter(([, mentioned]) => mentions(mentioned)).map(([id]) => id));
  const named = (list: readonly number[]) => [...new Set(list.map((id) => btf.declare(id)))].sort();
  const others = aggregates.filter(([id]) => id >= from && !own.has(id) && btf.name(id) !== '');
  return {
    functions: [
      ...new Set(
        functions
          .filter((id) => taking.has(btf.references(id)[0]) && btf.name(id) !== '')
          .map((id) => btf.name(id)),
      ),
    ].sort(),
    holders: named(others.filter(([, m]) => m.some((id) => byValue.has(id))).map(([id]) => id)),
    pointers: named(
      others
        .filter(([, m]) => m.some((id) => byPointer.has(id)) && !m.some((id) => byValue.has(id)))
        .map(([id]) => id),
    ),
  };
}
