import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/**
 * Makes a folder what a clone of klpkit is after `npm ci`: the files of this work tree as they are now, and its packages. These are
 * linked one by one, so that nothing that is done in the clone can reach into the work tree.
 *
 * @param folder that exists
 */
export async function makeClone(folder: string): Promise<void> {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await promisify(execFile)('git', list, { cwd: root, maxBuffer: 16 * 1024 * 1024 });
  for (const file of stdout.split('\0').filter((name) => name !== ''))
    await cp(join(root, file), join(folder, file), { recursive: true }).catch((error: unknown) => {
      // In the index, and removed from the work tree.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(join(root, 'node_modules')))
    if (name !== '.klpkit-lock') await symlink(join(root, 'node_modules', name), join(modules, name));
  // What `scripts/run.mjs` leaves, so that it does not fetch all of them once more.
  const lock = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  await writeFile(join(modules, '.klpkit-lock'), lock.digest('hex'));
}
