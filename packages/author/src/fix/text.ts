/**
 * Bytes of a source file to text. A byte that is no UTF-8 becomes a lone low surrogate, U+DC80 to U+DCFF, so that
 * {@link encodeSource} gives every byte back; shown, it is a replacement character.
 */
export function decodeSource(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return decodePieces(bytes);
  }
}

/** Text of {@link decodeSource} to bytes. */
export function encodeSource(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const pieces = text.match(/[\udc80-\udcff]+|(?:[\ud800-\udbff][\udc00-\udfff]|[^\udc80-\udcff])+/g) ?? [];
  return Buffer.concat(
    pieces.map((piece) =>
      piece.isWellFormed()
        ? Buffer.from(piece, 'utf8')
        : Uint8Array.from(piece, (char) => char.charCodeAt(0) - 0xdc00),
    ),
  );
}

/** Line by line, since a byte that is no UTF-8 leaves the lines around it as they are. */
function decodePieces(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const parts: string[] = [];
  for (let begin = 0; begin < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, begin);
    const end = newline < 0 ? bytes.length : newline + 1;
    const line = bytes.subarray(begin, end);
    try {
      parts.push(decoder.decode(line));
    } catch {
      for (const byte of line) parts.push(String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte));
    }
    begin = end;
  }
  return parts.join('');
}
