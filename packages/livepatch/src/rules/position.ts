import type { Finding, Place } from '@klpkit/findings';
import type { KernelFacts } from './facts.ts';

/** What is wrong with a name and a position in an object's symbol table; `undefined` when the kernel finds it. */
export function positionFinding(
  kernel: KernelFacts,
  object: string,
  name: string,
  sympos: number,
  at: Place,
): Finding | undefined {
  const count = kernel.symbolCount?.(object, name);
  if (count === undefined) return undefined;
  if (count === 0)
    return {
      id: 'KLP203',
      severity: 'error',
      what: `${object} has no symbol ${name}`,
      why: 'the kernel refuses the livepatch, or the module when it comes: symbol not found in symbol table',
      next: 'the compiler may have inlined it or given it another name; look in kallsyms',
      at,
    };
  if (sympos === 0 && count > 1)
    return {
      id: 'KLP204',
      severity: 'error',
      what: `${object} has ${count} symbols ${name}, and no position says which is meant`,
      why: 'the kernel refuses the livepatch: unresolvable ambiguity for symbol',
      next: 'give the position, counted from 1: by address in vmlinux, by the symbol table in a module',
      at,
    };
  if (sympos > count)
    return {
      id: 'KLP203',
      severity: 'error',
      what: `${object} has ${count === 1 ? 'one symbol' : `${count} symbols`} ${name}, position ${sympos} is asked for`,
      why: 'the kernel refuses the livepatch: symbol position not found',
      at,
    };
  return undefined;
}
