/**
 * Splits a shell command line into its commands and their words: `a 'b c'; d | e` gives `[['a', 'b c'], ['d'], ['e']]`.
 *
 * Knows what Kbuild's recipes use: quotes, backslashes, and the separators `;`, `&`, `|`, newline and parentheses.
 * Variables, globs and redirections are left as the text they are.
 */
export function splitCommands(line: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = () => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0) commands.push(words);
    words = [];
  };
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (char === "'") {
      const end = line.indexOf("'", i + 1);
      const stop = end < 0 ? line.length : end;
      word = (word ?? '') + line.slice(i + 1, stop);
      i = stop;
    } else if (char === '"') {
      word ??= '';
      for (i++; i < line.length && line.charAt(i) !== '"'; i++) {
        // Inside double quotes a backslash stands for itself but before these.
        if (line.charAt(i) === '\\' && /["\\$`\n]/.test(line.charAt(i + 1))) i++;
        word += line.charAt(i);
      }
    } else if (char === '\\') {
      i++;
      if (line.charAt(i) !== '\n') word = (word ?? '') + line.charAt(i);
    } else if (char === ' ' || char === '\t') endWord();
    else if (';&|\n()'.includes(char)) endCommand();
    else word = (word ?? '') + char;
  }
  endCommand();
  return commands;
}
