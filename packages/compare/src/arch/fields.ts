/** What a relocation of one type does to the bytes at its place. */
export interface Field {
  /** The psABI's name. */
  readonly name: string;
  /** The bits that the linker fills, byte for byte as in the file; its length is the field's width. */
  readonly mask: Uint8Array;
  /** True when the field holds a distance from its own place rather than a value. */
  readonly isPcRelative: boolean;
  /** Equal for types that write the same value in the same way: a branch to a symbol and one to a place of this object. */
  readonly form: number;
}

/** The relocation part of an `Arch`. */
export interface Fields {
  fieldWidth(type: number): number | undefined;
  fieldMask(type: number): Uint8Array | undefined;
  relocationName(type: number): string;
  isPcRelative(type: number): boolean;
  form(type: number): number;
}

/** `count` bytes that the linker fills as a whole; 0 for a relocation that only marks a place. */
export function whole(count: number): Uint8Array {
  return new Uint8Array(count).fill(0xff);
}

/** The bits of a 32-bit instruction word that the linker fills, in little-endian order. */
export function wordBits(mask: number): Uint8Array {
  return Uint8Array.of(mask & 0xff, (mask >>> 8) & 0xff, (mask >>> 16) & 0xff, (mask >>> 24) & 0xff);
}

/** A row of {@link fieldTable}: type, name without prefix, bits, and `pc` for a PC-relative one; `form` defaults to the type itself. */
export type FieldRow = readonly [
  type: number,
  name: string,
  mask: Uint8Array,
  relative?: 'pc' | undefined,
  form?: number,
];

/** The relocation part of an architecture out of a table of its types. */
export function fieldTable(prefix: string, rows: readonly FieldRow[]): Fields {
  const fields = new Map<number, Field>(
    rows.map(([type, name, mask, relative, form]) => [
      type,
      { name: `${prefix}${name}`, mask, isPcRelative: relative === 'pc', form: form ?? type },
    ]),
  );
  return {
    fieldWidth: (type) => fields.get(type)?.mask.length,
    fieldMask: (type) => fields.get(type)?.mask,
    relocationName: (type) => fields.get(type)?.name ?? `type ${type}`,
    isPcRelative: (type) => fields.get(type)?.isPcRelative ?? false,
    form: (type) => fields.get(type)?.form ?? type,
  };
}

/** Zeroes the bits of `bytes` that a field with `mask` at `at` fills. */
export function clearField(bytes: Uint8Array, at: number, mask: Uint8Array | undefined): void {
  if (!mask) return;
  for (let index = 0; index < mask.length && at + index < bytes.length; index++)
    bytes[at + index] &= ~mask[index];
}
