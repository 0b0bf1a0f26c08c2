import { html, type Markup, type Part } from './markup.ts';
import type { Cell, FindingView, TableView, UncheckedView } from './view.ts';
import { number } from './words.ts';

/** Rows from which on a table can be searched. */
const manyRows = 12;

/** How code behind a key is reached: from a button whose `data-code` is the key, or by a link. */
export type CodeLink = (key: string, text: string) => Part;

/** Code is shown by whoever listens to buttons with `data-code`. */
export const codeButton: CodeLink = (key, text) =>
  html`<button type="button" class="link" data-code="${key}">${text}</button>`;

const words = { error: 'Error', warning: 'Warning', note: 'Note' } as const;

/** Findings, worst first, each with the page of its pitfall. */
export function findingsMarkup(findings: readonly FindingView[], code: CodeLink = codeButton): Markup {
  if (findings.length === 0)
    return html`<p class="soft">None of the rules that could be asked has anything to say.</p>`;
  return html`<ul class="findings">
${findings.map((finding) => {
  const { severity, certainty, id, what, why, next, evidence, href, at, overridden } = finding;
  const where = [at?.unit ?? at?.file, at?.line, at?.symbol].filter((part) => part !== undefined).join(':');
  return html`<li class="finding ${severity}"><p class="what"><span class="severity ${severity}">${words[severity]}</span> ${href === undefined ? id : html`<a href="${href}">${id}</a>`}${certainty && certainty !== 'certain' && ` (${certainty})`}${overridden && ', overridden by the author'}: ${what}</p>
${where && html`<p class="soft">At <code>${where}</code></p>`}
${why && html`<p><b>Why:</b> ${why}</p>`}
${next && html`<p><b>Next:</b> ${next}</p>`}
${evidence && html`<p class="soft">Rests on ${evidence.join('; ')}</p>`}
${finding.code !== undefined && code(finding.code, 'Show the code')}</li>
`;
})}</ul>`;
}

/** What was not looked for, and what each would have needed. */
export function uncheckedMarkup(
  list: readonly UncheckedView[],
  page: (id: string) => string | undefined,
): Markup | undefined {
  if (list.length === 0) return undefined;
  const link = (id: string) => {
    const href = page(id);
    return href === undefined ? id : html`<a href="${href}">${id}</a>`;
  };
  return html`<details class="unchecked"><summary>Not checked here (${new Set(list.flatMap(({ ids }) => ids)).size})</summary>
<p class="soft">Never to be taken for “not there”. What each would have needed:</p>
<ul>${list.map(({ missing, ids }) => html`<li>${missing}${ids.length > 0 && html`: ${ids.map((id, index) => html`${index > 0 && ', '}${link(id)}`)}`}</li>`)}</ul></details>`;
}

/** A table that can be opened and searched. The search waits for a script. */
export function tableMarkup(table: TableView, isOpen: boolean, code: CodeLink = codeButton): Markup {
  const { id, title, intro, columns, all } = table;
  return html`<details class="table" id="table-${id}"${isOpen && html` open`}><summary><h3>${title} (${number(all)})</h3></summary>
${intro && html`<p class="soft">${intro}</p>`}
${all > manyRows && html`<p class="search" hidden><input type="search" placeholder="search" aria-label="Search ${title}" data-search="${id}"></p>`}
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>${rowsMarkup(table, code)}</tbody></table></div>
<p class="soft shown" role="status">${shownText(table)}</p></details>
`;
}

/** The rows of a table as far as they are shown. */
export function rowsMarkup({ rows }: Pick<TableView, 'rows'>, code: CodeLink = codeButton): Markup {
  return html`${rows.map((row) => html`<tr>${row.map((cell) => cellMarkup(cell, code))}</tr>\n`)}`;
}

/** How many rows are shown; nothing when that is all of them. */
export function shownText({ rows, total, all }: TableView): string {
  if (total > rows.length)
    return `${number(rows.length)} of ${number(total)} ${total < all ? 'found' : ''} are shown; a search narrows them`;
  return total < all ? `${number(total)} of ${number(all)} found` : '';
}

function cellMarkup(cell: Cell, code: CodeLink): Markup {
  if (typeof cell === 'string') return html`<td>${cell}</td>`;
  const { text, code: key, tone } = cell;
  return html`<td${tone && html` class="${tone}"`}>${key === undefined ? text : code(key, text)}</td>`;
}

/** Names and values. */
export function factsMarkup(facts: readonly (readonly [label: string, value: Part])[]): Markup {
  return html`<dl class="facts">${facts.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}
