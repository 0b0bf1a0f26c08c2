import type { Finding } from '@klpkit/findings';

/**
 * What objtool said, as findings: one a line, `<file>: warning: objtool: <place>: <text>` or without the file. Other lines of its
 * (backtraces of the branches it took) go with the finding before.
 */
export function objtoolFindings(stderr: string): Finding[] {
  const findings: { id: string; severity: 'warning' | 'error'; what: string; why?: string }[] = [];
  for (const line of stderr.split('\n')) {
    const match = /^(?:[^ ]*: )?(warning|error): objtool: (.*)$/.exec(line);
    if (match)
      findings.push({
        id: 'objtool',
        severity: match[1] === 'error' ? 'error' : 'warning',
        what: `objtool: ${match[2]}`,
      });
    else if (line.trim() !== '') {
      const last = findings.at(-1);
      const text = line.replace(/^[^ ]*: objtool: */, '').trim();
      if (last) last.why = last.why ? `${last.why}; ${text}` : text;
      else findings.push({ id: 'objtool', severity: 'warning', what: `objtool: ${text}` });
    }
  }
  return findings;
}

/**
 * What modpost said, as findings. That a placeholder is undefined is what placeholders are for, so that is left out; the
 * undefined symbols are counted by klpkit itself, since modpost stops telling after ten.
 *
 * @param isKnown true for placeholders, and for symbols of which something has been said already
 */
export function modpostFindings(stderr: string, isKnown: (symbol: string) => boolean): Finding[] {
  const findings: Finding[] = [];
  for (const line of stderr.split('\n')) {
    const text = line.trim();
    if (text === '') continue;
    const undefinedSymbol = /^(?:WARNING|ERROR): modpost: "(.*)" \[.*\] undefined!$/.exec(text)?.[1];
    const spacedSymbol = / uses symbol (\S+) from namespace /.exec(text)?.[1];
    const symbol = undefinedSymbol ?? spacedSymbol;
    if (symbol !== undefined && isKnown(symbol)) continue;
    if (/modpost: suppressed \d+ unresolved symbol warnings/.test(text)) continue;
    const match = /^(WARNING|ERROR|FATAL): (?:modpost: )?(.*)$/.exec(text);
    findings.push({
      id: 'modpost',
      severity: match && match[1] !== 'WARNING' ? 'error' : 'warning',
      what: `modpost: ${match?.[2] ?? text}`,
    });
  }
  return findings;
}
