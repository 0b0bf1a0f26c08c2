import type { Finding } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import type { FixedFile } from '../fix/index.ts';
import { macrosNaming, sourcesNaming } from './scan.ts';
import { type Macro, macrosOf } from './text.ts';
import { usersInWords } from './words.ts';

/** A macro that a fix defines in another way. */
interface MacroChange {
  readonly path: string;
  readonly isHeader: boolean;
  readonly before: Macro;
  readonly after: Macro;
}

/** Macros that files of a fix define on both sides, with another meaning. */
export function changedMacros(files: readonly FixedFile[]): MacroChange[] {
  return files.flatMap(({ path, kind, before, after }) => {
    if (before === undefined || after === undefined || (kind !== 'source' && kind !== 'header')) return [];
    const had = macrosOf(before);
    return [...macrosOf(after).values()].flatMap((is): MacroChange[] => {
      const was = had.get(is.name);
      if (!was || was.body === is.body || was.body === '') return [];
      return [{ path, isHeader: kind === 'header', before: was, after: is }];
    });
  });
}

/** Longest definition that a finding shows. */
const longestShown = 40;

/**
 * KLP504 for macros. The compiler leaves no trace of a macro in an object, so the text tells: what the fix redefines, and who names
 * it. Units that include the header are compiled and compared; what stays is what they do not cover.
 *
 * @param compiled sources of the units that are compared
 * @param isRestricted the author named the units, so others that include the header keep the old value
 */
export async function macroFindings(
  kernel: Kernel,
  files: readonly FixedFile[],
  compiled: ReadonlySet<string>,
  isRestricted: boolean,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const changes = changedMacros(files);
  const headers = changes.filter((change) => change.isHeader);
  const names = headers.map((change) => change.after.name);
  const through = await macrosNaming(kernel, names, signal);
  const naming = await sourcesNaming(kernel, [...names, ...[...through.values()].flat()], signal);
  const touched = new Set(files.map((file) => file.path));
  return changes.flatMap(({ path, isHeader, before, after }): Finding[] => {
    const derived = through.get(after.name) ?? [];
    const users = new Set([after.name, ...derived].flatMap((name) => naming.get(name)?.files ?? []));
    const others = [...users].filter((file) => !touched.has(file) && !compiled.has(file)).sort();
    const assembly = others.filter((file) => file.endsWith('.S'));
    const common = {
      id: 'KLP504',
      what: `the macro ${after.name} changes its definition: ${shown(before)} before, ${shown(after)} after`,
      at: { file: path, symbol: after.name },
      evidence: [
        'text of the fix',
        ...(isHeader ? ["text of the kernel's source: macros and sources that name it"] : []),
      ],
    };
    if (assembly.length > 0 || (isHeader && isRestricted && others.length > 0))
      return [
        {
          ...common,
          severity: 'error',
          why: `its old value is compiled into code that is not part of the livepatch; ${usersInWords(undefined, assembly.length > 0 ? assembly : others, derived)}`,
          next: 'let the changed code use a constant of its own; when the old value elsewhere does no harm, override KLP504 with that reason',
        },
      ];
    // What a macro with parameters does is code, and code is compared.
    if (after.isFunction) return [];
    // Numbers may be kept in objects; anything else is code.
    if (!isConstant(before.body) && !isConstant(after.body)) return [];
    return [
      {
        ...common,
        severity: isHeader ? 'warning' : 'note',
        certainty: 'possible',
        why: `functions that use it are compared and replaced; values that the running kernel stored, and tables that it sized, keep the old one${isHeader ? `; ${usersInWords(undefined, others, derived)}` : ''}`,
        next: 'make sure that no object or table of the running kernel holds the old value',
      },
    ];
  });
}

function shown({ body }: Macro): string {
  const text = body.replace(/ /g, ' ').trim();
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text || 'nothing';
}

/** A number, or an expression of numbers and other constants. */
function isConstant(body: string): boolean {
  return /^[\w\s()+\-*/<>|&~^,]+$/.test(body) && /^(?!.*\b(if|do|while|return|struct)\b)/.test(body);
}
