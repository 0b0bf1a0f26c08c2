import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComparedUnit } from '@klpkit/author';
import { inTemporaryFolder, run } from '@klpkit/host';

/*
 * A comparison of two objects that shares nothing with klpkit's: it reads what objdump and readelf of binutils print, writes each
 * function as lines of text in which only meaning is left, and compares the texts. Slow and simple on purpose. It looks at
 * instructions and their relocations alone, not at the tables about them.
 */

/** What became of a function, by its name without the compiler's numbers. */
export type Opinion = ReadonlyMap<string, 'changed' | 'new' | 'removed'>;

interface Symbol_ {
  readonly name: string;
  readonly type: string;
  readonly value: number;
  readonly size: number;
  readonly section: string;
}

/** One object as text: the lines of each function, by name without numbers; clones of one function share a name. */
type Listing = ReadonlyMap<string, readonly string[]>;

/** The functions in which two objects differ, both given by their paths. */
export async function opinionOn(before: string, after: string): Promise<Opinion> {
  const [old, fixed] = [await listing(before), await listing(after)];
  const opinion = new Map<string, 'changed' | 'new' | 'removed'>();
  for (const name of new Set([...old.keys(), ...fixed.keys()])) {
    const a = old.get(name);
    const b = fixed.get(name);
    if (!a) opinion.set(name, 'new');
    else if (!b) opinion.set(name, 'removed');
    else if ([...a].sort().join('\f') !== [...b].sort().join('\f')) opinion.set(name, 'changed');
  }
  // A cold part and its function jump into each other, so they go together.
  for (const name of [...opinion.keys()]) {
    const parent = name.replace(/\.cold$/, '');
    const other = parent === name ? `${name}.cold` : parent;
    if (old.has(other) && fixed.has(other) && !opinion.has(other)) opinion.set(other, 'changed');
  }
  return opinion;
}

/** How the second opinion on a unit differs from klpkit's: one line for each function, none when they agree. */
export async function secondOpinion({ unit, before, after, judged }: ComparedUnit): Promise<string[]> {
  if (!judged) return [];
  const ours = new Map<string, { status: string; kind: string }>();
  for (const { name, status, difference } of judged.comparison.functions)
    if (status !== 'same') ours.set(plainName(name), { status, kind: difference?.kind ?? '' });
  const theirs = await inTemporaryFolder('klpkit-opinion-', async (folder) => {
    const paths = [join(folder, 'before.o'), join(folder, 'after.o')] as const;
    await writeFile(paths[0], before.bytes);
    await writeFile(paths[1], after.bytes);
    return opinionOn(...paths);
  });
  const lines: string[] = [];
  for (const name of [...new Set([...ours.keys(), ...theirs.keys()])].sort()) {
    const own = ours.get(name);
    const other = theirs.get(name);
    if (own?.status === other) continue;
    lines.push(
      `${unit.source}: ${name}: ${own ? `${own.status}${own.kind ? ` (${own.kind})` : ''}` : 'same'}, second opinion ${other ?? 'same'}`,
    );
  }
  return lines;
}

/** A name without the numbers that the compiler gives: `f.isra.0` → `f.isra`, `key.12` → `key`. */
export function plainName(name: string): string {
  return name.replace(/(__UNIQUE_ID_\w*?)\d+/g, '$1').replace(/\.\d+\b/g, '');
}

async function listing(path: string): Promise<Listing> {
  const names = await sectionNames(path);
  const symbols = await symbolsOf(path, names);
  const strings = await stringSections(path, names);
  const code = await instructionsOf(path);
  const functions = new Map<string, string[]>();
  const bySection = Map.groupBy(symbols, ({ section }) => section);
  // The assembler numbers unnamed constants; what counts is what stands there.
  const unnamed = new Map(symbols.filter(({ name }) => /^\.LC\d+$/.test(name)).map((one) => [one.name, one]));
  const place: PlaceOf = (base, offset) => {
    const constant = unnamed.get(base);
    const [section, at] = constant ? [constant.section, constant.value + offset] : [base, offset];
    if (constant === undefined && !names.has(base)) return undefined;
    return placeIn(bySection.get(section) ?? [], strings, section, at);
  };
  for (const symbol of symbols) {
    if (symbol.type !== 'FUNC' || symbol.size === 0) continue;
    const lines = code.get(symbol.section);
    if (!lines) continue;
    const text = lines
      .filter(({ address }) => address >= symbol.value && address < symbol.value + symbol.size)
      .map((line) => `${(line.address - symbol.value).toString(16)} ${meaning(line, symbol, place)}`);
    const name = plainName(symbol.name);
    functions.set(name, [...(functions.get(name) ?? []), `${kindOf(symbol.section)}\n${text.join('\n')}`]);
  }
  return functions;
}

/** Where a function stands, without its own name: `.text` (`.text.unlikely` and `.text.hot` are the same), `.init.text`. */
function kindOf(section: string): string {
  return /^\.text(\.startup|\.exit)?(?=\.|$)/.exec(section)?.[0] ?? section;
}

async function sectionNames(path: string): Promise<Set<string>> {
  const { stdout } = await run(['readelf', '-SW', path]);
  return new Set([...stdout.matchAll(/^ *\[ *\d+\] (\S+) +[A-Z]/gm)].map((match) => match[1] as string));
}

async function symbolsOf(path: string, names: ReadonlySet<string>): Promise<Symbol_[]> {
  const { stdout } = await run(['readelf', '-sW', path]);
  const sections = await run(['readelf', '-SW', path]);
  const byIndex = new Map(
    [...sections.stdout.matchAll(/^ *\[ *(\d+)\] (\S+) +[A-Z]/gm)].map((match) => [
      match[1],
      match[2] as string,
    ]),
  );
  const symbols: Symbol_[] = [];
  for (const line of stdout.split('\n')) {
    const match = /^ *\d+: ([0-9a-f]+) +(\w+) (\w+) +\w+ +\w+ +(\S+) (\S+)/.exec(line);
    if (!match) continue;
    const [, value = '', size = '', type = '', index, name = ''] = match;
    const section = byIndex.get(index);
    if (section === undefined || !names.has(section) || type === 'SECTION') continue;
    symbols.push({ name, type, value: Number.parseInt(value, 16), size: Number(size), section });
  }
  return symbols;
}

/** The bytes of sections that hold strings and merged constants. */
async function stringSections(path: string, names: ReadonlySet<string>): Promise<Map<string, Uint8Array>> {
  const wanted = [...names].filter((name) => /\.(str\d+\.\d+|cst\d+)$/.test(name));
  const found = new Map<string, Uint8Array>();
  if (wanted.length === 0) return found;
  const { stdout } = await run(['objdump', '-s', ...wanted.flatMap((name) => ['-j', name]), path]);
  for (const part of stdout.split('Contents of section ').slice(1)) {
    const name = part.slice(0, part.indexOf(':\n'));
    const digits = [...part.matchAll(/^ [0-9a-f]+ ((?:[0-9a-f]+ ){1,4})/gm)]
      .map((match) => match[1])
      .join('');
    const bytes = digits.replaceAll(' ', '').match(/../g) ?? [];
    found.set(
      name,
      Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)),
    );
  }
  return found;
}

interface Instruction {
  readonly address: number;
  /** Address of the next one. */
  end: number;
  readonly text: string;
  readonly relocations: { readonly at: number; readonly type: string; readonly target: string }[];
}

async function instructionsOf(path: string): Promise<Map<string, Instruction[]>> {
  const { stdout } = await run(['objdump', '-dr', '-z', '--no-show-raw-insn', path]);
  const sections = new Map<string, Instruction[]>();
  let current: Instruction[] = [];
  for (const line of stdout.split('\n')) {
    const section = /^Disassembly of section (.*):$/.exec(line)?.[1];
    if (section !== undefined) {
      current = [];
      sections.set(section, current);
      continue;
    }
    const relocation = /^\t+([0-9a-f]+): (R_\w+)\t(.*)$/.exec(line);
    if (relocation) {
      const [, at = '', type = '', target = ''] = relocation;
      current.at(-1)?.relocations.push({ at: Number.parseInt(at, 16), type, target });
      continue;
    }
    const code = /^ *([0-9a-f]+):\t(.*)$/.exec(line);
    if (!code) continue;
    const address = Number.parseInt(code[1] as string, 16);
    const last = current.at(-1);
    if (last) last.end = address;
    current.push({ address, end: address + 1, text: code[2] as string, relocations: [] });
  }
  return sections;
}

/** What stands at a distance from a section or an unnamed constant; undefined for other symbols. */
type PlaceOf = (base: string, offset: number) => string | undefined;

/** An instruction with its relocations, without what only the place of things in the object decides. */
function meaning(line: Instruction, own: Symbol_, place: PlaceOf): string {
  const near = (text: string) =>
    text
      .replace(/\b[0-9a-f]+ <([^>]*)>/g, (_, target: string) =>
        line.relocations.length > 0 ? '' : `<${selfOr(target, own)}>`,
      )
      .replace(/\s*#.*$/, '');
  const relocations = line.relocations.map(({ at, type, target }) => {
    const match = /^(.*?)([+-]0x[0-9a-f]+)?$/.exec(target);
    const base = match?.[1] ?? target;
    const addend = match?.[2] ? Number(match[2].slice(1)) * (match[2][0] === '-' ? -1 : 1) : 0;
    // A distance counts from the end of the instruction, whatever stands behind the field.
    const isDistance = /PC32|PLT32|PC64|PC8/.test(type);
    const offset = addend + (isDistance ? line.end - at : 0);
    const where = place(base, offset) ?? `${plainName(base)}+${offset}`;
    return `${at - line.address} ${type.replace('PLT32', 'PC32')} ${selfOr(where, own)}`;
  });
  return [near(line.text).trim(), ...relocations].join(' | ');
}

/** What lies in the function itself is told by the distance from its start. */
function selfOr(target: string, own: Symbol_): string {
  const match = /^(.*?)(?:\+(0x[0-9a-f]+|\d+))?$/.exec(target);
  const name = plainName(match?.[1] ?? target);
  return `${name === plainName(own.name) ? 'itself' : name}+${Number(match?.[2] ?? 0)}`;
}

/** What stands at a place in a section: a string, a constant, or a symbol and the distance from it. */
function placeIn(
  symbols: readonly Symbol_[],
  strings: ReadonlyMap<string, Uint8Array>,
  section: string,
  offset: number,
): string {
  const bytes = strings.get(section);
  if (bytes && offset >= 0 && offset < bytes.length) {
    const size = Number(/\.cst(\d+)$/.exec(section)?.[1] ?? 0);
    const end = size > 0 ? offset + size : bytes.indexOf(0, offset);
    return JSON.stringify(String.fromCharCode(...bytes.subarray(offset, end < 0 ? undefined : end)));
  }
  const holder = symbols.find(
    ({ value, size }) => offset === value || (offset > value && offset < value + size),
  );
  if (holder) return `${plainName(holder.name)}+${offset - holder.value}`;
  return `${plainName(section)}+${offset}`;
}
