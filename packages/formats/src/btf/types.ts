/** `BTF_KIND_*`, include/uapi/linux/btf.h. */
export const BTF_KIND = {
  VOID: 0,
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

/** A member of a structure or union. */
export interface BtfMember {
  /** Empty for an anonymous structure or union. */
  readonly name: string;
  readonly offsetBits: number;
  /** Width of a bit-field; `undefined` for any other member. */
  readonly bits: number | undefined;
  /** Type id. */
  readonly type: number;
}

/** A structure or union. */
export interface BtfStruct {
  readonly id: number;
  readonly name: string;
  readonly union: boolean;
  readonly sizeBytes: number;
  readonly members: readonly BtfMember[];
}

/** A name that an enumeration gives a value. */
export interface BtfEnumerator {
  readonly name: string;
  /** As a signed number of 32 bits, or of 64 where the enumeration has those; what exceeds 2^53 is rounded. */
  readonly value: number;
}

/** A function's prototype. */
export interface BtfFunction {
  readonly id: number;
  readonly name: string;
  /** Type id of what it returns; 0 is void. */
  readonly returns: number;
  /** A last parameter without name and type stands for `...`. */
  readonly parameters: readonly { readonly name: string; readonly type: number }[];
}

/** The types of a kernel or a module. Ids are those of the file: 0 is void, and a module's go on where the kernel's end. */
export interface Btf {
  /** One more than the highest id, the base's types among them. */
  readonly count: number;
  /** One of {@link BTF_KIND}. */
  kind(id: number): number;
  name(id: number): string;
  /** Ids of all types of that kind and name, ascending; those of the base come first. */
  find(kind: number, name: string): readonly number[];
  /** The structure of that name, else the union. */
  findStruct(name: string): BtfStruct | undefined;
  /** A structure or union by its id. */
  struct(id: number): BtfStruct;
  /** A member by name, looked for in anonymous members as well; its offset is from the start of `struct`. */
  findMember(struct: BtfStruct, name: string): BtfMember | undefined;
  findFunction(name: string): BtfFunction | undefined;
  /** What an enumeration holds, in its order; `sizeOf` tells how wide the values are. */
  enumerators(id: number): BtfEnumerator[];
  /** Ids that the type itself mentions: members, element, target, result and parameters; 0 for void. */
  references(id: number): number[];
  /** The type behind typedefs, qualifiers and tags. */
  resolve(id: number): number;
  /** Bytes that an object of the type takes. */
  sizeOf(id: number): number;
  /** A C declaration: of `name`, or of nothing as in a cast. */
  declare(id: number, name?: string): string;
}
