import { editsOf, linesOf } from '../report/edits.ts';

/**
 * The after text with `#line` directives that give unchanged lines the numbers they had before, so that code which the fix does
 * not touch keeps its `__LINE__` values (WARN, might_sleep, dynamic debug). The file's name stays as it is.
 *
 * A directive is put where a line that the fix leaves alone would have another number, and where the preprocessor takes one:
 * not in a continued line, a comment, a directive, or between parentheses, where it could be in the arguments of a macro.
 */
export function withLineDirectives(before: string, after: string): string {
  const lines = linesOf(after);
  const oldNumbers = oldNumbersOf(before, after, lines.length);
  const scanner = new Scanner();
  const out: string[] = [];
  /** The number that the preprocessor has for the line at hand. */
  let number = 1;
  /** Set where a directive may or may not have been seen, because it stood in a conditional group. */
  let isUncertain = false;
  /** For each conditional around: whether a directive was put into it. */
  const groups: boolean[] = [];
  for (const [i, line] of lines.entries()) {
    const old = oldNumbers[i] as number;
    if (old > 0 && (number !== old || isUncertain) && scanner.takesDirective(line)) {
      out.push(`#line ${old}`);
      number = old;
      isUncertain = false;
      groups.fill(true);
    }
    const conditional = scanner.read(line);
    if (conditional === 'if') groups.push(false);
    else if (conditional === 'else') isUncertain ||= groups.at(-1) ?? false;
    else if (conditional === 'endif') isUncertain ||= groups.pop() ?? false;
    out.push(line);
    number++;
  }
  return out.join('\n') + (after.endsWith('\n') ? '\n' : '');
}

/** For each line of the after text the number of the same line before, 0 for those that the fix brings. */
function oldNumbersOf(before: string, after: string, count: number): Int32Array {
  const numbers = new Int32Array(count);
  let drift = 0;
  let at = 1;
  for (const edit of editsOf(before, after)) {
    for (; at < edit.after.first; at++) numbers[at - 1] = at + drift;
    at = edit.after.last + 1;
    drift = edit.before.last - edit.after.last;
  }
  for (; at <= count; at++) numbers[at - 1] = at + drift;
  return numbers;
}

/** Follows C source line by line, as far as it matters to where a directive may stand. */
class Scanner {
  private isInComment = false;
  /** The line before ends with a backslash. */
  private isContinued = false;
  private isDirective = false;
  /** Open parentheses and brackets. */
  private depth = 0;
  /** For each conditional around: the depth at its beginning, and the deepest end of the branches so far. */
  private readonly conditionals: { readonly begin: number; deepest: number }[] = [];

  /** Whether a directive may stand before `line`, the next to be read. */
  takesDirective(line: string): boolean {
    // A parenthesis could be the arguments of a macro whose name ends the line before.
    return !this.isInComment && !this.isContinued && this.depth === 0 && !/^\s*\(/.test(line);
  }

  /** Takes a line. Tells if it is part of a conditional. */
  read(line: string): 'if' | 'else' | 'endif' | undefined {
    // A closing brace in the first column ends a function or a table: whatever was counted, nothing is open.
    if (!this.isInComment && !this.isContinued && line.startsWith('}')) this.depth = 0;
    const directive = this.isInComment || this.isContinued ? null : /^\s*#\s*(\w*)/.exec(line);
    if (!this.isContinued) this.isDirective = directive !== null;
    this.scan(line);
    this.isContinued = line.endsWith('\\');
    return directive ? this.conditional(directive[1] as string) : undefined;
  }

  private conditional(name: string): 'if' | 'else' | 'endif' | undefined {
    if (name === 'if' || name === 'ifdef' || name === 'ifndef') {
      this.conditionals.push({ begin: this.depth, deepest: this.depth });
      return 'if';
    }
    const around = this.conditionals.at(-1);
    if (name === 'endif') {
      if (around) this.depth = Math.max(this.depth, around.deepest);
      this.conditionals.pop();
      return 'endif';
    }
    if (!name.startsWith('el')) return undefined;
    if (around) {
      around.deepest = Math.max(around.deepest, this.depth);
      this.depth = around.begin;
    }
    return 'else';
  }

  private scan(line: string): void {
    let i = 0;
    while (i < line.length) {
      if (this.isInComment) {
        const end = line.indexOf('*/', i);
        if (end < 0) return;
        this.isInComment = false;
        i = end + 2;
        continue;
      }
      const char = line.charAt(i);
      if (char === '/' && line.charAt(i + 1) === '/') return;
      if (char === '/' && line.charAt(i + 1) === '*') {
        this.isInComment = true;
        i += 2;
        continue;
      }
      if (char === '"' || char === "'") i = endOfLiteral(line, i);
      else if (this.isDirective) i++;
      else {
        if (char === '(' || char === '[') this.depth++;
        else if ((char === ')' || char === ']') && this.depth > 0) this.depth--;
        i++;
      }
    }
  }
}

/** The index behind a literal that begins at `i`; one that is not closed ends with its line. */
function endOfLiteral(line: string, i: number): number {
  const quote = line.charAt(i);
  for (let at = i + 1; at < line.length; at++) {
    if (line.charAt(at) === '\\') at++;
    else if (line.charAt(at) === quote) return at + 1;
  }
  return line.length;
}
