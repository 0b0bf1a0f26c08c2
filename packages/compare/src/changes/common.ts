import type { Finding } from '@klpkit/findings';
import { SHN } from '@klpkit/formats';
import type { ObjectModel } from '../model/model.ts';
import type { DataChange } from './types.ts';

/**
 * Variables that the linker is to place (gcc before 10, and -fcommon): they have a size and an alignment, and neither a section nor an
 * initial value.
 */
export function compareCommons(
  before: ObjectModel,
  after: ObjectModel,
): { changes: DataChange[]; findings: Finding[] } {
  const had = commonsOf(before);
  const has = commonsOf(after);
  const changes: DataChange[] = [];
  const findings: Finding[] = [];
  for (const [name, is] of has) {
    const was = had.get(name);
    if (was === is) continue;
    const given = before.named(name).some(({ kind }) => kind === 'object');
    if (was === undefined && !given) {
      changes.push({ name, status: 'new' });
      continue;
    }
    changes.push({ name, status: 'changed' });
    if (was === undefined) {
      findings.push(initialValue(name, 'one', 'none'));
      continue;
    }
    findings.push({
      id: 'KLP502',
      severity: 'error',
      what: `the variable ${name} changes its shape: ${was} before, ${is} after`,
      why: 'the running kernel has the variable in its old shape, and code that stays unpatched uses it so',
      next: 'leave the variable as it is and put the new part in a variable of its own, or in a shadow variable',
      at: { symbol: name },
    });
  }
  for (const name of had.keys()) {
    if (has.has(name)) continue;
    const given = after.named(name).some(({ kind }) => kind === 'object');
    if (given) findings.push(initialValue(name, 'none', 'one'));
    else changes.push({ name, status: 'removed' });
  }
  return { changes, findings };
}

/** For a variable that is common on one side alone; the comparison of data takes it for a new or a removed one there. */
function initialValue(name: string, was: string, is: string): Finding {
  return {
    id: 'KLP501',
    severity: 'error',
    what: `the variable ${name} has ${was === 'one' ? 'an initial value' : 'no initial value'} before, and ${is} after`,
    why: 'the running kernel initialised the variable long ago; a new initial value never reaches it',
    next: 'set the new value in a pre_patch or post_patch callback, or leave this part out of the livepatch',
    at: { symbol: name },
  };
}

/** Size and alignment of each common symbol, in words. */
export function commonsOf({ symbols }: ObjectModel): Map<string, string> {
  const commons = new Map<string, string>();
  for (let index = 1; index < symbols.count; index++)
    // The value of a common symbol is its alignment (ELF gABI, "Symbol Table").
    if (symbols.reserved[index] && symbols.section[index] === SHN.COMMON)
      commons.set(
        symbols.name(index),
        `${symbols.size[index]} bytes aligned to ${symbols.value[index]}, without an initial value`,
      );
  return commons;
}
