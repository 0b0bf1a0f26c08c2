import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, contentKey, sha256File, writeFileAtomic } from '@klpkit/host';

/** A file that was changed so shortly before may be changed again with no later time, as clocks of file systems tick. */
const settledMs = 2000;

/**
 * SHA-256 of a kernel's image, which every job asks for. It is kept in the cache with what tells that the file is still the same:
 * device, inode, size and the times of its content and of its inode, the last of which no program can set back.
 *
 * @param path of the image
 */
export async function imageDigest(path: string): Promise<string> {
  const identity = await identityOf(path);
  const place = join(cacheRoot(), 'digests', `${contentKey(path)}.json`);
  const known = await readFile(place, 'utf8')
    .then((text) => JSON.parse(text) as { identity?: string; sha256?: string })
    .catch(() => undefined);
  if (known?.identity === identity.text && known.sha256) return known.sha256;
  const sha256 = await sha256File(path);
  const isSettled =
    Date.now() - identity.changedMs > settledMs && (await identityOf(path)).text === identity.text;
  // A cache that cannot be written costs time and nothing else.
  if (isSettled)
    await writeFileAtomic(place, JSON.stringify({ identity: identity.text, sha256 })).catch(() => {});
  return sha256;
}

async function identityOf(path: string): Promise<{ text: string; changedMs: number }> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(' '), changedMs: Number(ctimeNs / 1_000_000n) };
}
