import type { Finding } from '@klpkit/findings';
import type { LivepatchPlan } from './types.ts';

/** Longest name of a module and of a klp_object: MODULE_NAME_LEN (include/linux/module.h) without the final NUL. */
export const longestObjectName = 55;
/** Longest name of a symbol: KSYM_NAME_LEN (include/linux/kallsyms.h) without the final NUL. */
export const longestSymbolName = 511;

/** Turns what the user typed into a module name as the kernel spells it: dashes and dots become underscores. */
export function livepatchName(text: string): string {
  return text.replaceAll(/[-.]/g, '_');
}

/**
 * Says what is wrong with the names of a plan; empty when all can be used. A name that is good for C, for modpost and for the
 * kernel is `[A-Za-z0-9_]`; a function's may hold dots, as clones do, but no comma (which ends it in a KLP symbol).
 */
export function checkNames(plan: LivepatchPlan): Finding[] {
  const findings: Finding[] = [];
  const error = (what: string, next: string) =>
    findings.push({ id: 'livepatch-name', severity: 'error', what, next });
  if (!/^[A-Za-z0-9_]+$/.test(plan.name))
    error(
      `the livepatch's name ${JSON.stringify(plan.name)} has other characters than letters, digits and underscores`,
      'give another name',
    );
  else if (plan.name.length > longestObjectName)
    error(
      `the livepatch's name ${plan.name} has ${plan.name.length} characters, the kernel takes ${longestObjectName}`,
      'give a shorter name',
    );
  else if (plan.name === 'vmlinux')
    error('a module named vmlinux is refused by the kernel', 'give another name');
  const objects = new Set<string>();
  for (const object of plan.objects) {
    if (!/^[A-Za-z0-9_]+$/.test(object.name) || object.name.length > longestObjectName)
      error(
        `${JSON.stringify(object.name)} is no name of a module: letters, digits and underscores, at most ${longestObjectName}`,
        `the kernel spells it ${JSON.stringify(livepatchName(object.name))}`,
      );
    if (objects.has(object.name))
      error(
        `${object.name} is twice among the objects to patch`,
        'put all functions of a module into one object',
      );
    objects.add(object.name);
    if (object.functions.length === 0)
      error(
        `${object.name} has no function to patch, and an object without functions ends the kernel's list`,
        'leave the object out',
      );
    const kinds = new Set<string>();
    for (const { kind, symbol } of object.callbacks ?? []) {
      if (kinds.has(kind))
        error(
          `${object.name} has two ${kind} callbacks`,
          'an object has one of each kind: make one function of them',
        );
      kinds.add(kind);
      if (!/^[\w.$]+$/.test(symbol))
        error(
          `${JSON.stringify(symbol)} is no symbol that the glue can refer to`,
          'give the callback another name',
        );
    }
    const functions = new Set<string>();
    for (const one of object.functions) {
      if (!/^[\w.$]+$/.test(one.oldName) || one.oldName.length > longestSymbolName)
        error(
          `${JSON.stringify(one.oldName)} of ${object.name} is no name of a function`,
          'look the name up in kallsyms',
        );
      if (!/^[\w.$]+$/.test(one.newSymbol))
        error(
          `${JSON.stringify(one.newSymbol)} is no symbol that the glue can refer to`,
          'give the new function another name',
        );
      if (!Number.isInteger(one.sympos) || one.sympos < 0)
        error(
          `the position ${one.sympos} of ${one.oldName} is no whole number from 0`,
          'positions count from 1; 0 says that the name is unique',
        );
      // The kernel takes 0 and 1 for the same function.
      const key = `${one.oldName},${Math.max(1, one.sympos)}`;
      if (functions.has(key))
        findings.push({
          id: 'KLP207',
          severity: 'error',
          what: `${one.oldName} is twice among the functions of ${object.name}`,
          why: 'the kernel refuses the livepatch with EEXIST',
        });
      functions.add(key);
    }
  }
  const states = new Set<number>();
  for (const { id, version } of plan.states ?? []) {
    if (!Number.isSafeInteger(id) || id <= 0)
      error(`a state has the id ${id}`, 'an id is a whole number above 0, which ends the list');
    if (!Number.isInteger(version) || version < 0 || version > 0xffff_ffff)
      error(`state ${id} has the version ${version}`, 'a version is an unsigned number of 32 bits');
    if (states.has(id)) error(`state ${id} is twice among the states`, 'give each state once');
    states.add(id);
  }
  if (plan.objects.length === 0) error('the livepatch patches nothing', 'give at least one function');
  return findings;
}
