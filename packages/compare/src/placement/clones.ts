/** A line of gcc's dump: `clone` was made of `original`, or `original` was inlined into `clone`. Names are those of symbols. */
export interface ClonedNode {
  readonly original: string;
  readonly clone: string;
  /** `inlining to`, `part`, `isra`, `constprop`, … */
  readonly kind: string;
}

/** What gcc's `-fdump-ipa-clones` says of one unit. */
export interface IpaClones {
  readonly nodes: readonly ClonedNode[];
  /** Symbols whose own body was removed, since all uses were inlined or specialised, or it was folded into another. */
  readonly removed: ReadonlySet<string>;
  /** Where each symbol's function is defined. */
  readonly places: ReadonlyMap<string, { readonly file: string; readonly line: number }>;
}

/**
 * Reads the text of gcc's `-fdump-ipa-clones`: one fact per line, of fields parted by semicolons. A symbol is followed by its number,
 * file, line and column (gcc/cgraph.cc, dump_callgraph_transformation). Other lines, and lines cut short, are passed over.
 */
export function readIpaClones(text: string): IpaClones {
  const nodes: ClonedNode[] = [];
  const removed = new Set<string>();
  const places = new Map<string, { file: string; line: number }>();
  const known = new Set<string>();
  const put = (symbol: string, file: string, line: string) => {
    if (file !== '' && /^\d{1,9}$/.test(line) && !places.has(symbol))
      places.set(symbol, { file, line: Number(line) });
  };
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, Math.min(end, at + longestLine));
    at = end + 1;
    const fields = line.split(';');
    if (fields[0] === 'Callgraph removal' && fields.length >= 6) {
      removed.add(fields[1]);
      put(fields[1], fields[3], fields[4]);
    } else if (fields[0] === 'Callgraph clone' && fields.length >= 12) {
      const [, original, , file, row, , clone, , cloneFile, cloneRow, , kind] = fields;
      put(original, file, row);
      put(clone, cloneFile, cloneRow);
      const key = `${original};${clone};${kind}`;
      if (original === '' || clone === '' || known.has(key)) continue;
      known.add(key);
      nodes.push({ original, clone, kind });
    }
  }
  return { nodes, removed, places };
}

/** Two names and two paths: nothing of a compiler is longer. */
const longestLine = 1 << 14;
