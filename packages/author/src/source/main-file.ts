import type { Manifest } from '@klpkit/livepatch';

/** Name of the file with the tables. */
export const mainFile = 'main.c';

/** The C file that registers a source livepatch: which function takes the place of which, in which object. */
export function mainSource({ name, replace, objects }: Manifest): string {
  const functions = objects.flatMap((object) => object.functions.map((one) => one.new));
  return [
    '// SPDX-License-Identifier: GPL-2.0',
    '/*',
    ` * The tables of ${name}: which function takes the place of which, and in which object.`,
    ' */',
    '',
    '#include <linux/module.h>',
    '#include <linux/livepatch.h>',
    '',
    '/* Of the other files, which know their types; here they are only pointed to. */',
    ...functions.map((own) => `extern void ${own}(void);`),
    ...objects.flatMap((object, number) => [
      '',
      `static struct klp_func ${tableOf(number, object.name)}[] = {`,
      ...object.functions.map(
        ({ old, new: own, sympos }) =>
          `\t{ .old_name = "${old}", .new_func = ${own}${sympos > 0 ? `, .old_sympos = ${sympos}` : ''} },`,
      ),
      '\t{ }',
      '};',
    ]),
    '',
    'static struct klp_object objects[] = {',
    ...objects.map((object, number) => {
      const of = object.name === 'vmlinux' ? '' : `.name = "${object.name}", `;
      return `\t{ ${of}.funcs = ${tableOf(number, object.name)} },`;
    }),
    '\t{ }',
    '};',
    '',
    'static struct klp_patch patch = {',
    '\t.mod = THIS_MODULE,',
    '\t.objs = objects,',
    `\t.replace = ${replace},`,
    '};',
    '',
    'static int __init livepatch_init(void)',
    '{',
    '\treturn klp_enable_patch(&patch);',
    '}',
    '',
    '/* Nothing: the module can only be removed when the livepatch has been disabled. */',
    'static void __exit livepatch_exit(void)',
    '{',
    '}',
    '',
    'module_init(livepatch_init);',
    'module_exit(livepatch_exit);',
    'MODULE_DESCRIPTION("Livepatch made by klpkit");',
    '/* The functions come from code of the kernel, which is GPL-2.0. */',
    'MODULE_LICENSE("GPL");',
    'MODULE_INFO(livepatch, "Y");',
    '',
  ].join('\n');
}

function tableOf(number: number, object: string): string {
  return `${object.replaceAll(/\W/g, '_')}_functions${number > 0 ? `_${number}` : ''}`;
}
