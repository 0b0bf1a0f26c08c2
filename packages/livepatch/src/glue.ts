import { Refusal } from '@klpkit/findings';
import { checkNames } from './names.ts';
import type { LivepatchPlan } from './types.ts';

/** A C string literal of a name that {@link checkNames} let pass. */
const quote = (text: string) => `"${text}"`;

/** What a name is in a C identifier: `f.isra.0` becomes `f_isra_0`. */
const identifier = (text: string) => text.replaceAll(/\W/g, '_');

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
  const declared = new Map<string, string>();
  for (const { functions } of plan.objects) {
    for (const { newSymbol } of functions) {
      if (declared.has(newSymbol)) continue;
      const name = `klpkit_function_${declared.size}`;
      declared.set(newSymbol, name);
      lines.push(`extern void ${name}(void) __asm__(${quote(newSymbol)});`);
    }
  }
  plan.objects.forEach(({ name, functions }, number) => {
    lines.push('', `static struct klp_func klpkit_functions_${number}_${identifier(name)}[] = {`);
    for (const { oldName, sympos, newSymbol } of functions) {
      const position = sympos > 0 ? `, .old_sympos = ${sympos}` : '';
      lines.push(`\t{ .old_name = ${quote(oldName)}, .new_func = ${declared.get(newSymbol)}${position} },`);
    }
    lines.push('\t{ }', '};');
  });
  lines.push('', 'static struct klp_object klpkit_objects[] = {');
  plan.objects.forEach(({ name }, number) => {
    // To the kernel, vmlinux is the object without a name.
    const named = name === 'vmlinux' ? '' : `.name = ${quote(name)}, `;
    lines.push(`\t{ ${named}.funcs = klpkit_functions_${number}_${identifier(name)} },`);
  });
  lines.push('\t{ }', '};', '');
  lines.push(
    'static struct klp_patch klpkit_patch = {',
    '\t.mod = THIS_MODULE,',
    '\t.objs = klpkit_objects,',
    `\t.replace = ${plan.replace},`,
    '};',
    '',
    'static int __init klpkit_init(void)',
    '{',
    '\treturn klp_enable_patch(&klpkit_patch);',
    '}',
    '',
    'static void __exit klpkit_exit(void)',
    '{',
    '}',
    '',
    'module_init(klpkit_init);',
    'module_exit(klpkit_exit);',
    'MODULE_DESCRIPTION("Livepatch made by klpkit");',
    'MODULE_LICENSE("GPL");',
    'MODULE_INFO(livepatch, "Y");',
    '',
  );
  return lines.join('\n');
}
