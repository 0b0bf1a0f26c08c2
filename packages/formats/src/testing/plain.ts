/** A sequence of numbers below 2^32 that is the same everywhere (xorshift). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/**
 * 60 KiB with something for every part of a decoder: text, long runs, bytes that do not compress, x86 calls to a few targets,
 * and repetitions close by and far away.
 */
export function plainBytes(): Uint8Array {
  const next = numbers(0x9e3779b9);
  const bytes = new Uint8Array(61_440);
  const words = [
    'static ',
    'int ',
    'return ',
    'kernel',
    ' = ',
    ';\n',
    'if (',
    'unlikely(',
    ')',
    '\t',
    'ret',
    'patch',
  ];
  let at = 0;
  while (at < 1500) {
    const word = words[next() % words.length];
    for (let index = 0; index < word.length; index++) bytes[at++] = word.charCodeAt(index);
  }
  for (const end = at + 300; at < end; at++) bytes[at] = next();
  bytes.fill(0x61, at, at + 6000);
  at += 6000;
  // CALL rel32 to one of four targets, every 16 bytes.
  for (const end = at + 3200; at < end; at += 16) {
    const distance = 0x8000 + (next() & 3) * 0x123 - (at + 5);
    bytes.set(
      [0xe8, distance, distance >> 8, distance >> 16, distance >> 24, 0x85, 0xc0, 0x74, 0xe9, 0xe8],
      at,
    );
  }
  bytes.copyWithin(at, 700, 1700);
  at += 1000;
  at += 20_000;
  bytes.copyWithin(at, 0, 1800);
  at += 1800;
  for (let index = 0; index < 40; index++, at += 9) bytes.copyWithin(at, at - 37 - index, at - 30 - index);
  bytes.fill(0x62, at, at + 259);
  bytes.copyWithin(bytes.length - 700, 1500, 1900);
  return bytes;
}
