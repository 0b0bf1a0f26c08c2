/** C of a livepatch that replaces `functions` functions, each with `uses` calls and variables. */
export function generated(functions: number, uses: number): string {
  const all = Array.from({ length: functions }, (_, index) => index);
  const names = Array.from({ length: uses }, (_, index) => index);
  return [
    'extern int printk(const char *, ...);',
    ...names.map((use) => `extern int ref_${use}(int);`),
    ...all.map(
      (index) =>
        `static int state_${index}; int new_${index}(int x) { ${names.map((use) => `x += ref_${use}(x + state_${index});`).join(' ')} return x; }`,
    ),
    `static struct klp_func funcs[] = { ${all.map((index) => `{ "vfs_function_${index}", new_${index} }`).join(', ')}, { } };`,
    'static struct klp_object objs[] = { { 0, funcs }, { } };',
    'static struct klp_patch patch = { &__this_module, objs, 0, 1 };',
    'init { return klp_enable_patch(&patch); }',
  ].join('\n');
}
