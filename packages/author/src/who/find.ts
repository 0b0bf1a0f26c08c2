import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { sourcesNaming } from '../types/scan.ts';
import { type Mention, mentionsOf, wordFor } from './define.ts';

/** A place in the kernel's source. */
export interface SourcePlace {
  /** Relative to the tree. */
  readonly file: string;
  readonly line: number;
}

/** Where the text of the kernel's source defines a name. */
export interface Definitions {
  /** In `.c` files: one of them, or what includes it, is compiled. */
  readonly sources: readonly SourcePlace[];
  readonly headers: readonly SourcePlace[];
}

/**
 * Looks for the definitions of a function in the kernel's source.
 *
 * @throws {UsageError} when there is none, saying what the name is instead
 */
export async function findDefinitions(
  kernel: Kernel,
  name: string,
  signal?: AbortSignal,
): Promise<Definitions> {
  const word = wordFor(name);
  const files = (await sourcesNaming(kernel, [word], signal)).get(word)?.files ?? [];
  const places: Record<Mention['kind'], SourcePlace[]> = { definition: [], declaration: [], macro: [] };
  let assembly: string | undefined;
  for (const file of files) {
    signal?.throwIfAborted();
    const text = await readFile(join(kernel.sourceDir, file), 'utf8').catch(() => '');
    if (file.endsWith('.S')) {
      if (new RegExp(`^\\s*SYM_\\w*START\\w*\\(\\s*${word}\\b`, 'm').test(text)) assembly ??= file;
      continue;
    }
    for (const { kind, line } of mentionsOf(text, name)) places[kind].push({ file, line });
  }
  const { definition, declaration, macro } = places;
  const isHeader = ({ file }: SourcePlace) => file.endsWith('.h');
  if (definition.length > 0) {
    const sources = definition.filter((place) => !isHeader(place));
    return { sources, headers: definition.filter(isHeader) };
  }
  const isCommon = ({ file }: SourcePlace) => /^(arch\/\w+\/)?include\//.test(file);
  const at = (places: readonly SourcePlace[]) => {
    const first = places.find(isCommon) ?? places[0];
    return `${first?.file}:${first?.line}`;
  };
  if (assembly !== undefined)
    throw new UsageError(`${name} is written in assembly, in ${assembly}: nothing can be inlined from there`);
  if (macro.length > 0)
    throw new UsageError(
      `${name} is a macro, defined at ${at(macro)}: the preprocessor puts its text into every user`,
      'ask about the function that the macro calls',
    );
  const own = 'where a macro puts its name together, name a source that makes it with --unit FILE.c';
  if (declaration.length > 0)
    throw new UsageError(
      `${name} is only declared, at ${at(declaration)}; no C text of ${kernel.id} defines it by that name`,
      own,
    );
  throw new UsageError(
    files.length > 0
      ? `no C text of ${kernel.id} defines a function ${name}; ${files[0]} names it`
      : `no source of ${kernel.id} names ${name}`,
    files.length > 0 ? own : 'check the spelling, and the kernel with --kernel',
  );
}
