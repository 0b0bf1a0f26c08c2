import { type ObjectModel, readPlacement } from '@klpkit/compare';
import { FormatError } from '@klpkit/formats';

/** Nodes that can still be looked at; a larger graph loses what it calls outside first. */
const mostNodes = 120;

/** Who calls whom and who holds a copy of whom, as text for Graphviz. */
export interface Graph {
  readonly dot: string;
  /** The same in words, an edge each. */
  readonly words: readonly string[];
}

interface Edge {
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
  const edges = new Map<string, Edge>();
  const add = (edge: Edge) => edges.set(`${edge.from}\0${edge.to}\0${edge.kind}`, edge);
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
  chosen.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to) || compare(a.kind, b.kind));
  const lines = [...nodes].sort(compare).map((name) => {
    const style = marked.has(name)
      ? ' class="marked" penwidth=2'
      : inside.has(name)
        ? ''
        : ' class="outside" style=dashed';
    return `  ${quoted(name)} [${style}];`;
  });
  for (const { from, to, kind } of chosen)
    lines.push(
      `  ${quoted(from)} -> ${quoted(to)}${kind === 'calls' ? '' : ' [style=dashed class="copy"]'};`,
    );
  const dot = `digraph {\n  rankdir=LR; bgcolor=transparent; node [shape=box fontname="monospace" fontsize=11 height=0.3];\n${lines.join('\n')}\n}\n`;
  return { dot, words: chosen.map(({ from, to, kind }) => `${from} ${kind} ${to}`) };
}

function nodesOf(edges: readonly Edge[]): Set<string> {
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
  return /^\.klp\.sym\.[^.]+\.([^,]+),\d+$/.exec(name)?.[1] ?? name;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function quoted(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')}"`;
}
