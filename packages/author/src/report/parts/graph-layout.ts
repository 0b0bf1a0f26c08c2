import type { Graph } from './graph.ts';

/** Where everything of a graph is, in pixels; y grows downwards. */
export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  /** In the order of the graph. `x` and `y` are of the upper left corner. */
  readonly boxes: readonly { readonly x: number; readonly y: number; readonly width: number }[];
  /** In the order of the graph: the points that each edge goes through, from the right of one box to the left of another. */
  readonly lines: readonly (readonly (readonly [x: number, y: number])[])[];
}

/** Height of a box. */
export const boxHeight = 24;
const letterWidth = 6.8;
const padding = 8;
const rowStep = boxHeight + 10;
const columnGap = 56;
/** What a bend of a long edge takes of a column. */
const bendStep = 12;
/** Rounds of ordering; more change nothing that can be seen. */
const rounds = 12;

/** A place in a column: a box, or a bend of an edge that goes on to a later column. */
interface Place {
  readonly column: number;
  readonly height: number;
  readonly before: Place[];
  readonly after: Place[];
  readonly box?: number;
  order: number;
  y: number;
}

/**
 * Puts a graph into columns, callers on the left: each function is one column behind the furthest of those that call it; circles are cut where
 * a walk in the order of names closes them. The same graph has the same layout.
 *
 * @see Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981): layers, bends and barycentres
 */
export function layoutGraph({ nodes, edges }: Graph): GraphLayout {
  const indexOf = new Map(nodes.map(({ name }, index) => [name, index]));
  const pairs = edges.map(({ from, to }) => [indexOf.get(from) ?? 0, indexOf.get(to) ?? 0] as const);
  const columnOf = columns(nodes.length, pairs);
  const places: Place[] = nodes.map((_, box) => ({
    column: columnOf[box],
    height: rowStep,
    before: [],
    after: [],
    box,
    order: 0,
    y: 0,
  }));
  const paths = pairs.map(([from, to]) => {
    const path = [places[from]];
    for (let column = columnOf[from] + 1; column < columnOf[to]; column++) {
      const bend: Place = { column, height: bendStep, before: [], after: [], order: 0, y: 0 };
      places.push(bend);
      path.push(bend);
    }
    path.push(places[to]);
    // An edge that closes a circle goes back in one sweep, and moves nothing.
    for (let at = 1; at < path.length && columnOf[from] < columnOf[to]; at++) {
      path[at - 1].after.push(path[at]);
      path[at].before.push(path[at - 1]);
    }
    return path;
  });
  const inColumns: Place[][] = [];
  for (const place of places) {
    inColumns[place.column] ??= [];
    inColumns[place.column].push(place);
  }
  for (const column of inColumns) place(column);
  for (let round = 0; round < rounds; round++) {
    const isDown = round % 2 === 0;
    for (const column of isDown ? inColumns : [...inColumns].reverse()) {
      const wanted = new Map(column.map((one) => [one, mean(isDown ? one.before : one.after) ?? one.y]));
      column.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || a.order - b.order);
      place(column, wanted);
    }
  }
  const top = Math.min(...places.map(({ y }) => y));
  const widths = inColumns.map((column) =>
    Math.max(...column.map(({ box }) => (box === undefined ? 0 : boxWidth(nodes[box].name)))),
  );
  const lefts = widths.map((_, column) =>
    widths.slice(0, column).reduce((sum, width) => sum + width + columnGap, padding),
  );
  const boxes = nodes.map(({ name }, box) => ({
    x: round1(lefts[places[box].column]),
    y: round1(places[box].y - top + padding),
    width: round1(boxWidth(name)),
  }));
  const middle = (one: Place) => one.y - top + padding + boxHeight / 2;
  return {
    width: round1(Math.max(...lefts.map((left, column) => left + widths[column])) + padding),
    height: round1(Math.max(...places.map(({ y }) => y)) - top + boxHeight + 2 * padding),
    boxes,
    lines: paths.map((path) =>
      path.flatMap((one, at): [number, number][] => {
        const y = round1(middle(one));
        if (one.box !== undefined)
          return [[round1(at === 0 ? boxes[one.box].x + boxes[one.box].width : boxes[one.box].x), y]];
        const left = lefts[one.column];
        return [
          [round1(left), y],
          [round1(left + widths[one.column]), y],
        ];
      }),
    ),
  };
}

const boxWidth = (name: string) => name.length * letterWidth + 2 * padding;
const round1 = (value: number) => Math.round(value * 10) / 10;

function mean(places: readonly Place[]): number | undefined {
  return places.length === 0 ? undefined : places.reduce((sum, { y }) => sum + y, 0) / places.length;
}

/** Puts the places of a column below each other in their order, each as near to where it wants to be as the others let it. */
function place(column: Place[], wanted?: ReadonlyMap<Place, number>): void {
  column.forEach((one, order) => {
    one.order = order;
  });
  // Runs of places that touch each other; a run stands where its places want to be on average.
  const runs: { places: Place[]; height: number; sum: number }[] = [];
  for (const one of column) {
    let run = { places: [one], height: one.height, sum: wanted?.get(one) ?? 0 };
    for (let last = runs.at(-1); last && startOf(last) + last.height > startOf(run); last = runs.at(-1)) {
      runs.pop();
      run = {
        places: [...last.places, ...run.places],
        height: last.height + run.height,
        sum: last.sum + run.sum - last.height * run.places.length,
      };
    }
    runs.push(run);
  }
  for (const run of runs) {
    let y = startOf(run);
    for (const one of run.places) {
      one.y = y;
      y += one.height;
    }
  }
}

function startOf({ places, sum }: { readonly places: readonly Place[]; readonly sum: number }): number {
  return sum / places.length;
}

/** The column of each node: one behind the last of its callers, edges that close a circle left out. */
function columns(count: number, pairs: readonly (readonly [number, number])[]): number[] {
  const after: number[][] = Array.from({ length: count }, () => []);
  const callers = new Array<number>(count).fill(0);
  for (const [from, to] of pairs)
    if (from !== to) {
      after[from].push(to);
      callers[to]++;
    }
  const state = new Uint8Array(count);
  const finished: number[] = [];
  const cut = new Set<string>();
  const visit = (start: number) => {
    const open: { node: number; next: number }[] = [{ node: start, next: 0 }];
    state[start] = 1;
    for (let last = open.at(-1); last; last = open.at(-1)) {
      const to = after[last.node][last.next++];
      if (to === undefined) {
        state[last.node] = 2;
        finished.push(last.node);
        open.pop();
      } else if (state[to] === 1) cut.add(`${last.node} ${to}`);
      else if (state[to] === 0) {
        state[to] = 1;
        open.push({ node: to, next: 0 });
      }
    }
  };
  for (let node = 0; node < count; node++) if (callers[node] === 0) visit(node);
  for (let node = 0; node < count; node++) if (state[node] === 0) visit(node);
  const column = new Array<number>(count).fill(0);
  for (const node of finished.reverse())
    for (const to of after[node])
      if (!cut.has(`${node} ${to}`)) column[to] = Math.max(column[to], column[node] + 1);
  return column;
}
