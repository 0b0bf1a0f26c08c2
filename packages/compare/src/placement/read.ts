import { type Dwarf, findSection, type InlinedCall, readDwarf } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { readIpaClones } from './clones.ts';
import { cloneKind, Drafts, sourceName } from './draft.ts';
import { readRemarks } from './remarks.ts';
import { joinSteps, StepGraph } from './steps.ts';
import type { MoreWitnesses, Placement, Witness } from './types.ts';

/**
 * Says where the compiler put each function that an object knows of, as all witnesses at hand tell it: symbols and relocations, DWARF
 * 4 and 5 when the object has it, gcc's dump and clang's remarks when they are given.
 *
 * DWARF knows each copy that left code, but not one that was folded away (a constant, a comparison); the dump and the remarks know
 * these as well, but only single steps, which are joined here. None of them knows what the compiler assumed of a callee that it did
 * call: only the comparison of two objects shows that.
 *
 * @throws {FormatError} for debug information that the format does not allow, and for more copies than any compiler makes
 */
export function readPlacement(model: ObjectModel, more: MoreWitnesses = {}): Placement {
  const drafts = new Drafts();
  const witnesses = new Set<Witness>(['elf']);
  const dwarf = findSection(model.elf, '.debug_info') ? readDwarf(model.elf) : undefined;
  const bodies = readSymbols(model, dwarf, drafts);
  if (dwarf) {
    witnesses.add('dwarf');
    readDebug(dwarf, drafts);
  }
  readAliases(model, dwarf, drafts);
  if (more.ipaClones !== undefined) {
    witnesses.add('ipa-clones');
    const { nodes, removed, places } = readIpaClones(more.ipaClones);
    const graph = new StepGraph('ipa-clones');
    for (const { original, clone, kind } of nodes) {
      for (const symbol of [original, clone]) drafts.of(sourceName(symbol)).by.add('ipa-clones');
      if (kind === 'inlining to') graph.inline(original, clone);
      else {
        graph.clone(original, clone);
        if (clone !== sourceName(clone)) drafts.clone(clone, kind, 'ipa-clones');
      }
    }
    for (const symbol of removed) drafts.of(sourceName(symbol)).by.add('ipa-clones');
    for (const [symbol, place] of places) drafts.of(sourceName(symbol)).declared ??= place;
    const folds = foldedSteps(model, bodies, dwarf, graph);
    for (const [callee, caller] of folds.values())
      drafts.fold(callee, caller, [dwarf ? 'dwarf' : 'elf', 'ipa-clones']);
    joinSteps(drafts, graph, 'ipa-clones');
  }
  if (more.remarks !== undefined) {
    witnesses.add('clang-remarks');
    const graph = new StepGraph('clang-remarks');
    for (const { callee, caller } of readRemarks(more.remarks)) {
      for (const symbol of [callee, caller]) drafts.of(sourceName(symbol)).by.add('clang-remarks');
      graph.inline(callee, caller);
    }
    joinSteps(drafts, graph, 'clang-remarks');
  }
  return drafts.finish(witnesses);
}

/** Pieces of code by source-level name. */
type Bodies = ReadonlyMap<string, readonly Piece[]>;

/** Padding and type hashes in front of functions, which some objects name like functions. */
function isPrefix(model: ObjectModel, name: string): boolean {
  const match = /^__(?:pfx|cfi)_(.+)$/.exec(name);
  return match !== null && model.named(match[1]).length > 0;
}

/** The names that the source has for a piece: those of its symbols, or the one of DWARF where the symbol was renamed (`asm("…")`). */
function namesOf(piece: Piece, known: string | undefined): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const symbols = [piece.name, ...piece.aliases];
  for (const symbol of symbols) {
    const name = sourceName(symbol);
    const list = names.get(name);
    if (list) list.push(symbol);
    else names.set(name, [symbol]);
  }
  if (known && !names.has(known)) names.set(known, symbols);
  return names;
}

function readSymbols(model: ObjectModel, dwarf: Dwarf | undefined, drafts: Drafts): Bodies {
  const bodies = new Map<string, Piece[]>();
  for (const piece of model.pieces) {
    if (piece.kind !== 'function' || isPrefix(model, piece.name)) continue;
    const known = dwarf?.instanceAt(piece.section.index, piece.start)?.function.name;
    const names = namesOf(piece, known);
    for (const [name, symbols] of names) {
      const draft = drafts.of(name);
      draft.by.add('elf');
      for (const symbol of symbols) {
        draft.symbols.add(symbol);
        const kind = cloneKind(symbol);
        if (kind === undefined) continue;
        drafts.clone(symbol, kind, 'elf');
        // An instance of the function's abstract entry, or a second range of its body.
        if (known === name) drafts.clone(symbol, kind, 'dwarf');
      }
      const list = bodies.get(name);
      if (list) list.push(piece);
      else bodies.set(name, [piece]);
    }
    const own = known || sourceName(piece.name);
    for (const { target } of model.referencesOf(piece)) {
      if (target.kind !== 'piece' || target.piece.kind !== 'function' || target.piece === piece) continue;
      const symbol = target.piece.name;
      for (const callee of new Set([symbol, ...target.piece.aliases].map(sourceName)))
        if (callee !== own) drafts.of(callee).callers.set(`${own} ${symbol}`, { name: own, symbol });
    }
  }
  return bodies;
}

function readDebug(dwarf: Dwarf, drafts: Drafts): void {
  for (const { name, declared, isDeclaredInline, isNoCall, instances } of dwarf.functions) {
    if (name === '') continue;
    const draft = drafts.of(name);
    draft.by.add('dwarf');
    if (declared) draft.declared ??= { ...declared, isInline: isDeclaredInline };
    if (isNoCall) draft.isSpeciallyCalled = true;
    for (const { inlined } of instances) readCopies(inlined, name, drafts);
  }
}

/** Walks a tree of inlined calls without recursion: a file may nest them as deeply as it likes. */
function readCopies(calls: readonly InlinedCall[], into: string, drafts: Drafts): void {
  const around: string[] = [];
  const stack: { readonly calls: readonly InlinedCall[]; at: number }[] = [{ calls, at: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const call = top.calls[top.at++];
    if (!call) {
      stack.pop();
      around.pop();
      continue;
    }
    const { name } = call.function;
    if (name !== '' && name !== into) {
      // However deep the file nests calls of one name, walking up from each costs.
      drafts.spend(around.length, 'dwarf');
      // A part of a function that was split off is inlined into what was left of it: one copy.
      const between = around.filter((step) => step !== name && step !== into && step !== '').reverse();
      drafts.copy(name, into, between, 'dwarf', true);
    }
    if (call.inlined.length === 0) continue;
    around.push(name);
    stack.push({ calls: call.inlined, at: 0 });
  }
}

/** Names of system calls, which macros give as aliases. */
const systemCall = /^__(x64|ia32|x32|arm64|s390x?|se|do|powerpc)_(compat_)?sys_|^(compat_)?sys_/;

/**
 * Functions at one place: gcc folded equal ones (-fipa-icf). An alias of the source has no definition in the debug information; without
 * that, those that macros make are known by their names.
 */
function readAliases(model: ObjectModel, dwarf: Dwarf | undefined, drafts: Drafts): void {
  const defined = dwarf && new Set(dwarf.functions.map(({ name }) => name));
  for (const piece of model.pieces) {
    if (piece.kind !== 'function' || piece.aliases.length === 0) continue;
    const names = [...new Set([piece.name, ...piece.aliases].map(sourceName))].filter((name) =>
      defined ? defined.has(name) : !systemCall.test(name),
    );
    const [first, ...rest] = names;
    // Each with the first: a crowd of names at one place must not cost its square.
    for (const name of rest) drafts.fold(first, name, defined ? ['dwarf', 'elf'] : ['elf']);
  }
}

/**
 * Steps of gcc's dump that are no calls of the source, as pairs of source-level names. Of two equal functions whose addresses must
 * differ, or that are global, gcc keeps one and makes the other call it, then may inline that call: the dump says so, while the debug
 * information has no body for the other although its symbol has code. Without debug information equal code must do.
 */
function foldedSteps(
  model: ObjectModel,
  bodies: Bodies,
  dwarf: Dwarf | undefined,
  graph: StepGraph,
): ReadonlyMap<string, readonly [callee: string, caller: string]> {
  const known = dwarf && new Set(dwarf.functions.map(({ name }) => name));
  const folded = new Map<string, readonly [string, string]>();
  for (const [from, to] of graph.steps()) {
    const [callee, caller] = [sourceName(from), sourceName(to)];
    if (callee === caller) continue;
    const hosts = bodies.get(caller) ?? [];
    const twins = bodies.get(callee) ?? [];
    if (hosts.length === 0 || twins.length === 0) continue;
    const isFolded =
      dwarf && known
        ? known.has(caller) && hosts.every((host) => !dwarf.instanceAt(host.section.index, host.start))
        : hosts.length === 1 && twins.length === 1 && sameBody(model, hosts[0], twins[0]);
    if (isFolded) folded.set(`${callee} ${caller}`, [callee, caller]);
  }
  return folded;
}

function sameBody(model: ObjectModel, a: Piece, b: Piece): boolean {
  if (a.size !== b.size || a === b) return false;
  const [one, other] = [model.content(a), model.content(b)];
  if (!one.every((byte, index) => byte === other[index])) return false;
  const [of, from] = [model.referencesOf(a), model.referencesOf(b)];
  return (
    of.length === from.length &&
    of.every(
      (reference, index) =>
        reference.offset - a.start === from[index].offset - b.start &&
        reference.type === from[index].type &&
        reference.symbol === from[index].symbol &&
        reference.addend === from[index].addend,
    )
  );
}
