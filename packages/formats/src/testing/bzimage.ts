import { crc32 } from '../compress/checksum.ts';

function u32(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
}

/** An xz file with CRC32 that holds `data`, at most 64 KiB, uncompressed: for tests that need any content packed, and no program. */
export function storedXz(data: Uint8Array): Uint8Array {
  const withCrc = (bytes: number[]) => [...bytes, ...u32(crc32(Uint8Array.from(bytes)))];
  const flags = [0, 1];
  const header = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...flags, ...u32(crc32(Uint8Array.from(flags)))];
  const block = withCrc([2, 0, 0x21, 1, 22, 0, 0, 0]);
  const chunk = [1, (data.length - 1) >> 8, (data.length - 1) & 255, ...data, 0];
  const padding = Array.from({ length: -chunk.length & 3 }, () => 0);
  const check = u32(crc32(data));
  const number = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...number(Math.floor(value / 128))];
  const records = [0, 1, ...number(block.length + chunk.length + 4), ...number(data.length)];
  while (records.length & 3) records.push(0);
  const index = withCrc(records);
  const footer = [...u32(index.length / 4 - 1), ...flags];
  return Uint8Array.from([
    ...header,
    ...block,
    ...chunk,
    ...padding,
    ...check,
    ...index,
    ...u32(crc32(Uint8Array.from(footer))),
    ...footer,
    0x59,
    0x5a,
  ]);
}

/**
 * A boot image of protocol 2.15 around a payload; what is not about the payload is zero.
 *
 * @param size what is appended to the payload, as the build does for every format but gzip
 */
export function bzImage(
  payload: Uint8Array,
  { size, setup = 2 }: { size?: number; setup?: number } = {},
): Uint8Array {
  const start = (setup + 1) * 512 + 0x2cc;
  const length = payload.length + (size === undefined ? 0 : 4);
  const image = new Uint8Array(start + length + 64);
  const view = new DataView(image.buffer);
  image[0x1f1] = setup;
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint32(0x248, 0x2cc, true);
  view.setUint32(0x24c, length, true);
  image.set(payload, start);
  if (size !== undefined) view.setUint32(start + payload.length, size, true);
  return image;
}
