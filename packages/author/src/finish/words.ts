/**
 * Splits what a dry run of make prints into commands and words, by the rules of a shell as far as Kbuild uses them: quotes,
 * backslashes, and `; | & < > { } ( )` as ends of a command. Nothing is expanded and nothing is run. Redirections and
 * grouping come out as commands of their own, which no caller looks for.
 */
export function shellCommands(text: string): string[][] {
  const commands: string[][] = [];
  let command: string[] = [];
  let word: string | undefined;
  const endWord = () => {
    if (word !== undefined) command.push(word);
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    if (command.length > 0) commands.push(command);
    command = [];
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') {
      at++;
      if (text[at] !== '\n') word = (word ?? '') + (text[at] ?? '');
    } else if (char === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) break;
      word = (word ?? '') + text.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      word ??= '';
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === '\\' && '\\"$`\n'.includes(text[at + 1])) at++;
        word += text[at];
      }
    } else if (char === ' ' || char === '\t') endWord();
    else if ('\n;|&<>(){}'.includes(char)) endCommand();
    else word = (word ?? '') + char;
  }
  endCommand();
  return commands;
}
