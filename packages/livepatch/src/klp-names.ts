/** Parts of the name of a KLP symbol: `.klp.sym.<object>.<name>,<sympos>`. */
export interface KlpSymbolName {
  /** The object that owns the symbol: `vmlinux` or a module. */
  readonly object: string;
  readonly name: string;
  readonly sympos: number;
}

const symbolPattern = /^\.klp\.sym\.([^.]{1,55})\.([^,]{1,511}),(\d{1,19})$/;
const sectionPattern = /^\.klp\.rela\.([^.]{1,55})(\..*)?$/;

/** The name of a KLP symbol, as kernel/livepatch/core.c parses it. */
export function klpSymbolName({ object, name, sympos }: KlpSymbolName): string {
  return `.klp.sym.${object}.${name},${sympos}`;
}

/** Takes the name of a KLP symbol apart; `undefined` for one that the kernel would refuse, or that has text behind its number. */
export function parseKlpSymbol(text: string): KlpSymbolName | undefined {
  const match = symbolPattern.exec(text);
  return match ? { object: match[1], name: match[2], sympos: Number(match[3]) } : undefined;
}

/** The name of the section with the KLP relocations of code that patches `object`, for the section `target`. */
export function klpSectionName(object: string, target: string): string {
  return `.klp.rela.${object}.${target}`;
}

/** The object that a KLP relocation section belongs to; `undefined` for a name that the kernel would refuse. */
export function parseKlpSection(text: string): string | undefined {
  return sectionPattern.exec(text)?.[1];
}

/** A text with the names of its KLP symbols in words: `.klp.sym.ext4.bar,2` becomes `bar [ext4, 2]`. */
export function plainKlpSymbols(text: string): string {
  return text.replace(/\.klp\.sym\.[^\s()]+?,\d+/g, (symbol) => {
    const parts = parseKlpSymbol(symbol);
    return parts ? `${parts.name} [${parts.object}${parts.sympos > 0 ? `, ${parts.sympos}` : ''}]` : symbol;
  });
}
