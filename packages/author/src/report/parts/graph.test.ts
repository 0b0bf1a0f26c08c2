import { describe, expect, test } from 'vitest';
import type { Graph, GraphEdge } from './graph.ts';
import { boxHeight, layoutGraph } from './graph-layout.ts';

function graph(...calls: readonly string[]): Graph {
  const edges = calls.map((call): GraphEdge => {
    const [from, to] = call.split('>');
    return { from, to, kind: 'calls' };
  });
  const names = [...new Set(edges.flatMap(({ from, to }) => [from, to]))].sort();
  return { nodes: names.map((name) => ({ name, role: 'inside' })), edges };
}

const boxOf = (one: Graph, name: string) =>
  layoutGraph(one).boxes[one.nodes.findIndex((node) => node.name === name)];

describe('the layout of a graph', () => {
  test('puts callers left of what they call, however long the way', () => {
    const one = graph('a>b', 'b>c', 'a>c');
    const [a, b, c] = ['a', 'b', 'c'].map((name) => boxOf(one, name));
    expect(a.x + a.width).toBeLessThan(b.x);
    expect(b.x + b.width).toBeLessThan(c.x);
    const long = layoutGraph(one).lines[2];
    expect(long, 'goes through the column of b').toHaveLength(4);
    expect(Math.abs(long[1][1] - (b.y + boxHeight / 2)), 'and past its box').toBeGreaterThan(boxHeight / 2);
  });

  test('has no two boxes on each other, and all of them inside', () => {
    const one = graph(
      ...Array.from({ length: 40 }, (_, index) => `f${index % 7}>g${(index * 5) % 23}`),
      ...Array.from({ length: 20 }, (_, index) => `g${index}>f${(index * 3) % 7}`),
    );
    const { boxes, width, height } = layoutGraph(one);
    expect(boxes).toHaveLength(one.nodes.length);
    for (const [index, box] of boxes.entries()) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + boxHeight).toBeLessThanOrEqual(height);
      for (const other of boxes.slice(0, index)) {
        const isApart =
          box.x + box.width <= other.x ||
          other.x + other.width <= box.x ||
          box.y + boxHeight <= other.y ||
          other.y + boxHeight <= box.y;
        expect(isApart, `${one.nodes[index].name}`).toBe(true);
      }
    }
  });

  test('a circle has a beginning', () => {
    const one = graph('a>b', 'b>a');
    expect(boxOf(one, 'a').x).toBeLessThan(boxOf(one, 'b').x);
  });

  test('is the same for the same graph', () => {
    const one = graph('a>b', 'a>c', 'c>d', 'b>d');
    expect(layoutGraph(structuredClone(one))).toEqual(layoutGraph(one));
  });
});
