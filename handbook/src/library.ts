/** What a package of klpkit exports, as its source says. */
export interface LibraryEntry {
  readonly name: string;
  readonly kind: 'function' | 'class' | 'type' | 'constant';
  /** The first sentence of its docstring; empty when there is none. */
  readonly sentence: string;
}

const kinds: Readonly<Record<string, LibraryEntry['kind']>> = {
  function: 'function',
  class: 'class',
  const: 'constant',
  interface: 'type',
  type: 'type',
};

/**
 * Follows the exports of a package from its door to where each thing is declared.
 *
 * @param files source files by path, every file that the door leads to among them
 * @param door path of the package's `index.ts`
 * @returns functions, classes, constants and types, each by name
 * @throws {Error} when an export leads to no file or to no declaration
 */
export function libraryOf(files: Readonly<Record<string, string>>, door: string): LibraryEntry[] {
  const order = ['function', 'class', 'constant', 'type'];
  return [...exportsOf(files, door).values()].sort(
    (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.name < b.name ? -1 : 1),
  );
}

function exportsOf(files: Readonly<Record<string, string>>, path: string): Map<string, LibraryEntry> {
  const text = files[path];
  if (text === undefined) throw new Error(`there is no ${path}`);
  const declared = new Map<string, LibraryEntry>();
  const found = new Map<string, LibraryEntry>();
  const declaration =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^(export )?(?:async )?(function|const|class|interface|type)\*? (\w+)/gm;
  for (const [, doc = '', exported, kind, name] of text.matchAll(declaration)) {
    const entry = { name, kind: kinds[kind], sentence: firstSentence(doc) };
    // Of several signatures the first one has the docstring.
    if (!declared.has(name)) declared.set(name, entry);
    if (exported && !found.has(name)) found.set(name, entry);
  }
  for (const [, names] of text.matchAll(/^export (?:type )?\{([^}]*)\};/gm))
    for (const name of names.split(',').map((item) => item.trim().replace(/^type /, ''))) {
      const entry = declared.get(name);
      if (entry) found.set(name, entry);
    }
  for (const [, names, from] of text.matchAll(
    /^export (?:type )?(\*|\{[^}]*\}) from '((?:\.{1,2}|@klpkit)\/[^']+)';/gm,
  )) {
    const source = exportsOf(files, resolved(path, from));
    if (names === '*') {
      for (const [name, entry] of source) found.set(name, entry);
      continue;
    }
    for (const item of names.slice(1, -1).split(',')) {
      const [original, name = original] = item
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      if (original === '') continue;
      const entry = source.get(original);
      if (!entry) throw new Error(`${path} exports ${original}, which ${from} does not declare`);
      found.set(name, { ...entry, name });
    }
  }
  return found;
}

function resolved(path: string, from: string): string {
  const room = /^@klpkit\/(\w+)$/.exec(from)?.[1];
  if (room !== undefined) return path.replace(/^(.*?)\w+\/src\/.*$/, `$1${room}/src/index.ts`);
  const parts = path.split('/').slice(0, -1);
  for (const part of from.split('/')) {
    if (part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

function firstSentence(doc: string): string {
  const [paragraph] = doc
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, ''))
    .join('\n')
    .trim()
    .split(/\n\s*\n|\n@|^@/);
  const text = paragraph.replace(/\{@link (\w+)\}/g, '$1').replace(/\s+/g, ' ');
  return /^.*?[.:](?= [A-Z`(]|$)/.exec(text)?.[0] ?? text;
}
