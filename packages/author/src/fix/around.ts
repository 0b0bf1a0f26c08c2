/**
 * The function or macro whose text holds a line. Kernel style begins them in the first column and closes functions with a brace there
 * (Documentation/process/coding-style.rst), so the nearest head above without such a brace between is it.
 */
export function functionAround(lines: readonly string[], line: number): string | undefined {
  for (let at = Math.min(line, lines.length); at > 0; at--) {
    const text = lines[at - 1] ?? '';
    // The line itself may be the closing brace.
    if (text.startsWith('}') && at < line) return undefined;
    const macro = /^#\s*define\s+(\w+)/.exec(text);
    if (macro) return isContinued(lines, at, line) ? macro[1] : undefined;
    if (!/^[A-Za-z_]/.test(text) || /^\w+:\s*$/.test(text)) continue;
    const wrapper = /^(?:COMPAT_)?SYSCALL_DEFINE\d\s*\(\s*(\w+)/.exec(text);
    if (wrapper) return wrapper[1];
    const head = /([A-Za-z_]\w*)\s*\(/.exec(text.replace(/__attribute__\s*\(\(.*?\)\)/g, ''));
    if (head && !/;\s*$/.test(text)) return head[1];
    if (/[;=]\s*$/.test(text)) return undefined;
  }
  return undefined;
}

/** True when every line from `first` up to the one before `line` ends with a backslash. */
function isContinued(lines: readonly string[], first: number, line: number): boolean {
  for (let at = first; at < line; at++) if (!lines[at - 1].endsWith('\\')) return false;
  return true;
}
