import { createHash } from 'node:crypto';
import { html, type Markup, pageStyle, trusted } from '@klpkit/author';
import { allFixes, needsHuman } from '../states.ts';
import { type Cell, cellStates } from '../types.ts';
import { coverageOf, coverageWords, groupsOf, type ReportFacts, releasedWords } from './coverage.ts';

const style = `${pageStyle}
.grid td { padding: 0; } .grid td a, .grid td span { display: block; color: inherit; padding: .35rem .8rem; text-decoration: none; }
.grid td a:focus-visible { outline-offset: -3px; }
.st-proven, .st-released, .st-built { background: var(--add); color: var(--addink); }
.st-refused, .st-does-not-apply, .st-unpatchable, .st-mitigated, .st-unsupported, .st-expired, .st-stale { background: var(--mod); color: var(--modink); }
.st-failed, .st-disproven, .st-withdrawn { background: var(--del); color: var(--delink); }
thead th, td[class^='st-'] { overflow-wrap: normal; }
.filter { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: .75rem 0; border: 0; padding: 0; }
.cell[hidden] { display: none; }
details { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); margin: .5rem 0; padding: .5rem 1rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
`;

/** Shows the cells whose states are ticked, and opens the one that a link of the grid names. */
const script = `
const boxes = [...document.querySelectorAll('.filter input')];
const cells = [...document.querySelectorAll('.cell')];
const count = document.getElementById('shown');
function update() {
  const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  for (const cell of cells) cell.hidden = !wanted.has(cell.dataset.state);
  const shown = cells.filter((cell) => !cell.hidden).length;
  count.textContent = shown + ' of ' + cells.length + ' shown';
}
for (const box of boxes) box.addEventListener('change', update);
function open() {
  const cell = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!cell || !cell.matches('.cell')) return;
  const box = boxes.find(({ value }) => value === cell.dataset.state);
  if (box && !box.checked) { box.checked = true; update(); }
  cell.open = true;
  cell.scrollIntoView();
}
addEventListener('hashchange', open);
update();
open();
`;

const nameOf = (fix: string) => (fix === allFixes ? 'all good fixes' : fix);
const stateOf = ({ state, isStale }: Cell) => (isStale ? `${state}, stale` : state);
const anchorOf = (cell: Cell) => `${cell.release}-${cell.fix === allFixes ? 'all' : cell.fix}`;

/**
 * The coverage as one page that needs nothing else: the grid, each kernel, groups to review once, every cell.
 *
 * @param pageOf where the report of a livepatch lies, relative to the page; undefined for none
 */
export function coverageHtml(
  title: string,
  cells: readonly Cell[],
  facts: ReportFacts,
  pageOf: (cell: Cell) => string | undefined,
): string {
  const policy = `default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; base-uri 'none'; form-action 'none'`;
  const waiting = cells.filter(needsHuman).length;
  const released = cells.filter(({ state, isStale }) => state === 'released' && !isStale).length;
  const kernels = new Set(cells.map(({ kernel }) => kernel)).size;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}: coverage</title>
<style>${trusted(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the grid</a>
<header>
<h1>${title}</h1>
<p class="soft">Coverage of kernels by livepatches</p>
<ul class="tiles">
<li><b>${kernels}</b> ${kernels === 1 ? 'kernel' : 'kernels'}</li>
<li><b class="good">${released}</b> with a livepatch of all good fixes</li>
<li><b class="${waiting > 0 ? 'warning' : 'good'}">${waiting}</b> ${waiting === 1 ? 'cell waits' : 'cells wait'} for a human</li>
</ul>
</header>
<main id="main">
${grid(cells)}
<h2>Kernels</h2>
${kernelTable(cells, facts)}
${releasedTable(facts)}
${groupTable(cells)}
<h2>Cells</h2>
${filters(cells)}
${cells.map((cell) => cellDetails(cell, pageOf(cell)))}
</main>
<footer><p class="soft">A fix that a livepatch brings is in force only while that livepatch is loaded.</p></footer>
<script>${trusted(script)}</script>
</body>
</html>
`.text;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function grid(cells: readonly Cell[]): Markup {
  const fixes = [...new Set(cells.map(({ fix }) => fix))];
  const kernels = [...new Set(cells.map(({ release }) => release))];
  const cellOf = new Map(cells.map((cell) => [`${cell.release}\0${cell.fix}`, cell]));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Fixes on kernels">
<table class="grid"><caption>Each fix on each kernel; every entry leads to its cell</caption>
<thead><tr><th scope="col">kernel</th>${fixes.map((fix) => html`<th scope="col">${nameOf(fix)}</th>`)}</tr></thead>
<tbody>
${kernels.map(
  (release) => html`<tr><th scope="row">${release}</th>${fixes.map((fix) => {
    const cell = cellOf.get(`${release}\0${fix}`);
    return cell
      ? html`<td class="st-${cell.isStale ? 'stale' : cell.state}"><a href="#${anchorOf(cell)}">${stateOf(cell)}</a></td>`
      : html`<td><span>unknown</span></td>`;
  })}</tr>
`,
)}</tbody></table></div>`;
}

function kernelTable(cells: readonly Cell[], facts: ReportFacts): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Kernels">
<table><thead><tr><th scope="col">kernel</th><th scope="col">coverage</th><th scope="col">livepatch</th><th scope="col">fixes in it</th><th scope="col">not needed</th><th scope="col">open</th></tr></thead><tbody>
${coverageOf(cells, facts).map((kernel) => {
  const { release, coverage, next, livepatch, live, mitigated, notNeeded, open } = kernel;
  const isOld = coverage === 'ending' || coverage === 'ended';
  return html`<tr>
<th scope="row">${release}</th><td>${isOld ? html`<b class="${coverage === 'ended' ? 'error' : 'warning'}">${coverageWords(kernel)}</b><br>${next}` : coverageWords(kernel) || 'not said'}</td>
<td>${livepatch?.artifact ? html`${livepatch.artifact.name}, ${stateOf(livepatch)}<br><code>${livepatch.artifact.digest}</code>` : 'none'}</td>
<td>${live.join(', ')}${mitigated.length > 0 && html`<br>mitigated: ${mitigated.join(', ')}`}</td><td>${notNeeded.join(', ')}</td>
<td>${open.map((cell) => html`<a href="#${anchorOf(cell)}">${nameOf(cell.fix)}</a> ${stateOf(cell)} `)}</td></tr>
`;
})}</tbody></table></div>`;
}

function releasedTable({ released }: ReportFacts): Markup | undefined {
  if (released.length === 0) return undefined;
  return html`<h2>Released before</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Released before">
<table><thead><tr><th scope="col">kernel</th><th scope="col">livepatch</th><th scope="col">state</th><th scope="col">SHA-256</th></tr></thead><tbody>
${released.map(
  (one) => html`<tr><th scope="row">${one.kernel}</th><td>${releasedWords(one)}</td>
<td class="st-${one.state === 'superseded' ? 'none' : one.state}">${one.state}</td><td><code>${one.sha256}</code></td></tr>
`,
)}</tbody></table></div>`;
}

function groupTable(cells: readonly Cell[]): Markup | undefined {
  const groups = groupsOf(cells);
  if (groups.length === 0) return undefined;
  return html`<h2>To review</h2>
<p class="soft">Livepatches of one group replace the same functions by the same code, so they are read once; each is proven on its own kernel.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Groups">
<table><thead><tr><th scope="col">fix</th><th scope="col">group</th><th scope="col">kernels</th><th scope="col">differs from the largest group</th></tr></thead><tbody>
${groups.map(
  ({
    fix,
    key,
    cells: of,
    differs,
  }) => html`<tr><th scope="row">${fix}</th><td><code>${key.slice(0, 12)}</code></td>
<td>${of.map(({ release }) => release).join(', ')}</td><td>${differs.join(', ')}</td></tr>
`,
)}</tbody></table></div>`;
}

function filters(cells: readonly Cell[]): Markup {
  const there = cellStates.filter((state) => cells.some((cell) => cell.state === state));
  return html`<fieldset class="filter"><legend class="hide">States that are shown</legend>
${there.map((state) => html`<label><input type="checkbox" value="${state}" checked> ${state}</label>`)}
<span id="shown" class="soft" role="status"></span></fieldset>`;
}

function cellDetails(cell: Cell, page: string | undefined): Markup {
  const { release, fix, state, reason, next, cves, findings, artifact, group, proof, inputs } = cell;
  return html`<details class="cell" id="${anchorOf(cell)}" data-state="${state}">
<summary><span class="badge">${stateOf(cell)}</span> ${nameOf(fix)} on ${release}: ${reason}</summary>
<dl>
${next && html`<dt>next</dt><dd>${next}</dd>`}
${cves.length > 0 && html`<dt>CVEs</dt><dd>${cves.join(', ')}</dd>`}
${artifact && html`<dt>module</dt><dd>${page ? html`<a href="${page}">${artifact.name}</a>` : artifact.name}, ${artifact.size} bytes<br><code>${artifact.digest}</code></dd>`}
${artifact && html`<dt>replaces</dt><dd>${artifact.objects.map(({ name, functions }) => `${name}: ${functions.join(', ')}`).join('; ')}</dd>`}
${proof && html`<dt>proof</dt><dd>${proof.verdict}, <code>${proof.digest}</code></dd>`}
${group && html`<dt>group</dt><dd><code>${group}</code></dd>`}
<dt>inputs</dt><dd><code>${inputs}</code></dd>
</dl>
${findings.map(
  (
    finding,
  ) => html`<p><b class="${finding.severity}">${finding.severity} ${finding.id}</b> ${finding.what}${finding.next && html`<br><span class="soft">next: ${finding.next}</span>`}</p>
`,
)}</details>
`;
}
