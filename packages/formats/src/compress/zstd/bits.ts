import { FormatError } from '../../error.ts';

/** A fault within a block; the frame's reader adds where that block is. */
export function damaged(what: string): FormatError {
  return new FormatError(`zstd: damaged, ${what}`);
}

/** A bit stream that is read from its end backwards, as both entropy coders of Zstandard write theirs. RFC 8878, 4. */
export class BackwardBits {
  readonly bytes: Uint8Array;
  readonly #start: number;
  /** Position of the last bit read, in bits from the start of `bytes`; below the start when too many were read. */
  at: number;

  /** The stream is `bytes` from `start` to `end`; its last byte's highest set bit marks the end. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? bytes[end - 1] : 0;
    if (last === 0) throw damaged('a bit stream has no end mark');
    this.bytes = bytes;
    this.#start = start * 8;
    this.at = end * 8 - 1 - Math.clz32(last << 24);
  }

  /** The next `count` bits, at most 25. */
  read(count: number): number {
    this.at -= count;
    const byte = this.at >> 3;
    const { bytes } = this;
    const word = bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16) | (bytes[byte + 3] << 24);
    return (word >>> (this.at & 7)) & ((1 << count) - 1);
  }

  /** More bits were read than there are. */
  get overrun(): boolean {
    return this.at < this.#start;
  }

  /** Everything was read, and no more. */
  get finished(): boolean {
    return this.at === this.#start;
  }
}
