/** Names as a sentence has them: `a`, `a and b`, `a, b and c`, and `a, b, c and 4 more` beyond `most`. */
export function list(names: readonly string[], most = 6): string {
  if (names.length < 2) return names.join();
  if (names.length > most)
    return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** The verb that goes with so many things: `verb(names, 'holds', 'hold')`. */
export function verb(names: readonly unknown[], one: string, several: string): string {
  return names.length === 1 ? one : several;
}

/** Each once, sorted. */
export function unique(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}
