import { withoutComments } from '../types/text.ts';

/** What a text says of a name. */
export interface Mention {
  readonly kind: 'definition' | 'declaration' | 'macro';
  /** From 1. */
  readonly line: number;
}

/** What may stand between the parameters of a function and its body: `__releases(rcu)`, `__must_check`, `__attribute__((noinline))`. */
const annotations = /^(?:\s|__\w+\s*(?:\((?:[^()]|\([^()]*\))*\))?|noinline|notrace)*/;

/** System calls are defined by macros, which make these names of them (include/linux/syscalls.h, arch/x86/include/asm/syscall_wrapper.h). */
const systemCall = /^__(?:x64|ia32|se|do)_(compat_)?sys_(\w+)$/;

/** The word that the source has where it defines a function: the system call's own name for those that macros make. */
export function wordFor(name: string): string {
  return systemCall.exec(name)?.[2] ?? name;
}

/**
 * Where a C text defines or declares a function or a macro of a name. By text alone: conditionals are not evaluated, and functions whose
 * names macros put together are not seen, but for system calls. Good for choosing what to compile, no more.
 */
export function mentionsOf(text: string, name: string): Mention[] {
  const plain = withoutComments(text);
  const found: Mention[] = [];
  const call = systemCall.exec(name);
  if (call) {
    const define = `${call[1] ? 'COMPAT_' : ''}SYSCALL_DEFINE[0-6]`;
    for (const match of plain.matchAll(new RegExp(`^${define}\\(\\s*${call[2]}\\b`, 'gm')))
      found.push({ kind: 'definition', line: lineOf(plain, match.index) });
    return found;
  }
  for (const match of plain.matchAll(new RegExp(`^[ \\t]*#[ \\t]*define[ \\t]+${name}\\b`, 'gm')))
    found.push({ kind: 'macro', line: lineOf(plain, match.index + match[0].indexOf('#')) });
  // At the outer level something stands in the first column, and no body or value begins before the name; else it is a call.
  for (const match of plain.matchAll(new RegExp(`^(?![#\\s])[^={};\\n]*?\\b${name}\\s*\\(`, 'gm'))) {
    const close = closing(plain, match.index + match[0].length);
    if (close < 0) continue;
    const behind = plain.slice(close, close + 400).replace(annotations, '');
    const line = lineOf(plain, match.index);
    if (behind.startsWith('{')) found.push({ kind: 'definition', line });
    else if (behind.startsWith(';')) found.push({ kind: 'declaration', line });
  }
  return found;
}

/** Behind the parenthesis that closes the one before `from`, or -1. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    // No list of parameters has these.
    if (char === '{' || char === ';') return -1;
    if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return at + 1;
  }
  return -1;
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}
