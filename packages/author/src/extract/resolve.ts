import type { Answer, Piece, Position } from '@klpkit/compare';
import { STB } from '@klpkit/formats';
import type { Location, Resolver } from './types.ts';

/** What `Module.symvers` says of an export. */
export interface Export {
  /** `vmlinux`, or the module's name with underscores. */
  readonly owner: string;
  readonly namespace?: string | undefined;
}

/** Exports of the whole kernel by name. */
export type Exports = Pick<ReadonlyMap<string, Export>, 'get' | 'has'>;

/** What the resolver asks of the kernel and of the run-pre match. */
export interface ResolverInput {
  /** The klp_object that the unit belongs to. */
  readonly object: string;
  readonly exports: Exports;
  /** Modules that the patched module depends on, with underscores; empty for vmlinux. */
  readonly depends: ReadonlySet<string>;
  /** Where a piece of the before object is in its shipped object, as the run-pre match proved it. */
  readonly positionOf: (piece: Piece) => Answer<Position>;
  /** A symbol that another unit of the same module defines; `undefined` when the module has none, or for vmlinux. */
  readonly inModule: (name: string) => Answer<Position> | undefined;
  /** A symbol of vmlinux that the unit refers to from outside; `undefined` when the image has none. */
  readonly inImage: (name: string) => Answer<Position> | undefined;
  /** A symbol that another module exports, in that module. */
  readonly inOther: (owner: string, name: string) => Answer<Position>;
  /** Global functions and variables that this livepatch adds. */
  readonly provided: ReadonlySet<string>;
  readonly noreturns: ReadonlySet<string>;
  readonly ibt: boolean;
  readonly entryProblem?: NonNullable<Resolver['entryProblem']>;
}

/**
 * Decides for every symbol how a livepatch reaches it.
 *
 * Order: what this livepatch adds; exports of vmlinux outside any namespace; then KLP relocations into the patched module, into vmlinux,
 * into a module that the patched one depends on.
 */
export function makeResolver(input: ResolverInput): Resolver {
  const { object, exports } = input;
  const klp = (where: string, answer: Answer<Position>): Location =>
    answer.ok
      ? { kind: 'klp', object: where, name: answer.value.name, sympos: answer.value.sympos }
      : { kind: 'unresolved', reason: answer.reason };

  const resolver: Resolver = {
    noreturns: input.noreturns,
    ibt: input.ibt,
    ...(input.entryProblem ? { entryProblem: input.entryProblem } : {}),
    position: (piece) => klp(object, input.positionOf(piece)),
    original(piece) {
      if (object === 'vmlinux' && piece.binding !== STB.LOCAL && isPlain(exports.get(piece.name)))
        return { kind: 'export' };
      const own = input.positionOf(piece);
      // A weak function that another unit overrides: the kernel has that other one, and the unit's own code calls it.
      if (!own.ok && piece.binding === STB.WEAK) return resolver.external(piece.name);
      return klp(object, own);
    },
    external(name) {
      const known = exports.get(name);
      if (isPlain(known)) return { kind: 'export' };
      if (object !== 'vmlinux') {
        const own = input.inModule(name);
        if (own) return klp(object, own);
      }
      if (known && known.owner !== 'vmlinux') {
        if (input.depends.has(known.owner)) return klp(known.owner, input.inOther(known.owner, name));
        return {
          kind: 'unresolved',
          reason: `the module ${known.owner} exports it, and ${object} does not depend on that module`,
          next: `avoid ${name} in the fix: the livepatch could not make sure that ${known.owner} is loaded`,
        };
      }
      const built = input.inImage(name);
      if (built) return klp('vmlinux', built);
      if (input.provided.has(name)) return { kind: 'livepatch' };
      return {
        kind: 'unresolved',
        reason:
          object === 'vmlinux'
            ? 'this kernel has no such symbol'
            : `neither vmlinux nor ${object} has such a symbol`,
        next: 'add the part of the fix that defines it, if there is one; else check that the option which builds it is on in this kernel',
      };
    },
  };
  return resolver;
}

/** Exported by vmlinux to everybody. A namespace would have to be imported, which modpost checks; a KLP relocation needs none. */
function isPlain(known: Export | undefined): boolean {
  return known?.owner === 'vmlinux' && !known.namespace;
}
