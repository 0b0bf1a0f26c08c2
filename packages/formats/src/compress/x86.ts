/** By the mask of opcode bytes seen just before: may the operand be converted at all? */
const allowed = [true, true, true, false, true, false, false, false];
/** By the same mask: how many bytes from the operand's end the most recent of them lies. */
const bytesBack = [0, 1, 2, 2, 3, 3, 3, 3];

/** Only operands whose top byte is 0 or 0xff look like near targets. */
function near(byte: number): boolean {
  return byte === 0 || byte === 0xff;
}

/**
 * Undoes the x86 filter of xz in place: turns the absolute targets of CALL and JMP back into relative ones.
 *
 * @param start what the first byte's position is taken for, the filter's start offset
 * @see the XZ file format, 5.3.2 "Branch/Call/Jump Filters", and the LZMA SDK (public domain), whose choices are the definition
 */
export function undoX86Filter(bytes: Uint8Array, start = 0): void {
  let previous = -1;
  let mask = 0;
  const end = bytes.length - 4;
  for (let at = 0; at < end; at++) {
    if ((bytes[at] & 0xfe) !== 0xe8) continue;
    const gap = at - previous;
    previous = at;
    mask = gap > 3 ? 0 : (mask << (gap - 1)) & 7;
    const top = bytes[at + 4];
    if (mask !== 0 && (!allowed[mask] || near(bytes[at + 4 - bytesBack[mask]]))) {
      mask = (mask << 1) | 1;
      continue;
    }
    if (!near(top)) {
      mask = (mask << 1) | 1;
      continue;
    }
    const next = start + at + 5;
    let value = bytes[at + 1] | (bytes[at + 2] << 8) | (bytes[at + 3] << 16) | (top << 24);
    for (;;) {
      value = (value - next) | 0;
      if (mask === 0) break;
      const shift = bytesBack[mask] * 8;
      if (!near((value >>> (24 - shift)) & 255)) break;
      value ^= (1 << (32 - shift)) - 1;
    }
    // 25 bits are kept, the highest being the sign.
    value = (value << 7) >> 7;
    bytes[at + 1] = value;
    bytes[at + 2] = value >> 8;
    bytes[at + 3] = value >> 16;
    bytes[at + 4] = value >> 24;
    at += 4;
  }
}
