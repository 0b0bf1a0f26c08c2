import { type ObjectModel, readPlacement } from '@klpkit/compare';
import { FormatError } from '@klpkit/formats';
import { parseKlpSymbol } from '@klpkit/livepatch';

/** Nodes that can still be looked at; a larger graph loses what it calls outside first. */
const mostNodes = 120;

/** Who calls whom, and who holds a copy of whom. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** By name of the node that they start at, then of that where they end. */
  readonly edges: readonly GraphEdge[];
}

/** A function. */
export interface GraphNode {
  readonly name: string;
  /** `marked` for what the reader asks about, `outside` for what is elsewhere in the kernel. */
  readonly role: 'marked' | 'inside' | 'outside';
}

/** A call, or a copy that the compiler put inside of another function. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: 'calls' | 'holds a copy of';
}

/**
 * The functions of an object, their calls, and the copies that the compiler put into others.
 *
 * @param marked functions that are drawn as the ones that matter: those that differ, or that replace something
 * @returns `undefined` for more functions than anybody can look at, and for none that call
 */
export function graphOf(model: ObjectModel, marked: ReadonlySet<string>): Graph | undefined {
  const inside = new Set(model.pieces.filter(({ kind }) => kind === 'function').map(({ name }) => name));
  const edges = new Map<string, GraphEdge>();
  const add = (edge: GraphEdge) => {
    if (edge.from !== edge.to) edges.set(`${edge.from}\0${edge.to}\0${edge.kind}`, edge);
  };
  for (const piece of model.pieces) {
    if (piece.kind !== 'function') continue;
    const code = model.content(piece);
    for (const { offset, type, target } of model.referencesOf(piece)) {
      if (!model.arch.isBranchOperand(code, offset - piece.start, type)) continue;
      if (target.kind === 'external') add({ from: piece.name, to: plainName(target.name), kind: 'calls' });
      else if (target.kind === 'piece' && target.piece !== piece)
        add({ from: piece.name, to: target.piece.name, kind: 'calls' });
    }
  }
  for (const { name, into } of copies(model)) add({ from: into, to: name, kind: 'holds a copy of' });
  const all = [...edges.values()].filter(({ to }) => !isEveryones(to));
  const own = all.filter(({ to, kind }) => inside.has(to) || kind !== 'calls');
  const chosen = nodesOf(all).size <= mostNodes ? all : own;
  const nodes = nodesOf(chosen);
  if (chosen.length === 0 || nodes.size > mostNodes) return undefined;
  return {
    nodes: [...nodes].sort(compare).map((name) => ({
      name,
      role: marked.has(name) ? 'marked' : inside.has(name) ? 'inside' : 'outside',
    })),
    edges: chosen.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to) || compare(a.kind, b.kind)),
  };
}

function nodesOf(edges: readonly GraphEdge[]): Set<string> {
  return new Set(edges.flatMap(({ from, to }) => [from, to]));
}

function copies(model: ObjectModel): { name: string; into: string }[] {
  try {
    return [...readPlacement(model, {}).functions.values()].flatMap(({ name, inlined }) =>
      inlined.map(({ into }) => ({ name, into })),
    );
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
}

/** What nearly every function calls says nothing. */
function isEveryones(name: string): boolean {
  return /^(__fentry__|_mcount|mcount|__x86_return_thunk|__x86_indirect_thunk_\w+|__stack_chk_fail)$/.test(
    name,
  );
}

/** `.klp.sym.vmlinux.foo,0` is foo. */
function plainName(name: string): string {
  return parseKlpSymbol(name)?.name ?? name;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
