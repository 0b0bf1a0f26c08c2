import type { Finding } from '@klpkit/findings';
import { readElf, readSymbols, SHN } from '@klpkit/formats';
import type { Symver } from '@klpkit/kernel';
import type { Placeholder } from '@klpkit/livepatch';

/** Names of the undefined symbols of an object, sorted. */
export function undefinedSymbols(object: Uint8Array): string[] {
  const symbols = readSymbols(readElf(object));
  const names = new Set<string>();
  for (let index = 1; index < symbols.count; index++)
    if (symbols.section[index] === SHN.UNDEF && symbols.name(index) !== '') names.add(symbols.name(index));
  return [...names].sort();
}

/**
 * Holds the undefined symbols of the linked module against what they may be: exports of vmlinux outside any namespace, and
 * placeholders. modpost is told to let undefined symbols pass, so nothing else would notice.
 */
export function checkUndefined(
  names: readonly string[],
  placeholders: readonly Placeholder[],
  exports: ReadonlyMap<string, Symver>,
): Finding[] {
  const findings: Finding[] = [];
  const known = new Set(placeholders.map(({ symbol }) => symbol));
  const error = (id: string, symbol: string, what: string, why: string) =>
    findings.push({
      id,
      severity: 'error',
      what,
      why,
      next: 'refer to it by a KLP relocation',
      at: { symbol },
    });
  for (const name of names) {
    // Defined by what modpost writes.
    if (known.has(name) || name === '__this_module') continue;
    const found = exports.get(name);
    if (!found)
      error(
        'KLP301',
        name,
        `the livepatch refers to ${name}, which the kernel does not export`,
        'the module loader would refuse it: unknown symbol',
      );
    else if (found.namespace !== undefined)
      error(
        'KLP224',
        name,
        `the livepatch refers to ${name}, which is exported in the namespace ${found.namespace} only`,
        'modpost refuses modules that do not import the namespace, and some can only be imported by named modules',
      );
    else if (found.owner !== 'vmlinux')
      error(
        'KLP304',
        name,
        `the livepatch refers to ${name}, which the module ${found.owner} exports`,
        'the livepatch could not be loaded without that module',
      );
  }
  const used = new Set(names);
  for (const symbol of [...known].sort())
    if (!used.has(symbol))
      findings.push({
        id: 'placeholder-unused',
        severity: 'note',
        what: `nothing in the livepatch refers to the placeholder ${symbol}`,
        at: { symbol },
      });
  return findings;
}
