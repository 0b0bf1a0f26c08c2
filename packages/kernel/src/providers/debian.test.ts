import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import { run, sha256Hex } from '@klpkit/host';
import { describe, expect, it } from 'vitest';
import { checkDeb, type DebPackage, debPath } from './apt.ts';
import { compareDebianVersions, dependencyNamed, parseControl } from './deb822.ts';
import { parseDebianSpec, releaseOfPackage } from './debian-spec.ts';

describe('what debian: names', () => {
  it('is a series with a flavour', () => {
    expect(parseDebianSpec('6.12')).toEqual({ kind: 'series', series: '6.12', flavour: 'amd64' });
    expect(parseDebianSpec('6.12-cloud-amd64')).toMatchObject({ kind: 'series', flavour: 'cloud-amd64' });
    expect(parseDebianSpec('6.1-rt-amd64')).toMatchObject({ series: '6.1', flavour: 'rt-amd64' });
  });

  it('or a release', () => {
    for (const [release, series, flavour] of [
      ['6.12.117+deb12-amd64', '6.12', 'amd64'],
      ['6.1.0-56-amd64', '6.1', 'amd64'],
      ['6.1.0-56-cloud-amd64', '6.1', 'cloud-amd64'],
      ['6.12.117+deb12-rt-amd64', '6.12', 'rt-amd64'],
    ]) {
      expect(parseDebianSpec(release ?? '')).toEqual({ kind: 'release', release, series, flavour });
    }
  });

  it('and nothing else', () => {
    for (const spec of [
      '',
      '6',
      'bookworm',
      '6.12.117+deb12-arm64',
      '6.12;id',
      '6.12 -amd64',
      '../6.12-amd64',
    ]) {
      expect(() => parseDebianSpec(spec), spec).toThrow(UsageError);
    }
  });

  it('tells image packages of a series and flavour from the others', () => {
    const release = (name: string, series = '6.12') => releaseOfPackage(name, series, 'amd64');
    expect(release('linux-image-6.12.117+deb12-amd64')).toBe('6.12.117+deb12-amd64');
    expect(release('linux-image-6.12.117+deb12-amd64-unsigned')).toBe('6.12.117+deb12-amd64');
    expect(release('linux-image-6.1.0-56-amd64', '6.1')).toBe('6.1.0-56-amd64');
    for (const name of [
      'linux-image-6.12.117+deb12-rt-amd64',
      'linux-image-6.12.117+deb12-amd64-dbg',
      'linux-image-6.12-amd64',
      'linux-image-6.1.0-56-amd64',
      'linux-headers-6.12.117+deb12-amd64',
    ]) {
      expect(release(name), name).toBeUndefined();
    }
  });
});

describe('control records', () => {
  it('are read with their continuation lines', () => {
    const [first, second, ...rest] = parseControl(
      'Package: a\nDescription: x\n more\n\n\nPackage: b\nSize: 12\n',
    );
    expect(rest).toEqual([]);
    expect(Object.fromEntries(first ?? [])).toEqual({ Package: 'a', Description: 'x\nmore' });
    expect(second?.get('Size')).toBe('12');
  });

  it('give the name of a dependency', () => {
    const depends =
      'linux-headers-6.1.0-56-common (= 6.1.192-2), linux-kbuild-6.1 (>= 6.1.192-2), gcc | clang';
    expect(dependencyNamed(depends, /^linux-kbuild-/)).toBe('linux-kbuild-6.1');
    expect(dependencyNamed(depends, /^clang$/)).toBe('clang');
    expect(dependencyNamed(undefined, /x/)).toBeUndefined();
  });
});

it('orders versions as dpkg does', async () => {
  const versions = [
    '6.12.117-1~deb12u1',
    '6.12.117-1',
    '6.12.9-1',
    '6.1.192-2',
    '6.1.192-10',
    '1:0-1',
    '6.12',
    '6.12~rc1',
    '6.12+b',
    '6.12a',
  ];
  const wrong: string[] = [];
  for (const a of versions) {
    for (const b of versions) {
      const { code } = await run(['dpkg', '--compare-versions', a, 'lt', b], { check: false });
      if (compareDebianVersions(a, b) < 0 !== (code === 0)) wrong.push(`${a} ${b}`);
    }
  }
  expect(wrong).toEqual([]);
});

it('a .deb must have the size and the hash of the lists', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'klpkit-deb-'));
  try {
    const deb: DebPackage = {
      name: 'linux-x',
      version: '1:2',
      size: 4,
      sha256: sha256Hex('data'),
      installedBytes: 0,
      record: new Map(),
    };
    const path = debPath(folder, deb);
    expect(path).toBe(join(folder, 'linux-x_1%3a2.deb'));
    writeFileSync(path, 'data');
    await expect(checkDeb(path, deb)).resolves.toBeUndefined();
    writeFileSync(path, 'Data');
    await expect(checkDeb(path, deb)).rejects.toThrow(/say SHA-256 3a6e.*, the file has cec3/);
    writeFileSync(path, 'dat');
    await expect(checkDeb(path, deb)).rejects.toThrow('say 4 bytes, the file has 3');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
