/** A call that clang inlined: names of symbols. */
export interface InlinedPair {
  readonly callee: string;
  readonly caller: string;
}

/**
 * The calls that clang inlined, from the YAML of its `-fsave-optimization-record`. Only what LLVM writes of YAML is understood: one
 * document per remark, `Key: value` by line, a list of arguments. Remarks of other kinds, and documents cut short, are passed over.
 */
export function readRemarks(text: string): InlinedPair[] {
  const pairs: InlinedPair[] = [];
  const known = new Set<string>();
  let callee: string | undefined;
  let caller: string | undefined;
  let isInlined = false;
  let isPassed = false;
  const finish = () => {
    if (isPassed && isInlined && callee && caller) {
      const key = `${callee}\n${caller}`;
      if (!known.has(key)) pairs.push({ callee, caller });
      known.add(key);
    }
    callee = undefined;
    caller = undefined;
    isInlined = false;
    isPassed = false;
  };
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, Math.min(end, at + longestLine)).trimEnd();
    at = end + 1;
    if (line.startsWith('--- ')) {
      finish();
      isPassed = line === '--- !Passed';
    } else if (line === '...') finish();
    else if (!isPassed) continue;
    else if (line.startsWith('Name:')) isInlined = /^(Inlined|AlwaysInline)$/.test(scalar(line.slice(5)));
    else if (line.startsWith('  - Callee:')) callee ??= scalar(line.slice(11));
    else if (line.startsWith('  - Caller:')) caller ??= scalar(line.slice(11));
  }
  finish();
  return pairs;
}

const longestLine = 1 << 14;

/** A plain, single-quoted or double-quoted scalar; names of symbols need no escapes. */
function scalar(text: string): string {
  const value = text.trim();
  const quote = value[0];
  if (value.length < 2 || (quote !== "'" && quote !== '"') || !value.endsWith(quote)) return value;
  const inner = value.slice(1, -1);
  return quote === "'" ? inner.replaceAll("''", "'") : inner.replace(/\\(.)/g, '$1');
}
