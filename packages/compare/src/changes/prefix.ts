import type { ObjectModel, Piece } from '../model/model.ts';

/** Longest stretch before a function that belongs to it: padding and a type hash. */
const longestPrefix = 64;

/**
 * What a compiler put before a function to be checked by indirect calls (clang's -fsanitize=kcfi), as hexadecimal bytes; `undefined`
 * where there is nothing but padding. On x86 it has a symbol, `__cfi_NAME`; on arm64 it is the last word before the nops.
 */
export function typeHashOf(model: ObjectModel, piece: Piece): string | undefined {
  const [symbol] = model.named(`__cfi_${piece.name}`);
  const code =
    symbol?.section === piece.section
      ? model.content(symbol)
      : model.arch.name === 'arm64'
        ? before(model, piece)
        : undefined;
  if (!code) return undefined;
  const parts = model.arch
    .steps(code)
    // Alignment may be zeroes where the assembler took it for data.
    .filter(
      ({ offset, length, isNop }) =>
        !isNop && code.subarray(offset, offset + length).some((byte) => byte !== 0),
    )
    .map(({ offset, length }) =>
      [...code.subarray(offset, offset + length)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    );
  return parts.length === 0 ? undefined : parts.join(' ');
}

/** The bytes between a function and whatever ends before it. */
function before(model: ObjectModel, piece: Piece): Uint8Array | undefined {
  const start = prefixStart(model, piece);
  return start < piece.start ? model.bytes(piece.section).subarray(start, piece.start) : undefined;
}

/** Where the padding before a function begins, bytes from the start of its section: behind what comes before, 64 bytes at most. */
export function prefixStart(model: ObjectModel, piece: Piece): number {
  const here = model.piecesIn(piece.section);
  let low = 0;
  let high = here.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (here[middle].start < piece.start) low = middle + 1;
    else high = middle;
  }
  let end = Math.max(0, piece.start - longestPrefix);
  // Pieces may nest, so the one that ends last need not be the nearest.
  for (let index = low - 1; index >= 0 && index >= low - 4; index--)
    end = Math.max(end, Math.min(piece.start, here[index].start + here[index].size));
  return end;
}
