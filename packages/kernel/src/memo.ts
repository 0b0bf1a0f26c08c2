import { stat } from 'node:fs/promises';

/**
 * Keeps what was read from a file as long as the file stays as it is: several steps of one build ask for the same tables. One value
 * per file is kept.
 */
export function perFile<T>(read: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const known = new Map<string, { state: string; value: Promise<T> }>();
  return async (path) => {
    const { ino, size, mtimeMs } = await stat(path);
    const state = `${ino} ${size} ${mtimeMs}`;
    const kept = known.get(path);
    if (kept?.state === state) return kept.value;
    const value = read(path);
    known.set(path, { state, value });
    // A failure must not be remembered.
    value.catch(() => known.delete(path));
    return value;
  };
}
