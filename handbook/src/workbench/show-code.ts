import { make } from './dom.ts';
import type { CodeRow, CodeView } from './protocol.ts';

const marks = {
  same: ['', ''],
  changed: ['≠', 'changed'],
  removed: ['−', 'removed'],
  added: ['+', 'added'],
} as const;

/** Shows code in a dialog of its own; what had the focus gets it back when it is closed. */
export function showCode(host: HTMLElement, code: CodeView): void {
  const lines: { text: string; element: HTMLTableRowElement }[] = [];
  const body = make('tbody');
  for (const row of code.rows) {
    const element = rowOf(row, code.isPair);
    lines.push({ text: `${row.before?.text ?? ''}\n${row.after?.text ?? ''}`.toLowerCase(), element });
    body.append(element);
  }
  const found = make('span', { role: 'status', class: 'found' });
  const find = make('input', { type: 'text', 'aria-label': 'Find in the code', placeholder: 'find' });
  let last = -1;
  const go = (isNext: boolean) => {
    const wanted = find.value.toLowerCase();
    for (const { element } of lines) element.classList.remove('hit', 'here');
    if (wanted === '') {
      found.textContent = '';
      return;
    }
    const hits = lines.flatMap(({ text }, index) => (text.includes(wanted) ? [index] : []));
    for (const index of hits) lines[index].element.classList.add('hit');
    const at = isNext ? hits.find((index) => index > last) : hits[0];
    last = at ?? hits[0] ?? -1;
    found.textContent = hits.length === 0 ? 'not found' : `${hits.indexOf(last) + 1} of ${hits.length}`;
    if (last < 0) return;
    lines[last].element.classList.add('here');
    lines[last].element.scrollIntoView({ block: 'center' });
  };
  find.addEventListener('input', () => go(false));
  find.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    go(true);
  });
  const close = make('button', { type: 'button' }, 'Close');
  const heads = code.isPair
    ? ['offset', 'before', '', 'offset', 'after'].map((text, index) =>
        index === 2
          ? make('th', { scope: 'col' }, make('span', { class: 'sr-only' }, 'difference'))
          : make('th', { scope: 'col' }, text),
      )
    : ['offset', 'instruction'].map((text) => make('th', { scope: 'col' }, text));
  const dialog = make(
    'dialog',
    { class: 'code', 'aria-label': `Code of ${code.title}` },
    make('div', { class: 'bar' }, make('strong', {}, code.title), find, found, close),
    make(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Code of ${code.title}` },
      make(
        'table',
        { class: code.isPair ? 'asm pair' : 'asm' },
        make('caption', {}, code.caption),
        make('thead', {}, make('tr', {}, ...heads)),
        body,
      ),
    ),
  );
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  host.append(dialog);
  dialog.showModal();
  lines.find((_, index) => code.rows[index].kind !== 'same')?.element.scrollIntoView({ block: 'center' });
}

function rowOf({ kind, before, after }: CodeRow, isPair: boolean): HTMLTableRowElement {
  const cells = (cell: CodeRow['before']): HTMLElement[] => [
    make('td', { class: 'offset' }, cell ? `+0x${cell.offset.toString(16)}` : ''),
    make('td', {}, cell?.text ?? ''),
  ];
  if (!isPair) return make('tr', {}, ...cells(after));
  const [sign, word] = marks[kind];
  const middle = make('td', { class: 'mark' });
  if (sign !== '')
    middle.append(make('span', { 'aria-hidden': 'true' }, sign), make('span', { class: 'sr-only' }, word));
  return make('tr', { class: kind }, ...cells(before), middle, ...cells(after));
}
