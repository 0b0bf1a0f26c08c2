import type { KernelConfig } from '../config.ts';

/** A list of a makefile that has an object, and what it depends on. */
export interface ListEntry {
  /** Name before the `-`: `obj`, `ext4`, `lib`. */
  readonly list: string;
  /** Options that decide whether it is in: of the assignment itself and of the conditionals around it. */
  readonly options: readonly string[];
}

/**
 * Finds in a makefile's text which lists have an item (`super.o`, `ext4/`), by reading, not by running: it is for the
 * explanation of what is *not* built. Conditionals are followed as far as they name options.
 */
export function entriesOf(text: string, item: string): ListEntry[] {
  const entries: ListEntry[] = [];
  const conditions: (string | undefined)[] = [];
  const joined = text
    .replace(/\\\n/g, ' ')
    .replace(/(^|\s)#.*$/gm, '')
    .replace(/\$\(addprefix\s+([^,()\s]*)\s*,([^()]*)\)/g, (_, prefix: string, items: string) =>
      items.replace(/\S+/g, (word) => prefix + word),
    );
  for (const line of joined.split('\n')) {
    if (/^\s*(ifeq|ifneq|ifdef|ifndef)\b/.test(line)) {
      // ifneq (…,) and ifeq (…,y) ask for the option to be on; the others for it to be off.
      const isWanted =
        /^\s*ifdef\b/.test(line) ||
        /^\s*ifeq\b.*,\s*[ym]\s*\)/.test(line) ||
        /^\s*ifneq\b.*,\s*\)/.test(line);
      conditions.push(isWanted ? /CONFIG_\w+/.exec(line)?.[0] : undefined);
    } else if (/^\s*else\b/.test(line)) conditions[conditions.length - 1] = undefined;
    else if (/^\s*endif\b/.test(line)) conditions.pop();
    else {
      const match = /^\s*([\w-]+?)-(y|m|objs|\$\([^=]*\))\s*[:+]?=\s*(.*)$/.exec(line);
      if (!match?.[1] || !match[2] || !match[3]?.split(/\s+/).includes(item)) continue;
      const own = match[2].match(/CONFIG_\w+/g) ?? [];
      entries.push({ list: match[1], options: [...own, ...conditions.filter((one) => one !== undefined)] });
    }
  }
  return entries;
}

/** A makefile's text by folder. */
export type ReadMakefile = (folder: string) => Promise<string | undefined>;

/** Why an object is not built: options that are off, or none if the makefiles do not tell. `isListed`: some makefile names it. */
export interface WhyNot {
  readonly options: readonly string[];
  readonly isListed: boolean;
}

/**
 * The options that keep a source from being built, found in the makefiles from its folder up. If several stand in the
 * way on one path all are named.
 */
export async function whyNot(source: string, config: KernelConfig, read: ReadMakefile): Promise<WhyNot> {
  let folder = source.includes('/') ? source.slice(0, source.lastIndexOf('/')) : '';
  while (folder !== '' && (await read(folder)) === undefined) folder = parent(folder);
  const item = source.slice(folder === '' ? 0 : folder.length + 1).replace(/\.[cS]$/, '.o');
  const here = (await read(folder)) ?? '';
  const isListed = entriesOf(here, item).length > 0;
  const off = new Set(isListed ? offOptions(here, item, config) : []);
  // A folder that is not entered builds nothing, whatever its own makefile says.
  for (let child = folder; child !== ''; ) {
    let above = parent(child);
    let text = await read(above);
    while (text === undefined && above !== '') {
      above = parent(above);
      text = await read(above);
    }
    const name = `${child.slice(above === '' ? 0 : above.length + 1)}/`;
    for (const option of offOptions(text ?? '', name, config)) off.add(option);
    child = above;
  }
  return { options: [...off].sort(), isListed };
}

function parent(folder: string): string {
  return folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '';
}

/** Options that are off on every path to the item; none if one path is open. */
function offOptions(text: string, item: string, config: KernelConfig, depth = 0): string[] {
  const entries = entriesOf(text, item);
  let shortest: string[] | undefined;
  for (const { list, options } of entries) {
    const off = options.filter((option) => !config.has(option));
    const isTop = list === 'obj' || list === 'lib' || list === 'core' || list === 'drivers' || depth > 4;
    // A part of a composite object: the whole has a list of its own.
    if (!isTop) off.push(...offOptions(text, `${list}.o`, config, depth + 1));
    if (!shortest || off.length < shortest.length) shortest = off;
  }
  return shortest ?? [];
}
