import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@klpkit/host';

/** Files below `folders` of two trees that exist in both and differ, by ending; paths are relative and sorted. */
export async function changedFiles(
  from: string,
  to: string,
  folders: readonly string[],
  endings: readonly string[],
): Promise<string[]> {
  const changed: string[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(join(from, folder), { recursive: true, withFileTypes: true }).catch(
      () => [],
    )) {
      if (!entry.isFile() || !endings.some((ending) => entry.name.endsWith(ending))) continue;
      const path = join(entry.parentPath, entry.name).slice(from.length + 1);
      if (await differ(join(from, path), join(to, path))) changed.push(path);
    }
  }
  return changed.sort();
}

async function differ(a: string, b: string): Promise<boolean> {
  const other = await stat(b).catch(() => undefined);
  if (!other) return false;
  if ((await stat(a)).size !== other.size) return true;
  return !(await readFile(a)).equals(await readFile(b));
}

/** The difference of some files of two trees as one patch, as `git diff` would write it. */
export async function patchOf(from: string, to: string, paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    const { code, stdout } = await run(
      ['diff', '-u', '--label', `a/${path}`, '--label', `b/${path}`, join(from, path), join(to, path)],
      { check: false },
    );
    if (code !== 1) throw new Error(`diff ended with ${code} for ${path}, expected 1 (files differ)`);
    parts.push(stdout);
  }
  return parts.join('');
}
