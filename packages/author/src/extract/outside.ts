import type { Piece } from '@klpkit/compare';
import { STB } from '@klpkit/formats';
import type { Placeholder } from '@klpkit/livepatch';
import type { ObjectBuilder } from './emit.ts';
import type { Notes } from './notes.ts';
import type { ExtractRequest, Location } from './types.ts';

/** Rewrites a symbol's name to letters that C and the module loader take. */
export function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

/** The undefined symbols of an extraction: what it uses of the running kernel and of other units. */
export class Outside {
  readonly placeholders = new Map<string, Placeholder>();
  readonly exports = new Set<string>();
  readonly needs = new Set<string>();
  readonly #request: ExtractRequest;
  readonly #builder: ObjectBuilder;
  readonly #notes: Notes;
  readonly #symbols = new Map<string, number>();

  constructor(request: ExtractRequest, builder: ObjectBuilder, notes: Notes) {
    this.#request = request;
    this.#builder = builder;
    this.#notes = notes;
  }

  /** The symbol for one that another unit defines; `undefined` when it cannot be reached, which is reported. */
  external(name: string, user: string): number | undefined {
    return this.#symbol(name, `external ${name}`, () => this.#request.resolver.external(name), user);
  }

  /** The symbol for a function or variable of the unit that stays in the kernel. */
  original(before: Piece, user: string): number | undefined {
    if (this.#request.comparison.before.kindOf(before.section) === 'init') {
      this.#notes.add({
        id: 'KLP314',
        severity: 'error',
        what: `${user} refers to ${before.name}, which is initial code or data`,
        why: 'the kernel frees that memory after boot or after the module was loaded',
        next: 'copy what is needed into a function of its own',
        at: { symbol: before.name },
      });
      return undefined;
    }
    return this.#symbol(
      before.name,
      `original ${before.id}`,
      () => this.#request.resolver.original(before),
      user,
    );
  }

  #symbol(name: string, key: string, locate: () => Location, user: string): number | undefined {
    const known = this.#symbols.get(key);
    if (known !== undefined) return known;
    const placed = this.#nameFor(name, locate(), user);
    if (placed === undefined) return undefined;
    // Static calls and functions that never return keep their names, under which both kinds of reference meet.
    const shared = this.#symbols.get(`named ${placed}`);
    const index = shared ?? this.#builder.addSymbol({ name: placed, binding: STB.GLOBAL });
    this.#symbols.set(`named ${placed}`, index);
    this.#symbols.set(key, index);
    return index;
  }

  #nameFor(name: string, location: Location, user: string): string | undefined {
    switch (location.kind) {
      case 'unresolved':
        this.#notes.add({
          id: 'KLP301',
          severity: 'error',
          what: `${user} refers to ${name}, which cannot be reached: ${location.reason}`,
          why: 'every reference of a livepatch must lead to exactly one place of the running kernel',
          next: location.next ?? 'avoid the reference in the fix',
          at: { symbol: name },
        });
        return undefined;
      case 'export':
        this.exports.add(name);
        return name;
      case 'livepatch':
        this.needs.add(name);
        return name;
      case 'klp':
        return this.#placeholder(name, location, user);
    }
  }

  #placeholder(name: string, location: Extract<Location, { kind: 'klp' }>, user: string): string | undefined {
    const { number, object, resolver } = this.#request;
    // A site in the livepatch would be set up before the relocation to a module's key is applied (KLP311). Under a name that objtool
    // does not know, no site is made: the code calls the trampoline, which the kernel keeps up to date
    // (kernel/static_call_inline.c, __static_call_update()).
    const isStaticCall = /^__SC[TK]__/.test(name) && location.object === 'vmlinux';
    if (name.startsWith('__SCT__') && !isStaticCall)
      this.#notes.add({
        id: 'KLP311',
        severity: 'note',
        what: `${user} makes the static call ${name.slice('__SCT__'.length)} of the module ${location.object} through its trampoline`,
        why: 'the call itself cannot be patched in place, since static calls of a livepatch are set up before its relocations to a module',
        at: { symbol: name },
      });
    // objtool knows static calls, their keys and functions that never return by name; any other name could be taken for an export.
    const symbol =
      isStaticCall || resolver.noreturns.has(name)
        ? name
        : `__klpkit_ref_${number}_${this.placeholders.size}_${identifier(name)}`;
    this.placeholders.set(symbol, {
      symbol,
      object: location.object,
      name: location.name,
      sympos: location.sympos,
      patched: object,
    });
    return symbol;
  }
}
