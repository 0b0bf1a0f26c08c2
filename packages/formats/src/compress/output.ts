import { FormatError } from '../error.ts';

/** What is known of the size of a decompressed file, in bytes. */
export interface SizeBound {
  /** The exact size; anything else is an error. */
  readonly size?: number | undefined;
  /** No result may be larger; 512 MiB when not given. */
  readonly maxSize?: number | undefined;
}

/** More than any kernel image or module has been; keeps a damaged size field from becoming an allocation. */
const defaultMaxSize = 512 * 1024 * 1024;

/** The largest result that `bound` allows. */
export function largest(bound: SizeBound, format: string): number {
  const max = bound.maxSize ?? defaultMaxSize;
  if (bound.size !== undefined && bound.size > max)
    throw new FormatError(`${format}: ${bound.size} bytes are announced, more than the ${max} allowed`);
  return bound.size ?? max;
}

/** Bytes under construction, never more than their bound. Decoders write to `bytes` at `length` after `reserve`. */
export class Output {
  bytes: Uint8Array;
  length = 0;
  readonly #format: string;
  readonly #bound: SizeBound;
  readonly #max: number;

  /** @param guess bytes to begin with when the size is not known */
  constructor(format: string, bound: SizeBound, guess: number) {
    this.#format = format;
    this.#bound = bound;
    this.#max = largest(bound, format);
    this.bytes = new Uint8Array(bound.size ?? Math.min(Math.max(guess, 4096), this.#max));
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    if (needed > this.#max)
      throw new FormatError(
        `${this.#format}: more than the ${this.#max} bytes ${this.#bound.size === undefined ? 'allowed' : 'announced'}`,
      );
    const grown = new Uint8Array(Math.min(Math.max(needed, this.bytes.length * 2), this.#max));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Makes room for up to `count` more bytes, less where the bound ends before. */
  reserveUpTo(count: number): void {
    this.reserve(Math.min(count, this.#max - this.length));
  }

  append(part: Uint8Array): void {
    this.reserve(part.length);
    this.bytes.set(part, this.length);
    this.length += part.length;
  }

  /** The finished bytes. */
  done(): Uint8Array {
    if (this.#bound.size !== undefined && this.length !== this.#bound.size)
      throw new FormatError(`${this.#format}: ${this.length} bytes where ${this.#bound.size} were announced`);
    return this.length === this.bytes.length ? this.bytes : this.bytes.slice(0, this.length);
  }
}
