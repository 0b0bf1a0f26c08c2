import type { KernelSymbols } from '@klpkit/formats';

/** Names of `count` functions of a kernel, spread over all of its code, that stand for one function each. */
export function namesOf(symbols: KernelSymbols, count: number): string[] {
  const all: string[] = [];
  for (let index = 0; index < symbols.count; index++) {
    const name = symbols.name(index);
    const isFunction = /[tT]/.test(String.fromCharCode(symbols.type[index])) && /^[a-z]\w*$/.test(name);
    if (isFunction && symbols.find(name).length === 1) all.push(name);
  }
  if (all.length < count) throw new Error(`${all.length} functions were found, ${count} are wanted`);
  return Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)] as string);
}

/** C of a livepatch that replaces the functions of those names, or so many of invented ones, each with `uses` calls and variables. */
export function generated(functions: readonly string[] | number, uses: number): string {
  const replaced =
    typeof functions === 'number'
      ? Array.from({ length: functions }, (_, index) => `vfs_function_${index}`)
      : functions;
  const all = [...replaced.keys()];
  const names = Array.from({ length: uses }, (_, index) => index);
  return [
    'extern int printk(const char *, ...);',
    ...names.map((use) => `extern int ref_${use}(int);`),
    ...all.map(
      (index) =>
        `static int state_${index}; int new_${index}(int x) { ${names.map((use) => `x += ref_${use}(x + state_${index});`).join(' ')} return x; }`,
    ),
    `static struct klp_func funcs[] = { ${all.map((index) => `{ "${replaced[index]}", new_${index} }`).join(', ')}, { } };`,
    'static struct klp_object objs[] = { { 0, funcs }, { } };',
    'static struct klp_patch patch = { &__this_module, objs, 0, 1 };',
    'init { return klp_enable_patch(&patch); }',
  ].join('\n');
}
