import { describe, expect, test } from 'vitest';
import { type CpioEntry, writeCpio } from './cpio.ts';

interface Member {
  readonly name: string;
  readonly content: string;
  /** The 13 numbers of the header: inode, mode, user, group, links, time, size, four of devices, name size, checksum. */
  readonly fields: readonly number[];
}

/** Takes an archive apart the way the kernel does: header, name to a multiple of four, content to a multiple of four. */
function members(bytes: Uint8Array): Member[] {
  const found: Member[] = [];
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  for (let at = 0; at < bytes.length; ) {
    expect(text(at, at + 6)).toBe('070701');
    const fields = Array.from({ length: 13 }, (_, index) => {
      const digits = text(at + 6 + index * 8, at + 14 + index * 8);
      expect(digits).toMatch(/^[0-9A-F]{8}$/);
      return Number.parseInt(digits, 16);
    });
    const nameEnd = at + 110 + fields[11];
    const contentAt = (nameEnd + 3) & ~3;
    expect(bytes[nameEnd - 1]).toBe(0);
    found.push({
      name: text(at + 110, nameEnd - 1),
      content: text(contentAt, contentAt + fields[6]),
      fields,
    });
    at = (contentAt + fields[6] + 3) & ~3;
  }
  return found;
}

const bytes = (value: string) => new TextEncoder().encode(value);
const entries: readonly CpioEntry[] = [
  { path: 'init', mode: 0o755, data: bytes('#!/bin/sh\n') },
  { path: 'lib/modules/a.ko', data: bytes('abcde') },
  { path: 'lib64', target: 'lib' },
  { path: 'dev/console', mode: 0o600, device: { type: 'character', major: 5, minor: 1 } },
  { path: 'tmp', mode: 0o1777 },
  { path: 'empty', data: new Uint8Array(0) },
  { path: 'näme', data: bytes('ü') },
];

test('an archive holds what was given, with the folders it needs, and a trailer', () => {
  const list = members(writeCpio(entries));
  expect(list.map(({ name, content, fields }) => [name, fields[1].toString(8), content])).toEqual([
    ['init', '100755', '#!/bin/sh\n'],
    ['lib', '40755', ''],
    ['lib/modules', '40755', ''],
    ['lib/modules/a.ko', '100644', 'abcde'],
    ['lib64', '120777', 'lib'],
    ['dev', '40755', ''],
    ['dev/console', '20600', ''],
    ['tmp', '41777', ''],
    ['empty', '100644', ''],
    ['näme', '100644', 'ü'],
    ['TRAILER!!!', '0', ''],
  ]);
  const console = list[6].fields;
  expect([console[9], console[10]]).toEqual([5, 1]);
  expect(list.slice(0, -1).map(({ fields }) => fields[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('the same entries give the same bytes, of no time and of no user', () => {
  expect(writeCpio(entries)).toEqual(writeCpio(entries));
  for (const { fields } of members(writeCpio(entries)))
    expect([fields[2], fields[3], fields[5]]).toEqual([0, 0, 0]);
  expect(members(writeCpio([])).map(({ name }) => name)).toEqual(['TRAILER!!!']);
});

test('a folder that is listed keeps its mode', () => {
  const list = members(
    writeCpio([
      { path: 'root', mode: 0o700 },
      { path: 'root/x', data: bytes('1') },
    ]),
  );
  expect(list.map(({ name, fields }) => [name, fields[1].toString(8)])).toEqual([
    ['root', '40700'],
    ['root/x', '100644'],
    ['TRAILER!!!', '0'],
  ]);
});

describe('what an archive cannot hold', () => {
  test.each(['', '/init', 'a//b', '../a', 'a/./b', 'a/', 'a\0b'])('the path %j', (path) => {
    expect(() => writeCpio([{ path, data: bytes('') }])).toThrow('is no relative path');
  });

  test('one path twice, a folder after what is in it, two kinds at once, a mode with a type', () => {
    expect(() => writeCpio([{ path: 'a' }, { path: 'a' }])).toThrow('a comes twice');
    expect(() => writeCpio([{ path: 'a/b' }, { path: 'a' }])).toThrow('or after something inside it');
    expect(() => writeCpio([{ path: 'a', data: bytes(''), target: 'b' }])).toThrow('more than one of');
    expect(() => writeCpio([{ path: 'a', mode: 0o100644, data: bytes('') }])).toThrow('mode 0100644 of a');
    expect(() => writeCpio([{ path: 'a', device: { type: 'block', major: -1, minor: 0 } }])).toThrow(
      '-1 does not fit into 32 bits',
    );
  });
});
