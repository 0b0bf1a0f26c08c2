import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FunctionDetails } from './details.ts';
import { modulePart, pitfallNotes } from './module-part.ts';
import {
  codeMarkup,
  findingsMarkup,
  html,
  type Markup,
  number,
  type Part,
  partsStyle,
  plural,
  trusted,
} from './parts/index.ts';
import type { Report, ReportFunction, ReportUnit } from './schema.ts';
import { pageStyle } from './style.ts';
import { differenceText, hunksText, positionText, sizesText, sizeText } from './words.ts';

const style = `${pageStyle}${partsStyle}`;

/** The text of the parts' own script, and a button for all folds at once. */
const script = `
${readFileSync(new URL('./parts/behaviour.js', import.meta.url), 'utf8')}
liven(document);
const folds = [...document.querySelectorAll('tbody.k + tbody')];
const all = document.getElementById('all');
let areOpen = false;
all.hidden = folds.length === 0;
all.addEventListener('click', () => {
  areOpen = !areOpen;
  for (const part of folds) part.dispatchEvent(new Event(areOpen ? 'unfold' : 'fold'));
  all.textContent = areOpen ? 'Hide equal code' : 'Show all code';
});
`;

/**
 * The report as one HTML page that needs nothing else: no network, no other file. Its policy allows the page's own style sheet and
 * script and nothing more, so that even a name that slipped through the escaping could not run.
 *
 * @param ko the finished module, whose tables and graph the page shows; absent when none was built
 */
export function reportHtml(report: Report, details: readonly FunctionDetails[], ko?: Uint8Array): string {
  const module = ko && modulePart(ko, anchorsOf(report));
  const policy = `default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; base-uri 'none'; form-action 'none'`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${report.name}: livepatch report</title>
<style>${trusted(style)}</style>
</head>
<body class="parts">
<a class="skip" href="#main">Skip to the changed functions</a>
${head(report, module?.links ?? [])}
<main id="main">
${report.units.map((unit, index) => unitSection(unit, index, details))}
${(report.sources ?? []).map(sourceSection)}
${findingsSection(report)}
${module?.markup}
${!module && relocationsSection(report)}
${report.sources === undefined && matchSection(report)}
${!module && exportsSection(report.exports)}
</main>
<footer>${footer(report)}</footer>
<script type="module">${trusted(script)}</script>
</body>
</html>
`;
  return page.text;
}

/** The hash by which a content security policy knows an inline script or style. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function head(report: Report, links: readonly (readonly [id: string, text: string])[]): Markup {
  const { module, kernel } = report;
  const functions = report.units.flatMap((unit) => unit.functions);
  const patched = module?.objects.reduce((sum, object) => sum + object.functions.length, 0);
  const total = report.units
    .flatMap((unit) => unit.match.verdicts)
    .reduce((sum, entry) => sum + entry.count, 0);
  const different = report.units
    .flatMap((unit) => unit.match.verdicts)
    .reduce((sum, entry) => sum + (entry.verdict === 'different' ? entry.count : 0), 0);
  const findings = report.findings.length;
  const errors = report.findings.filter(
    (finding) => finding.severity === 'error' && !finding.overridden,
  ).length;
  const tile = (value: string, text: string, role?: string) =>
    html`<li><b${role ? html` class="${role}"` : undefined}>${value}</b>${text}</li>`;
  return html`<header>
<h1>${report.name}</h1>
<p class="soft">Report of a livepatch for Linux ${kernel.release}</p>
<ul class="tiles">
${patched === undefined ? tile(number(functions.length), `${functions.length === 1 ? 'function differs' : 'functions differ'}, no module built`, 'error') : tile(number(patched), patched === 1 ? 'function patched' : 'functions patched')}
${total > 0 && tile(`${number(total - different)} of ${number(total)}`, different === 0 ? 'functions match the shipped kernel' : `functions match; ${number(different)} differ`, different === 0 ? 'good' : 'error')}
${tile(number(report.relocations.length), report.relocations.length === 1 ? 'KLP relocation' : 'KLP relocations')}
${tile(findings === 0 ? 'none' : number(findings), findings === 1 ? 'finding' : 'findings', findings === 0 ? 'good' : errors > 0 ? 'error' : 'warning')}
</ul>
<dl>
<dt>kernel</dt><dd>${kernel.id}</dd>
<dt>compiler</dt><dd>${kernel.compiler}</dd>
${
  module &&
  html`<dt>module</dt><dd><code>${module.name}.ko</code>, ${sizeText(module.size)}, ${module.replace ? 'atomic replace' : 'no replace'}</dd>
<dt>sha256</dt><dd><code>${module.sha256}</code></dd>
${module.objects.map(
  (
    object,
  ) => html`<dt>patches ${object.name}</dt><dd>${join(object.functions.map((entry) => html`<code>${positionText(entry)}</code>`))}</dd>
${(object.callbacks ?? []).map((one) => html`<dt>${one.kind} of ${object.name}</dt><dd><code>${one.function}</code></dd>`)}`,
)}
${(module.states ?? []).map(({ id, version }) => html`<dt>state ${id}</dt><dd>version ${version}</dd>`)}`
}
</dl>
<h2 id="fixes">Fixes</h2>
${report.fixes.map(
  (fix) => html`<p><b>${fix.name}</b>${fix.subject && `: ${fix.subject}`}</p>
<ul>${fix.files.map((file) => html`<li><code>${file.path}</code>: ${file.change}${file.hunks.length > 0 && `, ${hunksText(file.hunks)}`}</li>`)}</ul>`,
)}
<nav aria-label="changed functions"><ul>
${report.units.map((unit, u) => unit.functions.map((entry, f) => html`<li><a href="#u${u}f${f}"><code>${entry.name}</code></a> <span class="soft">${entry.status}</span></li>`))}
<li><a href="#findings">Findings</a></li>${links.map(([id, text]) => html`<li><a href="#${id}">${text}</a></li>`)}${links.length === 0 && report.relocations.length > 0 && html`<li><a href="#relocations">KLP relocations</a></li>`}${report.sources === undefined && html`<li><a href="#match">Match with the shipped kernel</a></li>`}
</ul></nav>
<p><button type="button" id="all" hidden>Show all code</button></p>
</header>`;
}

function join(parts: readonly Part[], separator = ', '): Part {
  return parts.map((part, index) => (index === 0 ? part : html`${separator}${part}`));
}

function unitSection(unit: ReportUnit, index: number, details: readonly FunctionDetails[]): Markup {
  const data = unit.data.map(
    (entry) =>
      html`<tr><th scope="row"><code>${entry.name}</code></th><td>${entry.status}</td><td><code>${entry.section}</code></td><td class="n">${number(entry.size)}</td></tr>\n`,
  );
  return html`<section aria-labelledby="u${index}">
<h2 id="u${index}"><code>${unit.source}</code> <span class="soft">in ${unit.owner}</span></h2>
<p>${plural(unit.functions.length, 'function')} of ${number(unit.functions.length + unit.unchanged)} ${unit.functions.length === 1 ? 'differs' : 'differ'}; ${number(unit.unchanged)} are the same before and after.</p>
${unit.functions.map((entry, number) => functionSection(entry, `u${index}f${number}`, detailsOf(details, unit, entry)))}
${data.length > 0 && html`<h3>Data</h3><div class="scroll" tabindex="0" role="region" aria-label="data of ${unit.source}"><table><caption>Variables and constants of ${unit.source} that differ, and those of which the livepatch has its own copy</caption><thead><tr><th scope="col">name</th><th scope="col">status</th><th scope="col">section</th><th scope="col" class="n">bytes</th></tr></thead><tbody>${data}</tbody></table></div>`}
${unit.dropped.length > 0 && html`<h3>Not carried by the livepatch</h3><ul>${unit.dropped.map((entry) => html`<li>${entry.what}${entry.why && `: ${entry.why}`}</li>`)}</ul>`}
</section>`;
}

function detailsOf(
  details: readonly FunctionDetails[],
  unit: ReportUnit,
  entry: ReportFunction,
): FunctionDetails | undefined {
  return details.find(
    (candidate) =>
      candidate.unit === unit.source && candidate.name === entry.name && candidate.status === entry.status,
  );
}

function functionSection(entry: ReportFunction, id: string, details: FunctionDetails | undefined): Markup {
  const size = sizesText(entry.sizes);
  const role = entry.patched
    ? entry.sympos
      ? `patched (number ${entry.sympos} of its name)`
      : 'patched'
    : entry.status === 'removed'
      ? 'the running kernel keeps it'
      : 'travels with the livepatch';
  const difference = differenceText(entry);
  return html`<article aria-labelledby="${id}">
<h3 id="${id}"><code>${entry.name}</code> <span class="badge ${entry.status}">${entry.status}</span></h3>
<p class="soft">${size}, ${role}</p>
<h4 class="hide">Why it differs</h4>
<ul class="why">${entry.why.map((reason) => html`<li>${reason.text}</li>`)}</ul>
${entry.fixes && html`<p>By ${join(entry.fixes.map((name) => html`<b>${name}</b>`))}.</p>`}
${difference && html`<p class="soft">${difference}</p>`}
${details?.problems.filter((problem) => !entry.why.some((reason) => reason.text.includes(problem))).map((problem) => html`<p class="warning">source lines not available: ${problem}</p>`)}
${details && details.rows.length > 0 && codeMarkup({ title: details.name, caption: captionOf(details), rows: details.rows }, id)}
</article>
`;
}

function captionOf({ name, rows }: FunctionDetails): string {
  const code = rows.filter((row) => row.kind !== 'source');
  const only = code.every((row) => !row.before)
    ? 'after'
    : code.every((row) => !row.after)
      ? 'before'
      : undefined;
  if (only) return `${name}, which is only there ${only} the fix`;
  const differing = code.filter(({ kind }) => kind !== 'same').length;
  return `${name} before and after the fix: ${differing === 0 ? 'every row is equal' : `${plural(differing, 'row')} of ${code.length} differ`}`;
}

/** Where the page has the code of a function, by its name in the kernel. */
function anchorsOf(report: Report): Map<string, string> {
  return new Map(
    report.units.flatMap((unit, u) => unit.functions.map(({ name }, f) => [name, `#u${u}f${f}`] as const)),
  );
}

function findingsSection({ findings }: Report): Markup {
  const notes = pitfallNotes(findings);
  return html`<section aria-labelledby="findings">
<h2 id="findings">Findings</h2>
${findings.length === 0 ? html`<p class="good">None.</p>` : findingsMarkup(findings.map((finding) => ({ ...finding, ...(notes.ids.has(finding.id) ? { href: `#${finding.id}` } : {}) })))}
${notes.markup}
</section>`;
}

/** A C file of a livepatch that was written. */
function sourceSection(source: NonNullable<Report['sources']>[number], index: number): Markup {
  return html`<section aria-labelledby="s${index}">
<h2 id="s${index}"><code>${source.file}</code></h2>
<p>${source.object === undefined ? 'Tables, init and exit, written by hand.' : html`Patches ${source.object}${source.unit && html`, compiled as <code>${source.unit}</code>`}.`}</p>
${source.functions.length > 0 && html`<ul>${source.functions.map((one) => html`<li><code>${one.new}</code> (${sizeText(one.size)}) takes the place of <code>${positionText(one)}</code></li>`)}</ul>`}
</section>`;
}

function relocationsSection(report: Report): Markup | undefined {
  if (report.relocations.length === 0) return undefined;
  return html`<section aria-labelledby="relocations">
<h2 id="relocations">KLP relocations</h2>
<p>Symbols that the kernel does not export to this module; the kernel itself resolves them when it loads the livepatch or the patched module.</p>
<div class="scroll" tabindex="0" role="region" aria-label="KLP relocations"><table>
<caption>${plural(report.relocations.length, 'symbol')} by the object that owns them</caption>
<thead><tr><th scope="col">symbol</th><th scope="col">of</th><th scope="col" class="n">sympos</th><th scope="col">for code of</th><th scope="col">used by</th></tr></thead>
<tbody>${report.relocations.map(
    (entry) =>
      html`<tr><th scope="row"><code>${entry.name}</code></th><td>${entry.object}</td><td class="n">${entry.sympos}</td><td>${entry.patched}</td><td>${join(entry.usedBy.map((user) => html`<code>${user}</code>`))}</td></tr>\n`,
  )}</tbody></table></div>
</section>`;
}

function matchSection(report: Report): Markup {
  const rows = report.units.flatMap((unit) =>
    unit.match.verdicts.map(
      (entry) =>
        html`<tr><th scope="row"><code>${unit.source}</code></th><td>${entry.verdict}</td><td class="n">${number(entry.count)}</td></tr>\n`,
    ),
  );
  const aside = report.units.flatMap((unit) =>
    unit.match.aside.map((entry) => html`<li>${unit.source}: ${number(entry.count)} ${entry.what}</li>`),
  );
  const exceptions = report.units.flatMap((unit) =>
    unit.match.exceptions.map(
      (entry) =>
        html`<tr><th scope="row"><code>${entry.name}</code></th><td>${entry.verdict}</td><td>${entry.detail}</td><td><code>${unit.source}</code></td></tr>\n`,
    ),
  );
  return html`<section aria-labelledby="match">
<h2 id="match">Match with the shipped kernel</h2>
${rows.length === 0 && html`<p class="soft">The objects were not compared with the shipped kernel.</p>`}
${
  rows.length > 0 &&
  html`<p>Every function of each unit, compiled without the fix, beside the machine code that was shipped; ${plural(
    report.units.reduce((sum, unit) => sum + unit.match.checked, 0),
    'reference',
  )} led to the same place.</p>
<div class="scroll" tabindex="0" role="region" aria-label="match"><table><caption>Functions by verdict</caption>
<thead><tr><th scope="col">unit</th><th scope="col">verdict</th><th scope="col" class="n">functions</th></tr></thead><tbody>${rows}</tbody></table></div>`
}
${aside.length > 0 && html`<h3>Put aside</h3><p>Differences that are explained, and say nothing about the source:</p><ul>${aside}</ul>`}
${exceptions.length > 0 && html`<h3>Functions that are not the shipped bytes</h3><div class="scroll" tabindex="0" role="region" aria-label="functions that are not the shipped bytes"><table><caption>Each with its explanation</caption><thead><tr><th scope="col">function</th><th scope="col">verdict</th><th scope="col">detail</th><th scope="col">unit</th></tr></thead><tbody>${exceptions}</tbody></table></div>`}
</section>`;
}

function exportsSection(exports: readonly string[]): Markup | undefined {
  if (exports.length === 0) return undefined;
  return html`<section aria-labelledby="exports"><h2 id="exports">Exported symbols used</h2>
<ul class="names">${exports.map((name) => html`<li><code>${name}</code></li>`)}</ul></section>`;
}

function footer(report: Report): Markup {
  return html`<p>${report.tools.length > 0 && html`Made with ${join(report.tools.map((tool) => `${tool.name} ${tool.version}`))}. `}Objects, before and after: ${join(
    report.units.map(
      (unit) =>
        html`${unit.object} <code>${unit.sha256.before.slice(0, 12)}</code> → <code>${unit.sha256.after.slice(0, 12)}</code>`,
    ),
  )}.</p>`;
}
