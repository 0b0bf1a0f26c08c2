import { splitCommands } from './shell.ts';

/** One compilation of a C file that make would do. */
export interface Compilation {
  /** As make names it, relative to the build folder. */
  readonly object: string;
  /** As make names it: absolute in the source tree, relative in the build folder for generated sources. */
  readonly source: string;
  /** Compiler and arguments without `-c`, `-o OBJECT`, the source and `-Wp,-MMD,…`. */
  readonly argv: readonly string[];
}

/** The compilations of C files among the commands of a dry run. */
export function compilations(printed: string): Compilation[] {
  const found: Compilation[] = [];
  for (const line of printed.split('\n')) {
    // Most lines are long and of no interest: links, symbol versions, archives.
    if (!/ -c -o \S+\.o \S+\.c(?=\s|;|$)/.test(line)) continue;
    for (const words of splitCommands(line)) {
      const compilation = readCompilation(words);
      if (!compilation) continue;
      found.push(compilation);
      break;
    }
  }
  return found;
}

function readCompilation(words: readonly string[]): Compilation | undefined {
  const at = words.indexOf('-c');
  const [dash, object, source] = words.slice(at + 1, at + 4);
  if (at < 1 || dash !== '-o' || !object?.endsWith('.o') || !source?.endsWith('.c')) return undefined;
  const argv = [...words.slice(0, at), ...words.slice(at + 4)].filter(
    (word) => !word.startsWith('-Wp,-MMD,') && !word.startsWith('-Wp,-MD,'),
  );
  return { object, source, argv };
}

/** Labels of Kbuild's short messages that stand for no generated source. */
const notGenerated = /^(CC|AS|LD|AR|HOST\w*|OBJTOOL|CHK|CHECK|MODPOST|SYNC|CALL|DESCEND|INSTALL|BTF)$/;

/**
 * The generated files that make would make first. Kbuild announces them (`  GEN     lib/crc32table.h`), some by their
 * last part only; the trap that removes a half-made one has the whole path.
 */
export function generatedFiles(printed: string): string[] {
  const files = new Set<string>();
  const announced = /echo ' {2}([\w.]+)(?: \[M\])? +([^'\n]+)';(?: +trap 'rm -f ([^\s;]+);)?/g;
  for (const [, label = '', targets = '', whole] of printed.matchAll(announced)) {
    if (notGenerated.test(label)) continue;
    for (const target of whole ? [whole] : targets.trim().split(/\s+/)) {
      // The message for a compiled grammar names both its files at once.
      const ends = target.endsWith('.[ch]') ? ['c', 'h'].map((end) => target.slice(0, -4) + end) : [target];
      for (const file of ends) if (/\.(c|h|S|inc)$/.test(file)) files.add(file);
    }
  }
  return [...files].sort();
}
