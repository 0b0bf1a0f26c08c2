import type { TypeUsers } from '@klpkit/compare';

/** How many names are told; the rest are counted. */
const told = 3;

function counted(names: readonly string[], one: string, many: string): string | undefined {
  if (names.length === 0) return undefined;
  const shown = names.slice(0, told).join(', ') + (names.length > told ? ' …' : '');
  return `${names.length} ${names.length === 1 ? one : many} (${shown})`;
}

/** Who relies on something, as the end of a sentence; `nothing else of the kernel …` when nobody was found. */
export function usersInWords(
  users: TypeUsers | undefined,
  files: readonly string[],
  through: readonly string[] = [],
): string {
  const types = users
    ? [
        counted(users.functions, 'function takes or returns it', 'functions take or return it'),
        counted(users.holders, 'type holds one', 'types hold one'),
        counted(users.pointers, 'type points to one', 'types point to one'),
      ].filter((part) => part !== undefined)
    : [];
  const sources = counted(files, 'other source names it', 'other sources name it');
  const macros = counted(through, 'macro is made of it', 'macros are made of it');
  const parts = [
    ...(types.length > 0 ? [`in the shipped kernel ${types.join(', ')}`] : []),
    ...(sources === undefined ? [] : [sources]),
    ...(macros === undefined ? [] : [macros]),
  ];
  return parts.length === 0 ? 'nothing else of the kernel was found to know it' : parts.join('; ');
}
