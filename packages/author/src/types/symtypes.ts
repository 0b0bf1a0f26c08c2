/** The C name of a type that genksyms calls `s#dentry`, `u#x`, `e#state`, `t#u32`, `E#NR_X`. */
export function typeName(key: string): string {
  const words: Readonly<Record<string, string>> = { s: 'struct ', u: 'union ', e: 'enum ', t: '', E: '' };
  const [kind, name = ''] = key.split('#');
  return `${words[kind] ?? ''}${name}`;
}

/**
 * What genksyms saw of each name (its option -T): one line for each, `s#path struct path { s#vfsmount * mnt ; … }`. A name with a
 * sign is a type, one without is an exported symbol.
 */
export function parseSymtypes(text: string): Map<string, string> {
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at > 0) types.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  return types;
}

/** One reason for which the checksum of an exported symbol differs. */
export interface Cause {
  /**
   * - `prototype`: the symbol's own declaration; `type`: a type that it reaches;
   * - `completed` or `hidden`: a type that one of the sides does not see whole.
   */
  readonly kind: 'prototype' | 'type' | 'completed' | 'hidden';
  /** As genksyms calls it. */
  readonly key: string;
}

/** A type that was declared and not defined where the symbol is exported. */
const unknown = /^(struct|union|enum) \w+ \{ UNKNOWN \}$/;

/**
 * Why an exported symbol has another checksum on the two sides: the declarations that differ among those that it reaches on both. A
 * type that only one side reaches is reached through one that differs.
 */
export function causesOf(
  symbol: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Cause[] {
  const had = reached(symbol, before);
  const has = reached(symbol, after);
  const causes: Cause[] = [];
  for (const key of [...had].sort()) {
    if (!has.has(key)) continue;
    const was = before.get(key);
    const is = after.get(key);
    if (was === is || was === undefined || is === undefined) continue;
    const isSymbol = !key.includes('#');
    const kind = isSymbol
      ? 'prototype'
      : unknown.test(was)
        ? 'completed'
        : unknown.test(is)
          ? 'hidden'
          : 'type';
    causes.push({ kind, key });
  }
  return causes;
}

function reached(symbol: string, types: ReadonlyMap<string, string>): Set<string> {
  const seen = new Set([symbol]);
  const open = [symbol];
  for (let key = open.pop(); key !== undefined; key = open.pop())
    for (const match of (types.get(key) ?? '').matchAll(/\b[suetE]#\w+/g))
      if (!seen.has(match[0])) {
        seen.add(match[0]);
        open.push(match[0]);
      }
  return seen;
}
