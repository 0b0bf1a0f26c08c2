import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256File, sha256Hex } from '@klpkit/host';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { imageDigest } from './image.ts';

/** Was there long before the test. */
const settled = '/usr/bin/env';
const before = process.env.XDG_CACHE_HOME;
let folder = '';
const digests = () => join(folder, 'klpkit/digests');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'klpkit-image-'));
  process.env.XDG_CACHE_HOME = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(folder, { recursive: true });
});

it('reads a file once, and again when it is another', async () => {
  const sha256 = await sha256File(settled);
  expect(await imageDigest(settled)).toBe(sha256);
  const [name = ''] = readdirSync(digests());
  const path = join(digests(), name);
  const kept = readFileSync(path, 'utf8');
  // It is what was kept that is given now.
  writeFileSync(path, kept.replace(sha256, 'f'.repeat(64)));
  expect(await imageDigest(settled)).toBe('f'.repeat(64));
  const { ino } = statSync(settled);
  writeFileSync(path, kept.replace(`${ino}`, `${ino + 1}`));
  expect(await imageDigest(settled)).toBe(sha256);
  writeFileSync(path, '{"identity":');
  expect(await imageDigest(settled)).toBe(sha256);
});

it('keeps nothing of a file that was changed just now, though it has the size and the time of before', async () => {
  const path = join(folder, 'vmlinuz');
  writeFileSync(path, 'an image');
  const { atime, mtime } = statSync(path);
  expect(await imageDigest(path)).toBe(sha256Hex('an image'));
  writeFileSync(path, 'no image');
  utimesSync(path, atime, mtime);
  expect(await imageDigest(path)).toBe(sha256Hex('no image'));
});
