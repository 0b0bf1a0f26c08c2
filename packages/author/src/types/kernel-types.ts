import {
  type EnumChange,
  type LayoutChange,
  layoutDifference,
  nameOfType,
  type TypeUsers,
  usersOfType,
} from '@klpkit/compare';
import { BTF_KIND, type Btf, FormatError, findSection, readBtf, sectionBytes } from '@klpkit/formats';
import { findUnits, type Kernel, type KernelImage, loadModule } from '@klpkit/kernel';

/** The types of one object of the kernel. */
export interface ObjectTypes {
  /** `vmlinux` or the module. */
  readonly object: string;
  readonly btf: Btf;
  /** The first id that is the object's own: 1 for vmlinux. */
  readonly from: number;
}

/** Most modules whose types are read for one question; each must be decompressed. */
const mostModules = 8;
/** Most sources that are looked up for the modules that they are part of. */
const mostSources = 24;

/** The shipped kernel's types: those of vmlinux, and of the modules that units or sources belong to. */
export async function typesOfKernel(
  kernel: Kernel,
  image: Pick<KernelImage, 'btf'>,
  objects: readonly string[],
  sources: readonly string[],
  signal?: AbortSignal,
): Promise<ObjectTypes[]> {
  const base = image.btf();
  if (!base) return [];
  const modules = new Set(objects);
  const asked = sources.filter((source) => source.endsWith('.c')).slice(0, mostSources);
  if (asked.length > 0) {
    const { units } = await findUnits(kernel, asked, { signal });
    for (const { owner } of units) modules.add(owner);
  }
  modules.delete('vmlinux');
  const found: ObjectTypes[] = [{ object: 'vmlinux', btf: base, from: 1 }];
  for (const object of [...modules].sort().slice(0, mostModules)) {
    const { elf } = await loadModule(kernel, object);
    const section = findSection(elf, '.BTF');
    if (section) found.push({ object, btf: readBtf(sectionBytes(elf, section), base), from: base.count });
  }
  return found;
}

/** Ids of a structure, union or typedef in one object's types. */
function idsOf(btf: Btf, { kind, name }: Pick<LayoutChange, 'kind' | 'name'>): number[] {
  if (kind !== 'typedef') return [...btf.find(kind === 'union' ? BTF_KIND.UNION : BTF_KIND.STRUCT, name)];
  return btf
    .find(BTF_KIND.TYPEDEF, name)
    .map((id) => btf.resolve(id))
    .filter((id) => btf.kind(id) === BTF_KIND.STRUCT || btf.kind(id) === BTF_KIND.UNION);
}

/** What the shipped kernel says of a type: whether it is as the unfixed unit has it, and who relies on it. */
export interface ShippedType {
  /** `before`: as the unfixed unit has it; `other`: otherwise; `absent`: no object that was read has it. */
  readonly is: 'before' | 'other' | 'absent';
  /** Bytes, where it is as the unfixed unit has it. */
  readonly sizeBytes?: number;
  readonly users: TypeUsers;
  /** Objects that have it. */
  readonly objects: readonly string[];
}

/** Looks a changed type up in the kernel's own types. */
export function shippedType(all: readonly ObjectTypes[], change: LayoutChange, before: Btf): ShippedType {
  const [mine] = idsOf(before, change);
  const objects: string[] = [];
  const users = { functions: new Set<string>(), holders: new Set<string>(), pointers: new Set<string>() };
  let is: ShippedType['is'] = 'absent';
  for (const { object, btf, from } of all) {
    const ids = idsOf(btf, change);
    if (ids.length === 0) continue;
    if (object === 'vmlinux' || ids.some((id) => id >= from)) objects.push(object);
    const isSame = ids.some((id) => sameLayout(before, mine, btf, id));
    if (isSame) is = 'before';
    else if (is === 'absent') is = 'other';
    const found = usersOfType(btf, ids, from);
    for (const key of ['functions', 'holders', 'pointers'] as const)
      for (const name of found[key]) users[key].add(name);
  }
  const sorted = (names: ReadonlySet<string>) => [...names].sort();
  return {
    is,
    ...(is === 'before' && mine !== undefined ? { sizeBytes: before.sizeOf(mine) } : {}),
    objects,
    users: {
      functions: sorted(users.functions),
      holders: sorted(users.holders),
      pointers: sorted(users.pointers),
    },
  };
}

function sameLayout(before: Btf, mine: number | undefined, btf: Btf, id: number): boolean {
  if (mine === undefined) return false;
  try {
    return layoutDifference(before, before.struct(mine), btf, btf.struct(id)) === undefined;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** The value that the shipped kernel has for an enumerator; several where enumerations share a name. */
export function shippedEnumerator(all: readonly ObjectTypes[], name: string, of: string): number[] {
  const values = new Set<number>();
  for (const { btf, from } of all) {
    const named = of === '' ? [] : [...btf.find(BTF_KIND.ENUM, of), ...btf.find(BTF_KIND.ENUM64, of)];
    const ids = named.length > 0 ? named : unnamedEnums(btf, from);
    for (const id of ids)
      for (const enumerator of btf.enumerators(id))
        if (enumerator.name === name) values.add(enumerator.value);
  }
  return [...values].sort((a, b) => a - b);
}

function unnamedEnums(btf: Btf, from: number): number[] {
  const ids: number[] = [];
  for (let id = from; id < btf.count; id++) {
    const kind = btf.kind(id);
    if ((kind === BTF_KIND.ENUM || kind === BTF_KIND.ENUM64) && btf.name(id) === '') ids.push(id);
  }
  return ids;
}

/** What {@link shippedType} found, in words. */
export function shippedInWords(
  all: readonly ObjectTypes[],
  { is, objects, sizeBytes }: ShippedType,
  change: LayoutChange,
): string {
  if (all.length === 0) return 'the shipped kernel has no types (BTF) to hold it against';
  if (is === 'absent')
    return `the shipped kernel's types (${all.map(({ object }) => object).join(', ')}) do not have it: nothing of them uses it`;
  const have = `the shipped kernel's types (${objects.join(', ')}) have`;
  return is === 'before'
    ? `${have} it as before: ${sizeBytes} bytes`
    : `${have} another ${nameOfType(change)} than the unfixed source`;
}

/** What {@link shippedEnumerator} finds for the first changed one, in words; empty when the kernel does not have it. */
export function enumInWords(all: readonly ObjectTypes[], { name, changed }: EnumChange): string[] {
  const [first] = changed;
  const values = first ? shippedEnumerator(all, first.name, name) : [];
  if (!first || values.length === 0) return [];
  return [
    values.includes(first.before)
      ? `the shipped kernel's types have ${first.name} as before: ${first.before}`
      : `the shipped kernel's types have ${first.name} as ${values.join(' or ')}, and the unfixed source as ${first.before}`,
  ];
}
