import type { ObjectModel } from '@klpkit/compare';
import { readElf } from '@klpkit/formats';
import { pitfallOf, readEvidence, replacements } from '@klpkit/pitfalls';
import {
  graphMarkup,
  graphOf,
  html,
  importTable,
  infoTable,
  livepatchTables,
  type Markup,
  objectTables,
  searchTable,
  type Table,
  tableMarkup,
} from './parts/index.ts';

/** Tables of an object that say something of a finished livepatch which the rest of the report does not. */
const telling = new Set(['placement', 'special', 'sections']);

/** The finished module as the workbench shows it: tables, and who calls whom. */
export interface ModulePart {
  readonly markup: Markup;
  /** Ids of its parts with words for a list of links. */
  readonly links: readonly (readonly [id: string, text: string])[];
}

/**
 * Reads a finished livepatch back for the report.
 *
 * @param anchors where the page has the code of a function, by its name in the kernel
 */
export function modulePart(ko: Uint8Array, anchors: ReadonlyMap<string, string>): ModulePart {
  const elf = readElf(ko);
  const { livepatch, model } = readEvidence('', ko, elf);
  const oldNames = new Map(
    replacements(livepatch).flatMap(({ oldName, newSymbol }) =>
      newSymbol === undefined ? [] : [[newSymbol, oldName] as const],
    ),
  );
  const code = (key: string, text: string) => {
    const name = model?.pieces[Number(key)]?.name ?? text;
    const anchor = anchors.get(oldNames.get(name) ?? name);
    return anchor === undefined ? html`<code>${text}</code>` : html`<a href="${anchor}">${text}</a>`;
  };
  const tables = [
    ...livepatchTables({ bytes: ko, livepatch, ...(model ? { model } : {}) }),
    importTable(livepatch),
    ...(model ? objectTables(model).filter(({ id }) => telling.has(id)) : []),
    infoTable(elf),
  ].filter(({ count }) => count > 0);
  const isOpen = (table: Table, index: number) => index < 2 || table.id === 'relocations';
  const graph = model && graphOf(model, markedOf(model, [...oldNames.keys()]));
  return {
    links: [
      ...tables.map(({ id, title }) => [`table-${id}`, title] as const),
      ...(graph ? [['graph', 'Who calls whom'] as const] : []),
    ],
    markup: html`<section aria-labelledby="module">
<h2 id="module">What is in the module</h2>
${tables.map((table, index) => tableMarkup(searchTable(table, '', table.count), isOpen(table, index), code))}
${
  graph &&
  html`<details id="graph" open><summary><h3>Who calls whom, and who holds a copy</h3></summary>
${graphMarkup(graph)}</details>`
}
</section>`,
  };
}

function markedOf(model: ObjectModel, symbols: readonly string[]): Set<string> {
  return new Set(symbols.flatMap((symbol) => model.named(symbol).map(({ name }) => name)));
}

/** The pitfalls that findings name, for a page that can lead nowhere else: what happens and what to do. */
export function pitfallNotes(findings: readonly { readonly id: string }[]): {
  readonly markup: Markup | undefined;
  readonly ids: ReadonlySet<string>;
} {
  const named = [...new Set(findings.map(({ id }) => id))].sort().flatMap((id) => pitfallOf(id) ?? []);
  const ids = new Set(named.map(({ id }) => id));
  if (named.length === 0) return { markup: undefined, ids };
  return {
    ids,
    markup: html`<h3>The pitfalls behind them</h3>
<dl class="facts">${named.map(({ id, title, statement, safeWay }) => html`<div><dt id="${id}">${id}</dt><dd><b>${title}.</b> ${statement} ${safeWay} <span class="soft">All of it: <code>klpkit explain ${id}</code></span></dd></div>`)}</dl>`,
  };
}
