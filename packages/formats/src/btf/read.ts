import { FormatError } from '../error.ts';
import { hex } from '../hex.ts';
import { declare } from './declare.ts';
import {
  BTF_KIND,
  type Btf,
  type BtfEnumerator,
  type BtfFunction,
  type BtfMember,
  type BtfStruct,
} from './types.ts';

const magic = 0xeb9f;
const headerSize = 24;
const longestName = 8192;
/** Typedefs and qualifiers upon each other, and anonymous structures within each other; more is a circle. */
const deepest = 64;

/** Bytes that follow the 12 of a type; -1 for a kind that does not exist. */
function extraSize(kind: number, vlen: number): number {
  switch (kind) {
    case BTF_KIND.PTR:
    case BTF_KIND.FWD:
    case BTF_KIND.TYPEDEF:
    case BTF_KIND.VOLATILE:
    case BTF_KIND.CONST:
    case BTF_KIND.RESTRICT:
    case BTF_KIND.FUNC:
    case BTF_KIND.FLOAT:
    case BTF_KIND.TYPE_TAG:
      return 0;
    case BTF_KIND.INT:
    case BTF_KIND.VAR:
    case BTF_KIND.DECL_TAG:
      return 4;
    case BTF_KIND.ARRAY:
      return 12;
    case BTF_KIND.ENUM:
    case BTF_KIND.FUNC_PROTO:
      return vlen * 8;
    case BTF_KIND.STRUCT:
    case BTF_KIND.UNION:
    case BTF_KIND.DATASEC:
    case BTF_KIND.ENUM64:
      return vlen * 12;
    default:
      return -1;
  }
}

/** Heads of chains by hash, and the rest of each chain; 0 ends it. */
interface NameIndex {
  readonly heads: Int32Array;
  readonly next: Int32Array;
}

// FNV-1a.
const hashStart = 0x811c9dc5 | 0;
const hashFactor = 0x01000193;

function hashText(text: string): number {
  let hash = hashStart;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), hashFactor);
  return hash ^ (hash >>> 15);
}

/** Bytes of the items behind a type of that kind, where each begins with a name: members, enumerators, parameters. */
const namedItems: Readonly<Record<number, number>> = {
  [BTF_KIND.STRUCT]: 12,
  [BTF_KIND.UNION]: 12,
  [BTF_KIND.ENUM]: 8,
  [BTF_KIND.ENUM64]: 12,
  [BTF_KIND.FUNC_PROTO]: 8,
};

/** The types of one `.BTF` section; what is asked for is read then. */
class BtfSection implements Btf {
  readonly count: number;
  readonly #base: BtfSection | undefined;
  /** First id and first string offset of this section; those below are the base's. */
  readonly #firstId: number;
  readonly #firstString: number;
  readonly stringEnd: number;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #strings: Uint8Array;
  /** By id less the first one: where the type is, and its kind. */
  readonly #at: Uint32Array;
  readonly #kinds: Uint8Array;
  /** By kind, made when first asked for. */
  readonly #indices = new Map<number, NameIndex>();

  constructor(bytes: Uint8Array, base: BtfSection | undefined) {
    if (bytes.length < headerSize)
      throw new FormatError(`btf: the header needs ${headerSize} bytes, there are ${bytes.length}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = view.getUint16(0, true) === magic;
    if (!little && view.getUint16(0) !== magic)
      throw new FormatError(
        `btf: expected the magic ${hex(magic)} at 0x0, found ${hex(view.getUint16(0, true))}`,
      );
    if (bytes[2] !== 1) throw new FormatError(`btf: version ${bytes[2]} at 0x2, only 1 is read`);
    const header = view.getUint32(4, little);
    const typesAt = header + view.getUint32(8, little);
    const typesEnd = typesAt + view.getUint32(12, little);
    const stringsAt = header + view.getUint32(16, little);
    const stringsEnd = stringsAt + view.getUint32(20, little);
    if (header < headerSize || typesEnd > bytes.length || stringsEnd > bytes.length)
      throw new FormatError(
        `btf: header of ${header} bytes, types to ${hex(typesEnd)}, strings to ${hex(stringsEnd)}; the section ends at ${hex(bytes.length)}`,
      );
    this.#base = base;
    this.#view = view;
    this.#little = little;
    this.#strings = bytes.subarray(stringsAt, stringsEnd);
    this.#firstId = base?.count ?? 1;
    this.#firstString = base?.stringEnd ?? 0;
    this.stringEnd = this.#firstString + this.#strings.length;
    const places = new Uint32Array((typesEnd - typesAt) / 12);
    const kinds = new Uint8Array(places.length);
    let count = 0;
    for (let at = typesAt; at < typesEnd; count++) {
      if (at + 12 > typesEnd) throw new FormatError(`btf: the type at ${hex(at)} is cut off`);
      const info = view.getUint32(at + 4, little);
      const kind = (info >>> 24) & 0x1f;
      const extra = extraSize(kind, info & 0xffff);
      if (extra < 0) throw new FormatError(`btf: unknown kind ${kind} at ${hex(at + 4)}`);
      if (at + 12 + extra > typesEnd) throw new FormatError(`btf: the type at ${hex(at)} is cut off`);
      places[count] = at;
      kinds[count] = kind;
      at += 12 + extra;
    }
    this.#at = places.subarray(0, count);
    this.#kinds = kinds.subarray(0, count);
    this.count = this.#firstId + count;
  }

  /** The section that the type is in. */
  #owner(id: number): BtfSection {
    if (!(id > 0 && id < this.count))
      throw new FormatError(`btf: there is no type ${id}; the last one is ${this.count - 1}`);
    return id < this.#firstId && this.#base ? this.#base.#owner(id) : this;
  }

  /** A u32 of the type, `offset` bytes behind its start. */
  #word(id: number, offset: number): number {
    return this.#view.getUint32(this.#at[id - this.#firstId] + offset, this.#little);
  }

  #text(offset: number): string {
    if (offset < this.#firstString && this.#base) return this.#base.#text(offset);
    const strings = this.#strings;
    let at = offset - this.#firstString;
    if (at >= strings.length && offset !== 0)
      throw new FormatError(`btf: a name at ${offset} of the strings, which end at ${this.stringEnd}`);
    let text = '';
    for (; at < strings.length && strings[at] !== 0; at++) {
      if (text.length === longestName)
        throw new FormatError(`btf: the name at ${offset} of the strings has no end`);
      text += String.fromCharCode(strings[at]);
    }
    return text;
  }

  /**
   * True when the sections hold the same types in the same order; where a name is in the strings does not matter, nor which variables
   * there are.
   */
  isSame(other: BtfSection): boolean {
    const types = this.#kinds.length;
    if (types !== other.#kinds.length || this.#base !== other.#base) return false;
    for (let index = 0; index < types; index++) {
      const kind = this.#kinds[index];
      const [at, to] = [this.#at[index], other.#at[index]];
      const word = (offset: number) => this.#view.getUint32(at + offset, this.#little);
      const isSame = (offset: number) => word(offset) === other.#view.getUint32(to + offset, other.#little);
      const isSameName = (offset: number) =>
        this.#hasName(word(offset), other, other.#view.getUint32(to + offset, other.#little));
      if (kind !== other.#kinds[index]) return false;
      if (kind === BTF_KIND.VAR || kind === BTF_KIND.DATASEC) continue;
      if (!isSame(4) || !isSame(8) || !isSameName(0)) return false;
      const end = 12 + extraSize(kind, word(4) & 0xffff);
      const named = namedItems[kind] ?? 0;
      for (let offset = 12; offset < end; offset += 4)
        if (!(named > 0 && (offset - 12) % named === 0 ? isSameName(offset) : isSame(offset))) return false;
    }
    return true;
  }

  #hasName(offset: number, other: BtfSection, otherOffset: number): boolean {
    if (offset < this.#firstString || otherOffset < other.#firstString) return offset === otherOffset;
    let [a, b] = [offset - this.#firstString, otherOffset - other.#firstString];
    const [mine, theirs] = [this.#strings, other.#strings];
    while (a < mine.length && mine[a] !== 0 && mine[a] === theirs[b]) {
      a++;
      b++;
    }
    return a < mine.length && mine[a] === 0 && theirs[b] === 0;
  }

  kind(id: number): number {
    if (id === 0) return BTF_KIND.VOID;
    const owner = this.#owner(id);
    return owner.#kinds[id - owner.#firstId];
  }

  name(id: number): string {
    if (id === 0) return 'void';
    const owner = this.#owner(id);
    return owner.#text(owner.#word(id, 0));
  }

  find(kind: number, name: string): readonly number[] {
    const before = this.#base?.find(kind, name) ?? [];
    let index = this.#indices.get(kind);
    if (!index) {
      index = this.#makeIndex(kind);
      this.#indices.set(kind, index);
    }
    const { heads, next } = index;
    const own: number[] = [];
    for (let place = heads[hashText(name) & (heads.length - 1)]; place > 0; place = next[place - 1])
      if (this.name(this.#firstId + place - 1) === name) own.push(this.#firstId + place - 1);
    return before.length === 0 ? own : [...before, ...own];
  }

  /** Chains of types whose names have the same hash; places are counted from 1, and ascend within a chain. */
  #makeIndex(kind: number): NameIndex {
    const types = this.#kinds.length;
    const heads = new Int32Array(2 ** Math.ceil(Math.log2(types + 2)));
    const next = new Int32Array(types);
    for (let place = types; place > 0; place--) {
      if (this.#kinds[place - 1] !== kind) continue;
      const slot = this.#hashName(this.#word(this.#firstId + place - 1, 0)) & (heads.length - 1);
      next[place - 1] = heads[slot];
      heads[slot] = place;
    }
    return { heads, next };
  }

  /** {@link hashText} of the name at that offset, without making a string of it. */
  #hashName(offset: number): number {
    if (offset < this.#firstString && this.#base) return this.#base.#hashName(offset);
    const strings = this.#strings;
    const start = offset - this.#firstString;
    const end = Math.min(strings.length, start + longestName);
    let hash = hashStart;
    for (let at = start; at < end && strings[at] !== 0; at++)
      hash = Math.imul(hash ^ strings[at], hashFactor);
    return hash ^ (hash >>> 15);
  }

  findStruct(name: string): BtfStruct | undefined {
    const id = this.find(BTF_KIND.STRUCT, name)[0] ?? this.find(BTF_KIND.UNION, name)[0];
    return id === undefined ? undefined : this.struct(id);
  }

  struct(id: number): BtfStruct {
    const kind = this.kind(id);
    if (kind !== BTF_KIND.STRUCT && kind !== BTF_KIND.UNION)
      throw new FormatError(`btf: type ${id} is of kind ${kind}, no structure`);
    const owner = this.#owner(id);
    const info = owner.#word(id, 4);
    const members: BtfMember[] = [];
    for (let index = 0; index < (info & 0xffff); index++) {
      const at = 12 + index * 12;
      const type = owner.#word(id, at + 4);
      const offset = owner.#word(id, at + 8);
      // With the kind flag the upper byte is the width; without it an integer type may tell one, and an offset of its own.
      const flagged = info >>> 31 === 1;
      const encoded = flagged ? undefined : this.#integerBits(type);
      members.push({
        name: owner.#text(owner.#word(id, at)),
        offsetBits: flagged ? offset & 0xffffff : offset + (encoded?.offset ?? 0),
        bits: flagged ? offset >>> 24 || undefined : encoded?.bits,
        type,
      });
    }
    return {
      id,
      name: this.name(id),
      union: kind === BTF_KIND.UNION,
      sizeBytes: owner.#word(id, 8),
      members,
    };
  }

  /** Of an integer that is narrower than its bytes: an old way to write bit-fields. */
  #integerBits(type: number): { bits: number; offset: number } | undefined {
    if (this.kind(type) !== BTF_KIND.INT) return undefined;
    const owner = this.#owner(type);
    const data = owner.#word(type, 12);
    const bits = data & 0xff;
    return bits === owner.#word(type, 8) * 8 || bits === 1
      ? undefined
      : { bits, offset: (data >>> 16) & 0xff };
  }

  findMember(struct: BtfStruct, name: string): BtfMember | undefined {
    return this.#findMember(struct, name, 0, new Set());
  }

  #findMember(struct: BtfStruct, name: string, offset: number, seen: Set<number>): BtfMember | undefined {
    // Each structure is looked into once: an anonymous one has one place, and a circle has none.
    if (seen.has(struct.id) || seen.size > 1024) return undefined;
    seen.add(struct.id);
    for (const member of struct.members) {
      if (member.name === name) return { ...member, offsetBits: offset + member.offsetBits };
      if (member.name !== '') continue;
      const type = this.resolve(member.type);
      const kind = this.kind(type);
      if (kind !== BTF_KIND.STRUCT && kind !== BTF_KIND.UNION) continue;
      const found = this.#findMember(this.struct(type), name, offset + member.offsetBits, seen);
      if (found) return found;
    }
    return undefined;
  }

  findFunction(name: string): BtfFunction | undefined {
    const id = this.find(BTF_KIND.FUNC, name)[0];
    if (id === undefined) return undefined;
    return { id, name, ...this.prototype(this.target(id)) };
  }

  prototype(id: number): Pick<BtfFunction, 'returns' | 'parameters'> {
    if (this.kind(id) !== BTF_KIND.FUNC_PROTO) throw new FormatError(`btf: type ${id} is no prototype`);
    const owner = this.#owner(id);
    const parameters = Array.from({ length: owner.#word(id, 4) & 0xffff }, (_, index) => ({
      name: owner.#text(owner.#word(id, 12 + index * 8)),
      type: owner.#word(id, 16 + index * 8),
    }));
    return { returns: owner.#word(id, 8), parameters };
  }

  enumerators(id: number): BtfEnumerator[] {
    const kind = this.kind(id);
    if (kind !== BTF_KIND.ENUM && kind !== BTF_KIND.ENUM64)
      throw new FormatError(`btf: type ${id} is of kind ${kind}, no enumeration`);
    const owner = this.#owner(id);
    const size = kind === BTF_KIND.ENUM ? 8 : 12;
    return Array.from({ length: owner.#word(id, 4) & 0xffff }, (_, index) => {
      const at = 12 + index * size;
      const low = owner.#word(id, at + 4);
      const high = size === 12 ? owner.#word(id, at + 8) | 0 : 0;
      return {
        name: owner.#text(owner.#word(id, at)),
        value: size === 12 ? high * 2 ** 32 + low : low | 0,
      };
    });
  }

  references(id: number): number[] {
    const kind = this.kind(id);
    const owner = this.#owner(id);
    const vlen = () => owner.#word(id, 4) & 0xffff;
    const each = (count: number, size: number, at: number) =>
      Array.from({ length: count }, (_, index) => owner.#word(id, 12 + index * size + at));
    switch (kind) {
      case BTF_KIND.PTR:
      case BTF_KIND.TYPEDEF:
      case BTF_KIND.VOLATILE:
      case BTF_KIND.CONST:
      case BTF_KIND.RESTRICT:
      case BTF_KIND.FUNC:
      case BTF_KIND.VAR:
      case BTF_KIND.DECL_TAG:
      case BTF_KIND.TYPE_TAG:
      case BTF_KIND.ARRAY:
        return [this.target(id)];
      case BTF_KIND.STRUCT:
      case BTF_KIND.UNION:
        return each(vlen(), 12, 4);
      case BTF_KIND.DATASEC:
        return each(vlen(), 12, 0);
      case BTF_KIND.FUNC_PROTO:
        return [owner.#word(id, 8), ...each(vlen(), 8, 4)];
      default:
        return [];
    }
  }

  /** What a pointer, typedef, qualifier, tag, function or variable refers to; of an array, its element. */
  target(id: number): number {
    const owner = this.#owner(id);
    return owner.#word(id, owner.#kinds[id - owner.#firstId] === BTF_KIND.ARRAY ? 12 : 8);
  }

  /** Elements of an array. */
  length(id: number): number {
    return this.#owner(id).#word(id, 20);
  }

  /** The kind flag, which tells a union from a structure where there is only a forward declaration. */
  flag(id: number): boolean {
    return this.#owner(id).#word(id, 4) >>> 31 === 1;
  }

  resolve(id: number): number {
    let at = id;
    for (let depth = 0; depth < deepest; depth++) {
      switch (this.kind(at)) {
        case BTF_KIND.TYPEDEF:
        case BTF_KIND.CONST:
        case BTF_KIND.VOLATILE:
        case BTF_KIND.RESTRICT:
        case BTF_KIND.TYPE_TAG:
          at = this.target(at);
          break;
        default:
          return at;
      }
    }
    throw new FormatError(`btf: type ${id} leads in a circle`);
  }

  sizeOf(id: number): number {
    let at = id;
    let count = 1;
    for (let depth = 0; depth < deepest; depth++) {
      at = this.resolve(at);
      switch (this.kind(at)) {
        case BTF_KIND.PTR:
          return count * 8;
        case BTF_KIND.INT:
        case BTF_KIND.STRUCT:
        case BTF_KIND.UNION:
        case BTF_KIND.ENUM:
        case BTF_KIND.ENUM64:
        case BTF_KIND.FLOAT:
        case BTF_KIND.DATASEC:
          return count * this.target(at);
        case BTF_KIND.ARRAY:
          count *= this.length(at);
          at = this.target(at);
          break;
        case BTF_KIND.VAR:
          at = this.target(at);
          break;
        default:
          throw new FormatError(`btf: type ${at} is of kind ${this.kind(at)}, which has no size`);
      }
    }
    throw new FormatError(`btf: type ${id} leads in a circle`);
  }

  declare(id: number, name = ''): string {
    return declare(this, id, name);
  }
}

export type { BtfSection };

/**
 * Reads the types of a kernel or, with the kernel's as `base`, of a module.
 *
 * @param bytes the content of a `.BTF` section
 * @param base what {@link readBtf} gave for the kernel that the module is for
 * @throws {FormatError} for damaged headers here, and for damaged types when they are asked for
 * @see the kernel's Documentation/bpf/btf.rst
 */
export function readBtf(bytes: Uint8Array, base?: Btf): Btf {
  if (base !== undefined && !(base instanceof BtfSection))
    throw new TypeError('readBtf takes a base that it gave itself');
  return new BtfSection(bytes, base);
}

/** True when both hold the same types in the same order, under the same names; variables are no types. */
export function sameTypes(a: Btf, b: Btf): boolean {
  return a instanceof BtfSection && b instanceof BtfSection && a.isSame(b);
}
