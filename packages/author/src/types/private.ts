import { type LayoutChange, nameOfType, usersOfType } from '@klpkit/compare';
import { BTF_KIND, type Btf } from '@klpkit/formats';
import { withoutComments } from './text.ts';

/**
 * Whether objects of a type live no longer than a call, as far as types and text of the only unit that knows it tell: it is used for
 * local variables alone, nothing holds or points to it, no global function passes one on, and nothing allocates or casts one.
 *
 * @param text the unit's source, which defines the type
 * @returns what that assumes, in words; `undefined` when an object may outlive a call
 */
export function livesOnStackOnly(change: LayoutChange, btf: Btf, text: string): string | undefined {
  if (change.kind === 'typedef' || change.holders.length > 0) return undefined;
  const code = withoutComments(text).replace(/"(?:[^"\\\n]|\\[\s\S])*"/g, '""');
  const name = nameOfType(change);
  if (!new RegExp(`\\b${change.kind}\\s+${change.name}\\s*\\{`).test(code)) return undefined;
  const kind = change.kind === 'union' ? BTF_KIND.UNION : BTF_KIND.STRUCT;
  const ids = btf.find(kind, change.name);
  const users = usersOfType(btf, ids);
  if (users.holders.length > 0 || users.pointers.length > 0 || hasVariable(btf, ids)) return undefined;
  let locals = 0;
  for (const match of code.matchAll(new RegExp(`\\b${change.kind}\\s+${change.name}\\b`, 'g'))) {
    const before = code.slice(0, match.index);
    const behind = code.slice(match.index + match[0].length);
    if (/^\s*[{;]/.test(behind)) continue;
    // A parameter: inside of parentheses that begin behind a name in the first column.
    const line = before.slice(before.lastIndexOf('\n') + 1);
    const isParameter = /^\s*\*+\s*(const\s+)?\w*\s*[,)]/.test(behind) && isInHead(before);
    if (isParameter) continue;
    // A local variable by value, or a pointer to one.
    const isLocal = /^\s+(const\s+)?$/.test(line);
    if (isLocal && /^\s+\w+(\s*,\s*\w+)*\s*(=\s*\{|;|\[\d+\]\s*(=\s*\{|;))/.test(behind)) {
      locals++;
      continue;
    }
    if (isLocal && /^\s*\*\s*\w+\s*=\s*&\s*\w+\s*;/.test(behind)) continue;
    return undefined;
  }
  if (locals === 0) return undefined;
  return `the source uses ${name} for local variables of functions alone, and it is assumed that none is handed to something that goes on after its function has returned`;
}

/** True when an open parenthesis at the end of the text belongs to the head of a static function. */
function isInHead(text: string): boolean {
  const last = ` ${text.slice(Math.max(text.lastIndexOf(';'), text.lastIndexOf('}')) + 1)}`;
  const open = last.lastIndexOf('(');
  const head = last.slice(1, open).trim();
  return open >= 0 && !last.includes('{') && /^static\b/.test(head) && /\w$/.test(head);
}

/** A variable at file scope of one of the types, or of an array of it, or that points to one. */
function hasVariable(btf: Btf, ids: readonly number[]): boolean {
  for (let id = 1; id < btf.count; id++) {
    if (btf.kind(id) !== BTF_KIND.VAR) continue;
    let at = btf.resolve(btf.references(id)[0]);
    for (let depth = 0; depth < 16; depth++) {
      if (ids.includes(at)) return true;
      if (btf.kind(at) !== BTF_KIND.PTR && btf.kind(at) !== BTF_KIND.ARRAY) break;
      at = btf.resolve(btf.references(at)[0]);
    }
  }
  return false;
}
