import { FormatError } from '../error.ts';
import { BTF_KIND } from './types.ts';

/** A member to write. */
export interface MemberToWrite {
  readonly name: string;
  readonly type: number;
  readonly offsetBits: number;
  /** Width of a bit-field. */
  readonly bits: number | undefined;
}

const headerBytes = 24;
/** What 16 bits count: members, enumerators, parameters. */
const mostEntries = 0xffff;

/** Writes types as {@link readBtf} reads them, one after the other: the first is type 1. The kernel's Documentation/bpf/btf.rst. */
export class BtfWriter {
  readonly #words: number[] = [];
  readonly #strings: number[] = [0];
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #longest: number;
  #count = 0;

  /** @param longest bytes that all names together may take: names that overlap in the input must not become many times as long */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Ids that are given so far; the next type gets one more. */
  get count(): number {
    return this.#count;
  }

  /** An integer, a floating-point number, or anything else that is a name and a size. */
  number(kind: typeof BTF_KIND.INT | typeof BTF_KIND.FLOAT, name: string, bytes: number, flags = 0): number {
    const id = this.#type(name, kind, 0, false, bytes);
    if (kind === BTF_KIND.INT) this.#words.push(((flags << 24) | (Math.min(bytes, 16) * 8)) >>> 0);
    return id;
  }

  /** What is a kind, a name and one other type: pointers, qualifiers, typedefs, functions. */
  modifier(kind: number, name: string, type: number): number {
    return this.#type(name, kind, 0, false, type);
  }

  array(type: number, length: number): number {
    const id = this.#type('', BTF_KIND.ARRAY, 0, false, 0);
    this.#words.push(type, 0, length);
    return id;
  }

  /** A structure or union that is only declared. */
  forward(name: string, isUnion: boolean): number {
    return this.#type(name, BTF_KIND.FWD, 0, isUnion, 0);
  }

  aggregate(name: string, isUnion: boolean, bytes: number, members: readonly MemberToWrite[]): number {
    const hasBits = members.some(({ bits }) => bits !== undefined);
    const kind = isUnion ? BTF_KIND.UNION : BTF_KIND.STRUCT;
    const id = this.#type(name, kind, members.length, hasBits, bytes);
    for (const { name: member, type, offsetBits, bits = 0 } of members) {
      if (hasBits && (offsetBits >= 2 ** 24 || bits >= 2 ** 8))
        throw new FormatError(`btf: ${member} at bit ${offsetBits} of ${name}, more than 24 bits can tell`);
      this.#words.push(this.#string(member), type, hasBits ? ((bits << 24) | offsetBits) >>> 0 : offsetBits);
    }
    return id;
  }

  enumeration(
    name: string,
    bytes: number,
    enumerators: readonly { readonly name: string; readonly value: number }[],
  ): number {
    const isWide = bytes > 4;
    const kind = isWide ? BTF_KIND.ENUM64 : BTF_KIND.ENUM;
    const id = this.#type(name, kind, enumerators.length, false, bytes);
    for (const { name: enumerator, value } of enumerators) {
      this.#words.push(this.#string(enumerator), value % 2 ** 32);
      if (isWide) this.#words.push(Math.floor(value / 2 ** 32));
    }
    return id;
  }

  /** A last parameter without name and type stands for `...`. */
  prototype(
    returns: number,
    parameters: readonly { readonly name: string; readonly type: number }[],
  ): number {
    const id = this.#type('', BTF_KIND.FUNC_PROTO, parameters.length, false, returns);
    for (const { name, type } of parameters) this.#words.push(this.#string(name), type);
    return id;
  }

  /** The content of a `.BTF` section, little-endian. */
  bytes(): Uint8Array {
    const typeBytes = this.#words.length * 4;
    const all = new Uint8Array(headerBytes + typeBytes + this.#strings.length);
    const view = new DataView(all.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    for (const [index, word] of [headerBytes, 0, typeBytes, typeBytes, this.#strings.length].entries())
      view.setUint32(4 + index * 4, word, true);
    for (const [index, word] of this.#words.entries()) view.setUint32(headerBytes + index * 4, word, true);
    all.set(this.#strings, headerBytes + typeBytes);
    return all;
  }

  #type(name: string, kind: number, entries: number, flag: boolean, last: number): number {
    if (entries > mostEntries)
      throw new FormatError(`btf: ${entries} entries in ${name}, at most ${mostEntries} can be told`);
    this.#words.push(this.#string(name), (((flag ? 1 : 0) << 31) | (kind << 24) | entries) >>> 0, last);
    return ++this.#count;
  }

  #string(text: string): number {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      offset = this.#strings.length;
      this.#offsets.set(text, offset);
      for (const byte of new TextEncoder().encode(text)) this.#strings.push(byte);
      this.#strings.push(0);
      if (this.#strings.length > this.#longest)
        throw new FormatError(
          `btf: names of more than ${this.#longest} bytes, which overlap where they are from`,
        );
    }
    return offset;
  }
}
