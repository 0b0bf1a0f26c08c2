import { Refusal } from '@klpkit/findings';
import { checkNames } from './names.ts';
import type { LivepatchPlan } from './types.ts';

/** A C string literal of a name that {@link checkNames} let pass. */
const quote = (text: string) => `"${text}"`;

/** What a name is in a C identifier: `f.isra.0` becomes `f_isra_0`. */
const identifier = (text: string) => text.replaceAll(/\W/g, '_');

/** Symbol of the `struct klp_patch` in the glue; global in a livepatch with states, whose code finds them by it. */
export const patchSymbol = 'klpkit_patch';

/**
 * The C source that registers a livepatch: the tables of `struct klp_func`, `klp_object` and `klp_patch`, and a module
 * whose init enables them. The new functions are reached by their symbols and may have names that C has not.
 * The same plan gives the same text; order is the plan's.
 *
 * @throws {Refusal} for names that the kernel or C would not take
 * @see the kernel's Documentation/livepatch/livepatch.rst, "Livepatch module"
 */
export function glueSource(plan: LivepatchPlan): string {
  const problems = checkNames(plan);
  if (problems.length > 0) throw new Refusal(problems);
  const lines = [
    '// SPDX-License-Identifier: MIT OR GPL-2.0-only',
    '#include <linux/module.h>',
    '#include <linux/livepatch.h>',
    '',
  ];
  const { states = [] } = plan;
  const declared = new Map<string, string>();
  for (const { functions } of plan.objects) {
    for (const { newSymbol } of functions) {
      if (declared.has(newSymbol)) continue;
      const name = `klpkit_function_${declared.size}`;
      declared.set(newSymbol, name);
      lines.push(`extern void ${name}(void) __asm__(${quote(newSymbol)});`);
    }
  }
  plan.objects.forEach(({ callbacks = [] }, number) => {
    for (const { kind, symbol } of callbacks)
      lines.push(
        `extern ${kind === 'pre_patch' ? 'int' : 'void'} klpkit_${kind}_${number}(struct klp_object *) __asm__(${quote(symbol)});`,
      );
  });
  plan.objects.forEach(({ name, functions }, number) => {
    lines.push('', `static struct klp_func klpkit_functions_${number}_${identifier(name)}[] = {`);
    for (const { oldName, sympos, newSymbol } of functions) {
      const position = sympos > 0 ? `, .old_sympos = ${sympos}` : '';
      lines.push(`\t{ .old_name = ${quote(oldName)}, .new_func = ${declared.get(newSymbol)}${position} },`);
    }
    lines.push('\t{ }', '};');
  });
  lines.push('', 'static struct klp_object klpkit_objects[] = {');
  plan.objects.forEach(({ name, callbacks = [] }, number) => {
    // To the kernel, vmlinux is the object without a name.
    const named = name === 'vmlinux' ? '' : `.name = ${quote(name)}, `;
    const called = callbacks.map(({ kind }) => `, .callbacks.${kind} = klpkit_${kind}_${number}`).join('');
    lines.push(`\t{ ${named}.funcs = klpkit_functions_${number}_${identifier(name)}${called} },`);
  });
  lines.push('\t{ }', '};', '');
  if (states.length > 0) {
    lines.push('static struct klp_state klpkit_states[] = {');
    for (const { id, version } of states) lines.push(`\t{ .id = ${id}UL, .version = ${version}U },`);
    lines.push('\t{ }', '};', '', `extern struct klp_patch ${patchSymbol};`);
  }
  lines.push(
    `${states.length > 0 ? '' : 'static '}struct klp_patch ${patchSymbol} = {`,
    '\t.mod = THIS_MODULE,',
    '\t.objs = klpkit_objects,',
    ...(states.length > 0 ? ['\t.states = klpkit_states,'] : []),
    `\t.replace = ${plan.replace},`,
    '};',
    '',
    'static int __init klpkit_init(void)',
    '{',
    `\treturn klp_enable_patch(&${patchSymbol});`,
    '}',
    '',
    'static void __exit klpkit_exit(void)',
    '{',
    '}',
    '',
    'module_init(klpkit_init);',
    'module_exit(klpkit_exit);',
    'MODULE_DESCRIPTION("Livepatch made by klpkit");',
    '/* The functions come from code of the kernel, which is GPL-2.0, whatever the licence of this file. */',
    'MODULE_LICENSE("GPL");',
    'MODULE_INFO(livepatch, "Y");',
    '',
  );
  return lines.join('\n');
}
