import { describe, expect, it } from 'vitest';
import { encodeRequest, nonceSize, operations, replyReader } from './protocol.ts';

const nonce = Uint8Array.from({ length: nonceSize }, (_, i) => i + 1);

/** A reply as guest/init.c lays it out. */
function reply(fields: {
  sequence: number;
  status?: number;
  flags?: number;
  output?: string;
  total?: number;
  from?: Uint8Array;
}): Uint8Array {
  const output = new TextEncoder().encode(fields.output ?? '');
  const bytes = new Uint8Array(56 + output.length);
  const view = new DataView(bytes.buffer);
  bytes.set(fields.from ?? nonce);
  view.setUint32(16, fields.sequence, true);
  view.setInt32(20, fields.status ?? 0, true);
  view.setUint32(24, fields.flags ?? 0, true);
  view.setUint32(28, output.length, true);
  view.setBigUint64(32, BigInt(fields.total ?? output.length), true);
  view.setBigUint64(40, 1_500_000_000n, true);
  view.setBigUint64(48, 2_000_000_000n, true);
  bytes.set(output, 56);
  return bytes;
}

describe('requests', () => {
  it('carry their arguments behind a header of six numbers', () => {
    const bytes = encodeRequest(7, 'wait', ['/sys/a', '1'], 3000, 100);
    const view = new DataView(bytes.buffer);
    const header = Array.from({ length: 6 }, (_, i) => view.getUint32(4 * i, true));
    expect(new TextDecoder().decode(bytes.subarray(0, 4))).toBe('KLPQ');
    expect(header.slice(1)).toEqual([7, operations.wait, 3000, 100, 8]);
    expect(new TextDecoder().decode(bytes.subarray(24))).toBe('/sys/a\x001');
  });

  it('refuse what the guest would read as two arguments, and what is too long', () => {
    expect(() => encodeRequest(1, 'run', ['echo a\0b'], 1, 1)).toThrow(/NUL/);
    expect(() => encodeRequest(1, 'run', ['x'.repeat(65537)], 1, 1)).toThrow(/65537 bytes/);
  });
});

describe('replies', () => {
  it('come out whole, however the bytes are cut', () => {
    const stream = new Uint8Array([
      ...reply({ sequence: 1, output: 'first' }),
      ...reply({ sequence: 2, status: 22, flags: 1, output: 'cut', total: 99 }),
    ]);
    for (const size of [1, 7, 56, 61, stream.length]) {
      const reader = replyReader(nonce);
      const replies = [];
      for (let at = 0; at < stream.length; at += size)
        replies.push(...reader.push(stream.slice(at, at + size)));
      expect(replies.map(({ sequence, status }) => [sequence, status])).toEqual([
        [1, 0],
        [2, 22],
      ]);
      expect(new TextDecoder().decode(replies[0]?.output)).toBe('first');
      expect(replies[1]).toMatchObject({
        isTimedOut: true,
        isStuck: false,
        totalBytes: 99,
        start: 1.5,
        end: 2,
      });
    }
  });

  it('of another run, and output that looks like one, are refused', () => {
    const other = nonce.map((byte) => byte ^ 0xff);
    expect(() => replyReader(nonce).push(reply({ sequence: 1, from: other }))).toThrow(/something else/);
    expect(() => replyReader(nonce).push(new TextEncoder().encode('forged\n'.repeat(20)))).toThrow(
      /something else/,
    );
  });

  it('that claim more than a reply may hold are refused before anything is allocated', () => {
    const bytes = reply({ sequence: 1 });
    new DataView(bytes.buffer).setUint32(28, 0xffffffff, true);
    expect(() => replyReader(nonce).push(bytes)).toThrow(/4294967295 bytes/);
  });
});
