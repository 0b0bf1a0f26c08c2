/**
 * A pattern for lines of the kernel's log as a reader would search for it: the words that stand in every such line, `…` for what
 * differs from line to line, and `(this / that)` where one of several stands. What may be missing is left out.
 *
 * Knows what the patterns of `packages/prove/src/log/faults.ts` use: groups, alternatives, classes, `\b`, `\d`, `\S`, `\w`, quantifiers.
 */
export function wordsOf(pattern: RegExp): string {
  const { source } = pattern;
  let at = 0;

  /** One side of a `|`, up to it or to the end of the group. */
  function sequence(): string {
    let out = '';
    while (at < source.length && source[at] !== '|' && source[at] !== ')') {
      const piece = atom();
      const quantifier = /^(?:[*+?]|\{[^}]*\})\??/.exec(source.slice(at))?.[0] ?? '';
      at += quantifier.length;
      // What may be missing stands in no search; of `.*` something is usually there.
      if (piece === '…' || !/^[*?]/.test(quantifier)) out += piece;
    }
    return out;
  }

  function group(): string {
    at += /^\((?:\?(?:[:=!]|<\w+>))?/.exec(source.slice(at))?.[0].length ?? 1;
    const alternatives = [sequence()];
    while (source[at] === '|') {
      at++;
      alternatives.push(sequence());
    }
    at++;
    return alternatives.length === 1 ? alternatives[0] : `(${alternatives.join(' / ')})`;
  }

  function atom(): string {
    const character = source[at];
    if (character === '(') return group();
    if (character === '[') {
      const text = /^\[(?:\\.|[^\]\\])*\]/.exec(source.slice(at))?.[0] ?? character;
      at += text.length;
      const letters = text.slice(1, -1);
      return letters.length === 2 && letters[0].toLowerCase() === letters[1].toLowerCase()
        ? letters[1].toLowerCase()
        : '…';
    }
    at++;
    if (character === '.') return '…';
    if (character === '^' || character === '$') return '';
    if (character !== '\\') return character;
    const escaped = source[at++];
    if (escaped === 'b') return '';
    if (escaped === 's') return ' ';
    return /[dSw]/.test(escaped) ? '…' : escaped;
  }

  return sequence().replace(/…+/g, '…').trim();
}
