import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { normalize } from 'node:path';
import { shownPlace } from '../fix/places.ts';

/**
 * Arguments that make gcc say what it inlined and cloned, into a file; they change no byte of the object. None for another compiler, or
 * a gcc before 9, which refuses the option.
 */
export function cloneFlags(compilerVersion: string, path: string): string[] {
  const major = Number(/gcc.*\) (\d+)\./.exec(compilerVersion)?.[1] ?? 0);
  return major >= 9 ? [`-fdump-ipa-clones=${path}`] : [];
}

/**
 * The dump of {@link cloneFlags}, with paths relative to the tree wherever it was compiled, and the line numbers of the text that the
 * author sees; undefined when there is none.
 *
 * @param roots absolute folders that stand for the tree, and the build folder
 */
export async function readClones(path: string, roots: readonly string[]): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  return neutralClones(await readFile(path, 'utf8'), roots);
}

/** The text of a dump, for {@link readClones}. */
export function neutralClones(text: string, roots: readonly string[]): string {
  const bases = roots.map((root) => `${normalize(root).replace(/\/$/, '')}/`);
  return text
    .split('\n')
    .map((line) => {
      const fields = line.split(';');
      // A symbol, its number, file, line and column; a line that says "clone" has two of these.
      for (const at of [3, 8]) {
        const [file, row] = [fields[at], fields[at + 1]];
        if (file === undefined || row === undefined || !/^\d+$/.test(row)) continue;
        const place = shownPlace({ file, line: Number(row) });
        const plain = normalize(place.file);
        const base = bases.find((candidate) => plain.startsWith(candidate));
        fields[at] = base === undefined ? plain : plain.slice(base.length);
        fields[at + 1] = String(place.line);
      }
      return fields.join(';');
    })
    .join('\n');
}
