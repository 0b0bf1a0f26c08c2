import { modelOf, type ObjectModel, type Piece } from '@klpkit/compare';
import { readElf } from '@klpkit/formats';
import { type KlpLayout, type LivepatchTables, readLivepatch } from '@klpkit/livepatch';
import { sourceName } from './fates.ts';

/** How a livepatch of the source route and one of the binary route of the same fix compare. */
export interface Agreement {
  /** True when all that differs is explained. */
  readonly agrees: boolean;
  /** Functions that both replace, as `object:name,position`. */
  readonly functions: readonly string[];
  /** Private symbols that both refer to. */
  readonly symbols: readonly string[];
  readonly code: readonly CodeAgreement[];
  readonly differences: readonly RouteDifference[];
}

/** One replaced function by both routes. */
export interface CodeAgreement {
  readonly function: string;
  /**
   * - `same`: the same instructions;
   * - `inlining`: other instructions that refer to the same things;
   * - `other`: they refer to other things, see the differences.
   */
  readonly verdict: 'same' | 'inlining' | 'other';
  /** Bytes. */
  readonly binary: number;
  readonly source: number;
}

/** Something that one route has and the other has not. */
export interface RouteDifference {
  readonly what: string;
  /** Absent when nothing explains it. */
  readonly why?: string;
}

interface Side {
  readonly model: ObjectModel;
  readonly functions: ReadonlyMap<string, string | undefined>;
  readonly symbols: ReadonlySet<string>;
  /** Names that it wants in the ordinary way. */
  readonly wanted: ReadonlySet<string>;
}

/** What the source route has of its own where the kernel may have it as well, by names in the source; each list sorted. */
export interface OwnCode {
  /** Functions and variables that its files have copies of. */
  readonly copied: readonly string[];
  /** Functions that headers bring. */
  readonly fromHeaders: readonly string[];
  /** Functions and variables of the units that its files refer to in the kernel. */
  readonly referred: readonly string[];
  /** What the referred functions refer to in the kernel, by names of symbols: who has them inlined refers to these instead. */
  readonly reached: readonly string[];
  /** Private symbols that the text of a copy names. */
  readonly usedByCopies: readonly string[];
}

/**
 * Compares two livepatch modules of one fix.
 *
 * @throws {FormatError} for what is no module
 */
export function agreement(
  binary: Uint8Array,
  source: Uint8Array,
  own: OwnCode,
  layout?: KlpLayout,
): Agreement {
  const left = readSide(binary, layout);
  const right = readSide(source, layout);
  const differences: RouteDifference[] = [];
  for (const name of [...left.functions.keys()].filter((one) => !right.functions.has(one)).sort())
    differences.push({ what: `only the binary route replaces ${name}`, ...whyNotReplaced(name) });
  for (const name of [...right.functions.keys()].filter((one) => !left.functions.has(one)).sort()) {
    const hasClone = [...left.functions.keys()].some((one) => nameIn(one).includes('.'));
    differences.push({
      what: `only the source route replaces ${name}`,
      ...(hasClone ? { why: 'it calls a clone, which C cannot replace: its callers take a copy along' } : {}),
    });
  }
  for (const symbol of [...left.symbols].filter((one) => !right.symbols.has(one)).sort())
    differences.push({
      what: `only the binary route refers to ${symbol}`,
      ...whyOnlyBinary(symbol, own, right),
    });
  const alone = reachedAlone(left, right, own);
  for (const symbol of [...right.symbols].filter((one) => !left.symbols.has(one)).sort())
    differences.push({
      what: `only the source route refers to ${symbol}`,
      ...whyOnlySource(symbol, left, own, alone),
    });
  const functions = [...left.functions.keys()].filter((name) => right.functions.has(name)).sort();
  const code = functions.flatMap((name): CodeAgreement[] => {
    const one = pieceOf(left, name);
    const other = pieceOf(right, name);
    if (!one || !other) return [];
    const verdict = sameInstructions(left.model, one, right.model, other)
      ? 'same'
      : sameReferences(left.model, one, right.model, other)
        ? 'inlining'
        : 'other';
    return [{ function: name, verdict, binary: one.size, source: other.size }];
  });
  return {
    agrees: differences.every(({ why }) => why !== undefined),
    functions,
    symbols: [...left.symbols].filter((symbol) => right.symbols.has(symbol)).sort(),
    code,
    differences,
  };
}

function readSide(ko: Uint8Array, layout: KlpLayout | undefined): Side {
  const livepatch = readLivepatch(ko, layout);
  const functions = new Map<string, string | undefined>();
  for (const { name, functions: list } of (livepatch.patch as LivepatchTables | undefined)?.objects ?? [])
    for (const { oldName, sympos, newSymbol } of list)
      functions.set(`${name}:${oldName},${sympos}`, newSymbol);
  return {
    model: modelOf(readElf(ko)),
    functions,
    wanted: new Set(livepatch.undefinedSymbols.map(({ name }) => name)),
    symbols: new Set(
      livepatch.klpRelocations.map(({ symbolObject, name, sympos }) => `${symbolObject}:${name},${sympos}`),
    ),
  };
}

/** What functions refer to that only the source route has: callers of clones, copies, functions of headers. */
function reachedAlone(left: Side, right: Side, { copied, fromHeaders }: OwnCode): Set<string> {
  const callers = [...right.functions.keys()].filter((name) => !left.functions.has(name));
  const others = new Set([...copied, ...fromHeaders]);
  const pieces = [
    ...callers.flatMap((name) => pieceOf(right, name) ?? []),
    ...right.model.pieces.filter(
      ({ kind, name }) => kind === 'function' && others.has(sourceName(name).replace(/^klpp_/, '')),
    ),
  ];
  return new Set(pieces.flatMap((piece) => [...reached(right.model, piece)]));
}

function nameIn(entry: string): string {
  return entry.slice(entry.indexOf(':') + 1, entry.lastIndexOf(','));
}

function whyNotReplaced(entry: string): { why: string } | Record<never, never> {
  const name = nameIn(entry);
  return name.includes('.')
    ? {
        why: `${name} is a clone of ${sourceName(name)}, which C cannot replace: its callers take a copy along`,
      }
    : {};
}

function whyOnlyBinary(
  symbol: string,
  { copied, fromHeaders, referred, reached }: OwnCode,
  source: Side,
): { why: string } | Record<never, never> {
  const name = nameIn(symbol);
  const plain = sourceName(name);
  if (name.includes('.') && copied.includes(plain))
    return { why: `the source route has a copy of ${plain}, of which this is a clone` };
  if (name.includes('.') && referred.includes(plain))
    return { why: `the source route calls the whole ${plain}, of which this is a part` };
  if (copied.includes(plain)) return { why: `the source route has a copy of ${plain}` };
  if (
    /^__SC[KT]__/.test(name) &&
    (source.wanted.has(`__SCT__${name.slice(7)}`) ||
      [...source.symbols].some((one) => nameIn(one).slice(7) === name.slice(7)))
  )
    return { why: 'the source route makes the static call through the trampoline alone' };
  if (reached.includes(name.replace(/^__SCK__/, '__SCT__')))
    return {
      why: 'a function that the source route calls in the kernel refers to it; the compiler inlined that',
    };
  if (fromHeaders.includes(plain))
    return { why: `a header brings ${plain}, which the source route compiles itself` };
  const constant = source.model.pieces.find(
    (piece) =>
      name.includes('.') &&
      piece.kind === 'object' &&
      /\.\d+$/.test(piece.name) &&
      sourceName(piece.name) === plain,
  );
  if (constant && source.model.kindOf(constant.section) === 'rodata')
    return { why: `the source route has a copy of the constant ${plain}` };
  if (source.model.named(name).length > 0) return { why: 'the source route has a copy of it' };
  if (source.functions.has(symbol)) return { why: 'it is replaced, and the source route calls the new one' };
  return {};
}

function whyOnlySource(
  symbol: string,
  binary: Side,
  { referred, usedByCopies }: OwnCode,
  alone: ReadonlySet<string>,
): { why: string } | Record<never, never> {
  const name = nameIn(symbol);
  const tracepoint = /^(?:__tracepoint_|__traceiter_|__SC[TK]__tp_func_)/.test(name);
  if (tracepoint) return { why: 'the binary route leaves a tracepoint of a module off' };
  const has =
    binary.model.named(name).length > 0 ||
    binary.model.pieces.some((piece) => sourceName(piece.name) === name);
  if (has) return { why: 'the binary route has a copy of it' };
  if ([...binary.symbols].some((one) => sourceName(nameIn(one)) === name))
    return { why: 'the binary route refers to the clone that the compiler makes of it' };
  if (referred.includes(name))
    return {
      why: 'the compiler inlined it within the unit; the source route calls the one that the kernel has',
    };
  if (/^__SC[KT]__/.test(name) && binary.wanted.has(`__SCT__${name.slice(7)}`))
    return { why: 'the binary route makes the static call through the trampoline alone' };
  const key = symbol.slice(symbol.indexOf(':') + 1);
  // A key comes with the trampoline that is called.
  const trampoline = key.replace(/^__SCK__/, '__SCT__');
  if (alone.has(key) || alone.has(trampoline) || alone.has(nameIn(`:${trampoline}`)))
    return { why: 'a function that only the source route replaces, or has compiled itself, refers to it' };
  if (usedByCopies.includes(name))
    return { why: 'a function that the source route has a copy of refers to it' };
  return {};
}

function pieceOf({ model, functions }: Side, entry: string): Piece | undefined {
  const symbol = functions.get(entry);
  return symbol === undefined ? undefined : model.named(symbol).find((piece) => piece.kind === 'function');
}

/** The same bytes where no relocation is, and the relocations at the same places to the same things. */
function sameInstructions(left: ObjectModel, one: Piece, right: ObjectModel, other: Piece): boolean {
  if (one.size !== other.size) return false;
  const [a, b] = [left.content(one).slice(), right.content(other).slice()];
  const [ours, theirs] = [left.referencesOf(one), right.referencesOf(other)];
  if (ours.length !== theirs.length) return false;
  for (const [index, reference] of ours.entries()) {
    const twin = theirs[index];
    if (reference.offset - one.start !== twin.offset - other.start || reference.type !== twin.type)
      return false;
    const at = reference.offset - one.start;
    const width = left.arch.fieldWidth(reference.type) ?? 0;
    a.fill(0, at, at + width);
    b.fill(0, at, at + width);
  }
  return a.every((byte, index) => byte === b[index]);
}

function sameReferences(left: ObjectModel, one: Piece, right: ObjectModel, other: Piece): boolean {
  const [a, b] = [reached(left, one), reached(right, other)];
  return a.size === b.size && [...a].every((name) => b.has(name));
}

/** Names of all that a function refers to outside the livepatch, by way of what is in it. */
function reached(model: ObjectModel, from: Piece): Set<string> {
  const names = new Set<string>();
  const seen = new Set([from]);
  const queue = [from];
  for (let piece = queue.pop(); piece; piece = queue.pop())
    for (const { target } of model.referencesOf(piece)) {
      if (target.kind === 'external') names.add(target.name.replace(/^\.klp\.sym\.[^.]*\./, ''));
      else if (target.kind === 'piece' && target.piece.kind === 'function' && !seen.has(target.piece)) {
        seen.add(target.piece);
        queue.push(target.piece);
      }
    }
  return names;
}
