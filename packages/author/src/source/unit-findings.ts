import type { Finding } from '@klpkit/findings';
import type { Diagnostic } from './compile.ts';
import type { Part } from './model.ts';
import type { SourcePlan } from './plan.ts';
import { prefix } from './write.ts';

/** Functions that print their own names have others now. */
export function namesFindings(unit: string, plan: SourcePlan): Finding[] {
  const names = [...plan.modes].flatMap(([part, mode]) => {
    if (mode !== 'text' || !/\b__(func|FUNCTION)__\b/.test(part.expanded)) return [];
    return part.definitions.flatMap(({ name, meaning }) => {
      const kind = meaning === 'function' ? plan.functions.get(name)?.kind : undefined;
      return kind === 'replace' || kind === 'copy' ? [name] : [];
    });
  });
  if (names.length === 0) return [];
  return [
    {
      id: 'source-function-name',
      severity: 'note',
      what: `${[...new Set(names)].sort().join(', ')} ${names.length === 1 ? 'uses its own name' : 'use their own names'} (__func__), which ${names.length === 1 ? 'begins' : 'begin'} with ${prefix} here`,
      next: 'write the old name into the text if anybody looks for it in the log',
      at: { unit },
    },
  ];
}

/** Static keys are read, not jumped on. */
export function keysFinding(unit: string, object: string): Finding {
  return {
    id: 'KLP310',
    severity: 'note',
    what: `the file for ${unit} reads static keys in memory`,
    why: `the kernel sets up the jumps of a livepatch before it knows where the keys of ${object} are`,
    at: { unit },
  };
}

/** What is included in the middle of a source may be a template for its functions, which cannot be written out. */
export function templateFindings(unit: string, includes: readonly Part[]): Finding[] {
  return includes.map(({ item }) => ({
    id: 'source-template',
    severity: 'error' as const,
    what: `${unit} makes functions of a template in its middle: ${item.tokens[0].text}`,
    why: 'the functions of a template use those of the source under their own names, and there may be several of each',
    next: 'use the binary route: klpkit build',
    at: { file: item.file, line: item.line, unit },
  }));
}

/** What the compiler refused of what was written. */
export function compileFindings(unit: string, diagnostics: readonly Diagnostic[], text: string): Finding[] {
  const lines = text.split('\n');
  return diagnostics
    .filter(({ kind }) => kind === 'error')
    .slice(0, 5)
    .map(({ message, line }) => ({
      id: 'source-not-compiled',
      severity: 'error' as const,
      what: `what was written for ${unit} does not compile: ${message}`,
      ...(line === undefined ? {} : { evidence: [`line ${line}: ${lines[line - 1]?.trim()}`] }),
      next: 'use the binary route, klpkit build, and report this fix',
      at: { unit },
    }));
}
