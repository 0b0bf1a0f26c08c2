import type { Finding } from '@klpkit/findings';
import type { Diagnostic } from './compile.ts';
import type { Expansion } from './expansion.ts';
import { wordsIn } from './includes.ts';
import type { Part } from './model.ts';
import { prefix } from './naming.ts';
import type { SourcePlan } from './plan.ts';

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

/** Findings of functions that are not in the text of a unit, with the template that makes them where one of its later `#include`s does. */
export function withTemplates(
  findings: readonly Finding[],
  includes: readonly Part[],
  expansion: Expansion,
): Finding[] {
  return findings.map((one) => {
    const symbol = one.id === 'source-not-found' ? one.at?.symbol : undefined;
    const include = symbol && includes.find((part) => makes(part, symbol, expansion));
    if (!include) return one;
    return {
      ...one,
      id: 'source-template',
      what: `${symbol} is made of a template in the middle of ${one.at?.unit}: ${include.item.tokens[0].text}`,
      why: 'the same text makes several functions, whose names and code macros decide: a file with one of them replaced cannot be written',
      next: 'use the binary route, klpkit build, which takes the compiled function',
    };
  });
}

function makes({ item }: Part, symbol: string, { brought, ownIncludes, files, linesOf }: Expansion): boolean {
  const key = `${item.file}:${item.line}`;
  if (brought().get(key)?.names.has(symbol)) return true;
  if (!ownIncludes.has(key)) return false;
  // The fix changes it, so that its text counts as the unit's own.
  const name = /^#\s*include\s*"([^"]+)"/.exec(item.tokens[0].text)?.[1];
  const path = files.find((file) => name !== undefined && (file === name || file.endsWith(`/${name}`)));
  return path !== undefined && (linesOf(path) ?? []).some((line) => wordsIn(line ?? '').includes(symbol));
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

/** Pointers to functions of headers that no text says, so that they cannot be led to the kernel's own. */
export function pointerFindings(unit: string, pointers: ReadonlySet<string>): Finding[] {
  return [...pointers].sort().map((name) => ({
    id: 'KLP142',
    severity: 'error' as const,
    what: `the file for ${unit} has a pointer to its own ${name}, which a header brings and the kernel has as well`,
    why: 'what keeps the pointer would be left with one to nothing once the livepatch is removed',
    next: 'use the binary route, klpkit build, which refers to that of the kernel',
    at: { unit, symbol: name },
  }));
}

/** Variables of which the livepatch would have its own beside the kernel's. */
export function stateFindings(unit: string, names: readonly string[]): Finding[] {
  return names.map((name) => ({
    id: 'KLP123',
    severity: 'error' as const,
    what: `the file for ${unit} has a variable ${name} of its own, which a header brings and the kernel has as well`,
    why: 'what the kernel has counted or kept in its own would not be seen, and the other way round',
    next: 'use the binary route, klpkit build, which refers to that of the kernel',
    at: { unit, symbol: name },
  }));
}
