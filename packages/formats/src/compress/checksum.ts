/** Eight tables of 256 entries: entry n of table k is the remainder of byte n followed by k zero bytes. */
function crc32Tables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[n] = crc;
  }
  for (let n = 256; n < tables.length; n++) {
    const shorter = tables[n - 256];
    tables[n] = tables[shorter & 255] ^ (shorter >>> 8);
  }
  return tables;
}

let crc32Table: Int32Array | undefined;

/** CRC-32 as in gzip, xz and lzop (reflected, polynomial 0x04c11db7), unsigned. */
export function crc32(bytes: Uint8Array): number {
  crc32Table ??= crc32Tables();
  const table = crc32Table;
  let crc = -1;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      table[1792 + (crc & 255)] ^
      table[1536 + ((crc >>> 8) & 255)] ^
      table[1280 + ((crc >>> 16) & 255)] ^
      table[1024 + (crc >>> 24)] ^
      table[768 + bytes[at + 4]] ^
      table[512 + bytes[at + 5]] ^
      table[256 + bytes[at + 6]] ^
      table[bytes[at + 7]];
  }
  for (; at < bytes.length; at++) crc = table[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

let crc64Table: { low: Int32Array; high: Int32Array } | undefined;

function crc64Tables(): { low: Int32Array; high: Int32Array } {
  const low = new Int32Array(256);
  const high = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let l = n;
    let h = 0;
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        l ^= 0xd7870f42;
        h ^= 0xc96c5795;
      }
    }
    low[n] = l;
    high[n] = h;
  }
  return { low, high };
}

/** CRC-64 of xz (reflected, ECMA-182's polynomial) as its low and high half, unsigned. */
export function crc64(bytes: Uint8Array): readonly [low: number, high: number] {
  crc64Table ??= crc64Tables();
  const { low, high } = crc64Table;
  let l = -1;
  let h = -1;
  for (let at = 0; at < bytes.length; at++) {
    const index = (l ^ bytes[at]) & 255;
    l = ((l >>> 8) | (h << 24)) ^ low[index];
    h = (h >>> 8) ^ high[index];
  }
  return [~l >>> 0, ~h >>> 0];
}

/** Adler-32 (RFC 1950), unsigned. */
export function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length; ) {
    // 5552 is the most sums that stay below 2^32 (RFC 1950, section 9).
    for (const end = Math.min(at + 5552, bytes.length); at < end; at++) {
      a += bytes[at];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}
