import type { Graph } from './graph.ts';
import { boxHeight, layoutGraph } from './graph-layout.ts';
import { html, type Markup } from './markup.ts';

/** A graph as a picture, and the same in words below it. */
export function graphMarkup(graph: Graph): Markup {
  const { width, height, boxes, lines } = layoutGraph(graph);
  return html`<p class="soft">A line is a call, a dashed line a copy that the compiler put inside. Dashed boxes are elsewhere in the kernel, bold ones are what this is about.</p>
<div class="scroll graph" tabindex="0" role="region" aria-label="Graph of calls and copies">
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Graph of calls and copies; the list below says the same">
${graph.edges.map(({ kind }, index) => html`<path class="edge${kind === 'holds a copy of' && ' copy'}" d="${pathOf(lines[index])}"/>${headOf(lines[index])}`)}
${graph.nodes.map(({ name, role }, index) => {
  const { x, y, width } = boxes[index];
  return html`<rect class="${role}" x="${x}" y="${y}" width="${width}" height="${boxHeight}" rx="3"/><text x="${x + width / 2}" y="${y + 16}">${name}</text>`;
})}
</svg></div>
<details><summary>The same in words</summary><ul>${graph.edges.map(({ from, kind, to }) => html`<li>${from} ${kind} ${to}</li>`)}</ul></details>`;
}

type Points = readonly (readonly [number, number])[];

/** A line through points that leaves and reaches each of them level. */
function pathOf(points: Points): string {
  let path = `M${points[0].join(' ')}`;
  for (let at = 1; at < points.length; at++) {
    const [[x1, y1], [x2, y2]] = [points[at - 1], points[at]];
    const bend = Math.max(24, Math.abs(x2 - x1) / 2);
    path += y1 === y2 && x2 > x1 ? `L${x2} ${y2}` : `C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  return path;
}

/** The point of the arrow: boxes are always reached from the left. */
function headOf(points: Points): Markup {
  const [x, y] = points[points.length - 1];
  return html`<path class="head" d="M${x} ${y}l-7 -3.5v7z"/>`;
}
