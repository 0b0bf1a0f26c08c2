import { readdir } from 'node:fs/promises';
import { run } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import { notCompiled } from '../fix/kinds.ts';

/** Which sources of the kernel name something, by text: comments and code that is not built count as well. */
export interface Naming {
  /** Relative to the tree, sorted; none of another architecture. */
  readonly files: readonly string[];
}

/** Most words that one scan looks for. */
const mostWords = 32;

/**
 * Looks for words in the kernel's source, the whole tree at once: about a second, six when it must come from the disk.
 *
 * @param words names, or `struct NAME`; those beyond the first 32 are left out
 */
export async function sourcesNaming(
  kernel: Kernel,
  words: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Naming>> {
  const asked = [...new Set(words)].filter((word) => /^[\w ]+$/.test(word)).slice(0, mostWords);
  const found = new Map<string, Set<string>>(asked.map((word) => [word, new Set()]));
  if (asked.length > 0) {
    const patterns = asked.flatMap((word) => ['-e', word]);
    const { stdout } = await run(
      [
        'grep',
        '-rowIF',
        '--include=*.c',
        '--include=*.h',
        '--include=*.S',
        ...patterns,
        ...(await folders(kernel)),
      ],
      // Code 1 says that there is none.
      { cwd: kernel.sourceDir, check: false, signal },
    );
    for (const line of stdout.split('\n')) {
      const at = line.indexOf(':');
      if (at > 0) found.get(line.slice(at + 1))?.add(line.slice(0, at));
    }
  }
  return new Map(
    [...found].map(([word, files]) => [
      word,
      { files: [...files].filter((file) => notCompiled(file) === undefined).sort() },
    ]),
  );
}

/** Macros whose definition names a word, on its first line; their users rely on it as well. */
export async function macrosNaming(
  kernel: Kernel,
  words: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string[]>> {
  const asked = [...new Set(words)].filter((word) => /^\w+$/.test(word)).slice(0, mostWords);
  const found = new Map<string, Set<string>>(asked.map((word) => [word, new Set()]));
  if (asked.length > 0) {
    const pattern = `^[[:space:]]*#[[:space:]]*define[[:space:]].*\\<(${asked.join('|')})\\>`;
    const { stdout } = await run(
      ['grep', '-rhIE', '--include=*.c', '--include=*.h', pattern, ...(await folders(kernel))],
      { cwd: kernel.sourceDir, check: false, signal },
    );
    for (const match of stdout.matchAll(/^\s*#\s*define\s+(\w+)(.*)$/gm))
      for (const word of asked)
        if (word !== match[1] && new RegExp(`\\b${word}\\b`).test(match[2])) found.get(word)?.add(match[1]);
  }
  return new Map([...found].map(([word, names]) => [word, [...names].sort()]));
}

/** Folders of the tree that something of the kernel is compiled from. */
async function folders(kernel: Kernel): Promise<string[]> {
  const entries = await readdir(kernel.sourceDir, { withFileTypes: true });
  return entries
    .filter(
      (entry) => entry.isDirectory() && entry.name !== 'arch' && notCompiled(`${entry.name}/`) === undefined,
    )
    .map((entry) => entry.name)
    .concat('arch/x86')
    .sort();
}
