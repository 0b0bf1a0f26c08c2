import type { DecodedInstruction, ObjectModel, Piece, Reference } from '@klpkit/compare';
import { EM } from '@klpkit/formats';
import { parseKlpSymbol } from '@klpkit/livepatch';
import { isBranch, partsOf } from './calls.ts';
import { argumentNumber, operandsOf, takesAddress } from './operands.ts';

/** What an argument of a call is known to be. */
export type Argument =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'piece'; readonly piece: Piece };

/** A direct call, or a jump, from a module's code to something outside of it. */
export interface KernelCall {
  readonly name: string;
  readonly from: Piece;
  /** Place of the operand, from the start of its section. */
  readonly offset: number;
  /** The first six arguments, `undefined` where the code right before the call does not say. Empty on machines other than x86-64. */
  readonly args: readonly (Argument | undefined)[];
}

/** A kernel function's name in a reference: the name itself, or what a KLP symbol stands for. */
export function kernelName(symbol: string): string {
  return parseKlpSymbol(symbol)?.name ?? symbol;
}

/** Calls out of a module to functions of those names, function by function in the module's order. */
export function kernelCalls(model: ObjectModel, names: ReadonlySet<string>): KernelCall[] {
  const { symbols } = model;
  let isThere = false;
  // Most modules call none of them.
  for (let index = 1; index < symbols.count && !isThere; index++)
    isThere = symbols.section[index] === 0 && names.has(kernelName(symbols.name(index)));
  if (!isThere) return [];
  return model.pieces
    .filter(({ kind }) => kind === 'function')
    .flatMap((piece) => callsOf(model, piece, names));
}

/**
 * Calls out of the module that one function makes.
 *
 * @param names of the functions that are meant; absent: all
 */
export function callsOf(model: ObjectModel, piece: Piece, names?: ReadonlySet<string>): KernelCall[] {
  const wanted = model.referencesOf(piece).flatMap((reference) => {
    const name = nameOf(reference);
    if (names && (name === undefined || !names.has(name))) return [];
    return name !== undefined && isBranch(model, piece, reference) ? [{ name, reference }] : [];
  });
  // Decoding is slow, and most calls are asked for their names alone.
  let known: ReturnType<typeof argumentsAt> | undefined;
  return wanted.map(({ name, reference }) => ({
    name,
    from: piece,
    offset: reference.offset,
    get args() {
      if (model.arch.machine !== EM.X86_64) return [];
      known ??= argumentsAt(model, piece);
      return known.get(reference.offset) ?? [];
    },
  }));
}

function nameOf({ target }: Reference): string | undefined {
  return target.kind === 'external' ? kernelName(target.name) : undefined;
}

/** For every relocated operand of a call, by its offset in the section, what the arguments hold there. */
function argumentsAt(model: ObjectModel, piece: Piece): Map<number, (Argument | undefined)[]> {
  const code = model.content(piece);
  const references = new Map<number, Reference>();
  for (const reference of model.referencesOf(piece))
    references.set(reference.offset - piece.start, reference);
  const labels = new Set<number>();
  for (const { branch, offset, length } of model.arch.steps(code))
    if (branch && !inside(references, offset, length)) labels.add(branch.target);
  const found = new Map<number, (Argument | undefined)[]>();
  let state: (Argument | undefined)[] = [];
  for (const one of model.arch.instructions(code)) {
    // Somebody may come here from elsewhere, with other values.
    if (labels.has(one.offset)) state = [];
    const reference = inside(references, one.offset, one.length);
    const isCall = one.mnemonic.startsWith('call');
    if (isCall || one.mnemonic.startsWith('jmp')) {
      if (reference) found.set(reference.offset, [...state]);
      state = [];
      continue;
    }
    const number = /^(cmp|test|push|bt)/.test(one.mnemonic)
      ? undefined
      : argumentNumber(operandsOf(one).at(-1));
    if (number !== undefined) state[number] = argumentAfter(model, piece, one, reference);
  }
  return found;
}

function inside(
  references: ReadonlyMap<number, Reference>,
  start: number,
  length: number,
): Reference | undefined {
  for (let at = start; at < start + length; at++) {
    const reference = references.get(at);
    if (reference) return reference;
  }
  return undefined;
}

/** What an instruction leaves in the register that it writes. */
function argumentAfter(
  model: ObjectModel,
  piece: Piece,
  one: DecodedInstruction,
  reference: Reference | undefined,
): Argument | undefined {
  const operands = operandsOf(one);
  if (reference) {
    const { target } = reference;
    return target.kind === 'piece' && target.offset === 0 && takesAddress(model, piece, reference)
      ? { kind: 'piece', piece: target.piece }
      : undefined;
  }
  if (one.mnemonic === 'xor' && operands[0] === operands[1]) return { kind: 'number', value: 0n };
  const number = /^\$(-?)(0x[0-9a-f]+|\d+)$/.exec(operands[0] ?? '');
  if (!number || !/^mov(abs|[bwlq])?$/.test(one.mnemonic)) return undefined;
  const value = number[1] === '-' ? -BigInt(number[2]) : BigInt(number[2]);
  return { kind: 'number', value: BigInt.asUintN(64, value) };
}

/** A call that somebody's code comes to, through functions of the module. */
export interface ReachedCall extends KernelCall {
  /** The functions on the way, from the one asked about to the one that calls. */
  readonly way: readonly string[];
}

/** A spread would ask for the arguments at once. */
function withWay(call: KernelCall, way: readonly string[]): ReachedCall {
  return Object.create(call, { way: { value: way, enumerable: true } });
}

/** All calls out of the module that a function comes to, itself or through others of the module; the shortest way to each function. */
export function reachedCalls(model: ObjectModel, from: Piece): ReachedCall[] {
  const ways = new Map<Piece, readonly string[]>([[from, [from.name]]]);
  const found: ReachedCall[] = [];
  for (const [piece, way] of ways) {
    for (const part of partsOf(model, piece)) {
      found.push(...callsOf(model, part).map((call) => withWay(call, way)));
      for (const reference of model.referencesOf(part)) {
        const { target } = reference;
        if (target.kind !== 'piece' || target.piece.kind !== 'function' || !isBranch(model, part, reference))
          continue;
        if (!ways.has(target.piece)) ways.set(target.piece, [...way, target.piece.name]);
      }
    }
  }
  return found;
}

/**
 * True when a function returns zero whatever happens, false when some path may return something else; `undefined` when its code is
 * not understood. A function that does not return at all counts as zero.
 */
export function alwaysReturnsZero(model: ObjectModel, piece: Piece): boolean | undefined {
  if (model.arch.machine !== EM.X86_64) return undefined;
  const code = model.content(piece);
  const instructions = model.arch.instructions(code);
  const indexAt = new Map(instructions.map(({ offset }, index) => [offset, index]));
  const references = new Map<number, Reference>();
  for (const reference of model.referencesOf(piece))
    references.set(reference.offset - piece.start, reference);
  const targets = new Map(model.arch.steps(code).map(({ offset, branch }) => [offset, branch?.target]));
  /** Instructions and whether the result is zero there. */
  const open: [number, boolean][] = [[0, false]];
  const seen = new Set<string>();
  for (let next = open.pop(); next; next = open.pop()) {
    const [index, isZero] = next;
    const one = instructions[index];
    if (!one || seen.has(`${index} ${isZero}`)) continue;
    seen.add(`${index} ${isZero}`);
    const reference = inside(references, one.offset, one.length);
    const isReturn = one.mnemonic.startsWith('ret') || (one.mnemonic === 'jmp' && isThunk(reference));
    if (isReturn) {
      if (!isZero) return false;
      continue;
    }
    if (one.mnemonic.startsWith('call')) {
      open.push([index + 1, false]);
      continue;
    }
    if (one.mnemonic.startsWith('j')) {
      const target = indexAt.get(targets.get(one.offset) ?? -1);
      // A jump elsewhere: a cold part, another function, a table.
      if (reference || target === undefined) return false;
      open.push([target, isZero]);
      if (!one.mnemonic.startsWith('jmp')) open.push([index + 1, isZero]);
      continue;
    }
    open.push([index + 1, resultAfter(one, isZero)]);
  }
  return true;
}

function isThunk(reference: Reference | undefined): boolean {
  return reference?.target.kind === 'external' && reference.target.name === '__x86_return_thunk';
}

function resultAfter(one: DecodedInstruction, isZero: boolean): boolean {
  const operands = operandsOf(one);
  const last = operands.at(-1) ?? '';
  if (/^(xor|sub)/.test(one.mnemonic) && /^%[er]ax$/.test(last) && operands[0] === last) return true;
  if (/^mov/.test(one.mnemonic) && operands[0] === '$0' && /^%[er]ax$/.test(last)) return true;
  if (/^(i?mul|i?div|cpuid|rd|xchg|cmpxchg|xadd|lods|cwt|clt|cqt)/.test(one.mnemonic)) return false;
  const isWritten = /^%([er]?ax|al|ah)$/.test(last) && !/^(cmp|test|push|bt|nop)/.test(one.mnemonic);
  return isWritten ? false : isZero;
}
