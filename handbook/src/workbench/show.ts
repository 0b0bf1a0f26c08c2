import { liven } from '../../../packages/author/src/report/parts/behaviour.js';
import {
  type CodeView,
  codeMarkup,
  factsMarkup,
  findingsMarkup,
  html,
  type Markup,
  rowsMarkup,
  shownText,
  tableMarkup,
  uncheckedMarkup,
} from '../../../packages/author/src/report/parts/page.ts';
import type { Client } from './client.ts';
import { pageOf } from './opened.ts';
import type { View } from './protocol.ts';

/** Markup as elements. What a file says was escaped when the markup was made. */
export function elementsOf({ text }: Pick<Markup, 'text'>): DocumentFragment {
  const template = document.createElement('template');
  template.innerHTML = text;
  return template.content;
}

/** A view as elements: verdict, facts, findings, tables, graph. Buttons with `data-code` are left to whoever listens above. */
export function showView(view: View, client: Client): DocumentFragment {
  const shown = elementsOf(html`<p class="verdict ${view.verdict.tone}">${view.verdict.text}</p>
${factsMarkup(view.facts)}
${view.findings && html`<section aria-label="Findings"><h3>Findings (${view.findings.length})</h3>${findingsMarkup(view.findings)}</section>`}
${view.unchecked && uncheckedMarkup(view.unchecked, pageOf)}
${view.tables.map((table, index) => tableMarkup(table, index < 2))}
${view.hasGraph && html`<details class="calls"><summary><h3>Who calls whom, and who holds a copy</h3></summary><div role="status"></div></details>`}`);
  liven(shown, async (id, query) => {
    const found = await client.search(id, query).catch(() => undefined);
    return found && { rows: rowsMarkup(found).text, shown: shownText(found) };
  });
  const calls = shown.querySelector('details.calls');
  // The graph is drawn when it is opened.
  calls?.addEventListener('toggle', () => drawGraph(calls.querySelector('div') as HTMLElement, client), {
    once: true,
  });
  return shown;
}

async function drawGraph(place: HTMLElement, client: Client): Promise<void> {
  place.textContent = 'drawing …';
  try {
    place.replaceChildren(elementsOf({ text: await client.graph() }));
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error);
  }
}

/** Shows code in a dialog of its own; what had the focus gets it back when it is closed. */
export function showCode(host: HTMLElement, code: CodeView): void {
  const dialog = document.createElement('dialog');
  dialog.className = 'code';
  dialog.setAttribute('aria-label', `Code of ${code.title}`);
  dialog.append(
    elementsOf(html`<div class="bar"><strong>${code.title}</strong><button type="button">Close</button></div>
${codeMarkup(code, 'code')}`),
  );
  const [bar, find] = [dialog.querySelector('.bar'), dialog.querySelector('.find')];
  liven(dialog);
  if (find) bar?.querySelector('strong')?.after(find);
  dialog.querySelector('button')?.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  host.append(dialog);
  dialog.showModal();
  dialog.querySelector<HTMLElement>('.find input')?.focus();
  dialog.querySelector('td.mod, td.del, td.add')?.scrollIntoView({ block: 'center', inline: 'nearest' });
}
