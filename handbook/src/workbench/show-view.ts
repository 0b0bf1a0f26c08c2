import { make } from './dom.ts';
import type { Cell, FindingView, GraphView, TableView, View } from './protocol.ts';

/** What the shown view asks for. */
export interface Actions {
  search(table: string, query: string): Promise<TableView>;
  /** Draws who calls whom. */
  graph(): Promise<GraphView>;
  /** Shows the code behind a key. */
  code(key: string): void;
}

/** Rows from which on a table can be searched. */
const manyRows = 12;

/** A view as elements: verdict, facts, findings, tables. */
export function showView(view: View, actions: Actions): HTMLElement[] {
  return [
    make('p', { class: `verdict ${view.verdict.tone}` }, view.verdict.text),
    make(
      'dl',
      { class: 'facts' },
      ...view.facts.map(([label, value]) => make('div', {}, make('dt', {}, label), make('dd', {}, value))),
    ),
    ...(view.findings ? [findings(view.findings, actions)] : []),
    ...(view.unchecked && view.unchecked.length > 0 ? [unchecked(view.unchecked)] : []),
    ...view.tables.map((table, index) => tableSection(table, index < 2, actions)),
    ...(view.hasGraph ? [graphSection(actions)] : []),
  ];
}

const words = { error: 'Error', warning: 'Warning', note: 'Note' } as const;

function findings(list: readonly FindingView[], actions: Actions): HTMLElement {
  const items = list.map((finding) => {
    const { severity, certainty, id, what, why, next, evidence, href, code } = finding;
    const name = href ? make('a', { href }, id) : make('span', {}, id);
    const item = make(
      'li',
      { class: `finding ${severity}` },
      make(
        'p',
        { class: 'what' },
        make('span', { class: `severity ${severity}` }, words[severity]),
        ' ',
        name,
        certainty && certainty !== 'certain' ? ` (${certainty})` : '',
        ': ',
        what,
      ),
      why !== undefined && make('p', {}, make('b', {}, 'Why: '), why),
      next !== undefined && make('p', {}, make('b', {}, 'Next: '), next),
      evidence !== undefined && make('p', { class: 'soft' }, `Rests on ${evidence.join('; ')}`),
    );
    if (code !== undefined) item.append(codeButton('Show the code', code, actions));
    return item;
  });
  return make(
    'section',
    { 'aria-label': 'Findings' },
    make('h3', {}, `Findings (${list.length})`),
    list.length === 0
      ? make('p', { class: 'soft' }, 'None of the rules that could be asked has anything to say.')
      : make('ul', { class: 'findings' }, ...items),
  );
}

function unchecked(list: NonNullable<View['unchecked']>): HTMLElement {
  const count = list.reduce((sum, { ids }) => sum + ids.length, 0);
  return make(
    'details',
    {},
    make('summary', {}, `Not checked here (${count})`),
    make('p', { class: 'soft' }, 'Never to be taken for “not there”. What each would have needed:'),
    make(
      'ul',
      {},
      ...list.map(({ missing, ids }) => {
        const links = ids.flatMap((id, index) => [
          index === 0 ? '' : ', ',
          make('a', { href: `/pitfalls/${id.toLowerCase()}/` }, id),
        ]);
        return make('li', {}, `${missing}: `, ...links);
      }),
    ),
  );
}

/** The graph is drawn when it is opened. */
function graphSection(actions: Actions): HTMLElement {
  const place = make('div', { role: 'status' });
  const details = make(
    'details',
    {},
    make('summary', {}, make('h3', {}, 'Who calls whom, and who holds a copy')),
    place,
  );
  details.addEventListener(
    'toggle',
    async () => {
      place.textContent = 'drawing …';
      try {
        const { svg, words } = await actions.graph();
        const drawn = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
        for (const title of drawn.querySelectorAll('title')) title.remove();
        drawn.setAttribute('role', 'img');
        drawn.setAttribute('aria-label', 'Graph of calls and copies; the list below says the same');
        place.replaceChildren(
          make(
            'p',
            { class: 'soft' },
            'A line is a call, a dashed line a copy that the compiler put inside. Dashed boxes are elsewhere in the kernel, bold ones are what this is about.',
          ),
          make(
            'div',
            {
              class: 'scroll graph',
              tabindex: '0',
              role: 'region',
              'aria-label': 'Graph of calls and copies',
            },
            drawn,
          ),
          make(
            'details',
            {},
            make('summary', {}, 'The same in words'),
            make('ul', {}, ...words.map((line) => make('li', {}, line))),
          ),
        );
      } catch (error) {
        place.textContent = error instanceof Error ? error.message : String(error);
      }
    },
    { once: true },
  );
  return details;
}

function codeButton(text: string, key: string, actions: Actions): HTMLElement {
  const button = make('button', { type: 'button', class: 'link' }, text);
  button.addEventListener('click', () => actions.code(key));
  return button;
}

function tableSection(table: TableView, isOpen: boolean, actions: Actions): HTMLElement {
  const body = make('tbody');
  const shown = make('p', { class: 'soft', role: 'status' });
  const fill = ({ rows, total, all }: TableView) => {
    body.replaceChildren(...rows.map((row) => make('tr', {}, ...row.map((cell) => cellOf(cell, actions)))));
    shown.textContent =
      total > rows.length
        ? `${rows.length} of ${total.toLocaleString('en')} ${total < all ? 'found' : ''} are shown; a search narrows them`
        : total < all
          ? `${total} of ${all.toLocaleString('en')} found`
          : '';
  };
  fill(table);
  const details = make('details', isOpen ? { open: true } : {});
  details.append(make('summary', {}, make('h3', {}, `${table.title} (${table.all.toLocaleString('en')})`)));
  if (table.intro) details.append(make('p', { class: 'soft' }, table.intro));
  if (table.all > manyRows) {
    const input = make('input', {
      type: 'search',
      placeholder: 'search',
      'aria-label': `Search ${table.title}`,
    });
    let asked = 0;
    input.addEventListener('input', async () => {
      const mine = ++asked;
      const found = await actions.search(table.id, input.value).catch(() => undefined);
      // An answer that comes after a later question is old.
      if (found && mine === asked) fill(found);
    });
    details.append(input);
  }
  details.append(
    make(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': table.title },
      make(
        'table',
        {},
        make(
          'thead',
          {},
          make('tr', {}, ...table.columns.map((column) => make('th', { scope: 'col' }, column))),
        ),
        body,
      ),
    ),
    shown,
  );
  return details;
}

function cellOf(cell: Cell, actions: Actions): HTMLElement {
  if (typeof cell === 'string') return make('td', {}, cell);
  const { text, code, href, tone } = cell;
  const inner =
    code !== undefined ? codeButton(text, code, actions) : href ? make('a', { href }, text) : text;
  return make('td', tone ? { class: tone } : {}, inner);
}
