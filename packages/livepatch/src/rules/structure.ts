import type { Finding } from '@klpkit/findings';
import type { Livepatch, LivepatchFunction, LivepatchObject } from '../read-types.ts';
import type { KernelFacts } from './facts.ts';
import { positionFinding } from './position.ts';

/** Rules about `klp_patch` and what hangs on it. */
export function structureRules({ patch }: Pick<Livepatch, 'patch'>, kernel: KernelFacts): Finding[] {
  if (!patch)
    return [
      {
        id: 'livepatch-tables',
        severity: 'warning',
        what: "no klp_patch is found in the module's data",
        why: 'its tables are made at run time, or are laid out for another kernel: what it patches is not checked',
      },
    ];
  const findings: Finding[] = patch.unterminated.map((array) => ({
    id: 'KLP208',
    severity: 'error',
    what: `the array ${array} has no empty element at its end`,
    why: 'the kernel walks on into whatever follows',
    next: 'end it with { }',
  }));
  for (const array of patch.astray)
    findings.push({
      id: 'livepatch-pointer',
      severity: 'error',
      what: `the pointer to ${array} leads out of the module's data`,
      why: 'the kernel takes whatever is there for elements, and nobody can say which functions it patches then',
      next: 'let it point to an array of the module',
    });
  if (patch.objects.every(({ functions }) => functions.length === 0))
    findings.push({
      id: 'livepatch-empty',
      severity: 'warning',
      what: 'the livepatch patches no function',
      why: 'the kernel loads it without a word; an entry for vmlinux without functions ends the list',
    });
  const seen = new Set<string>();
  for (const object of patch.objects) {
    const key = object.isVmlinux ? 'vmlinux' : `module ${object.name}`;
    if (seen.has(key))
      findings.push({
        id: 'livepatch-object-twice',
        severity: 'error',
        what: `${object.name} is twice among the objects`,
        why: 'the kernel refuses the livepatch with EEXIST: both would have the same folder in sysfs',
        next: 'put all functions of an object into one entry',
      });
    seen.add(key);
    findings.push(...objectRules(object, kernel), ...functionRules(object, kernel));
  }
  return findings;
}

function objectRules({ name, isVmlinux, functions }: LivepatchObject, kernel: KernelFacts): Finding[] {
  if (isVmlinux) return [];
  const findings: Finding[] = [];
  const never = (severity: 'error' | 'warning', what: string, next: string) =>
    findings.push({
      id: 'KLP206',
      severity,
      what,
      why: 'the livepatch loads, and its functions in that object are never patched',
      next,
    });
  if (name === 'vmlinux')
    never('error', 'an object is named "vmlinux"', 'leave the name out: NULL stands for vmlinux');
  else if (!/^\w+$/.test(name))
    never(
      'error',
      `no module can have the name ${JSON.stringify(name)}`,
      `the kernel spells it ${JSON.stringify(name.replace(/\.ko$/, '').replaceAll('-', '_'))}`,
    );
  else if (name.length > 55)
    findings.push({
      id: 'livepatch-name',
      severity: 'error',
      what: `the name of the object ${name} has ${name.length} characters, the kernel takes 55`,
    });
  else if (kernel.hasObject?.(name) === false)
    never(
      'warning',
      `the kernel ships no module ${name}`,
      'check the name, unless the module comes from elsewhere',
    );
  if (functions.length === 0)
    findings.push({
      id: 'livepatch-empty',
      severity: 'warning',
      what: `the object ${name} has no functions`,
      why: 'without an array of functions the kernel refuses the livepatch with EINVAL and no message',
    });
  return findings;
}

function functionRules({ name: object, functions }: LivepatchObject, kernel: KernelFacts): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const one of functions) {
    findings.push(...oneFunction(object, one));
    if (one.oldName === '') continue;
    // The kernel takes 0 and 1 for the same function.
    const key = `${one.oldName},${Math.max(1, one.sympos)}`;
    if (seen.has(key))
      findings.push({
        id: 'KLP207',
        severity: 'error',
        what: `${one.oldName} is twice among the functions of ${object}`,
        why: 'the kernel refuses the livepatch with EEXIST',
      });
    seen.add(key);
    const position = positionFinding(kernel, object, one.oldName, one.sympos, { symbol: one.oldName });
    if (position) findings.push(position);
    else if (kernel.isTraceable?.(object, one.oldName, one.sympos) === false)
      findings.push({
        id: 'KLP205',
        severity: 'error',
        what: `${one.oldName} of ${object} has no ftrace site at its entry`,
        why: 'the kernel cannot divert it: failed to find location for function',
        next: 'patch its callers instead',
        at: { symbol: one.oldName },
      });
  }
  return findings;
}

function oneFunction(object: string, one: LivepatchFunction): Finding[] {
  const error = (id: string, what: string, why: string): Finding[] => [
    { id, severity: 'error', what, why, at: { symbol: one.oldName } },
  ];
  if (one.oldName === '')
    return error(
      'livepatch-function',
      `a function of ${object} has no name`,
      'the kernel refuses the livepatch with EINVAL and no message',
    );
  if (!one.hasNew)
    return error(
      'livepatch-function',
      `${one.oldName} of ${object} has no new function`,
      'the kernel refuses the livepatch with EINVAL and no message',
    );
  if (one.oldName.length > 511)
    return error(
      'livepatch-function',
      `a name of ${object} has ${one.oldName.length} characters, the kernel takes 511`,
      'the kernel refuses the livepatch with EINVAL and no message',
    );
  if (one.newSymbol === undefined)
    return error(
      'KLP209',
      `no symbol is left at the new ${one.oldName}`,
      'the kernel asks kallsyms for its size and refuses the livepatch with ENOENT',
    );
  return [];
}
