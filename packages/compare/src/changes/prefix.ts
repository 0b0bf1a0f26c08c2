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
  if (piece.start === 0) return undefined;
  const previous = model.pieceAt(piece.section, piece.start - 1);
  const end = previous ? previous.start + previous.size : 0;
  const start = Math.max(end, piece.start - longestPrefix, 0);
  return start < piece.start ? model.bytes(piece.section).subarray(start, piece.start) : undefined;
}
