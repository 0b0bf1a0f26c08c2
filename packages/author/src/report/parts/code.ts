import { html, type Markup } from './markup.ts';
import type { CodeCell, CodeRow, CodeView, SourceCell } from './view.ts';
import { plural } from './words.ts';

/** Instructions that are shown on each side of a difference. */
const context = 4;
/** Instructions from which on one looks for words. */
const manyRows = 8;
/** Fewer equal instructions than this are not worth a fold. */
const smallestFold = 4;

/** A stretch of rows that is shown or folded as a whole. */
interface Stretch {
  readonly folded: boolean;
  readonly rows: readonly CodeRow[];
}

/** Cuts the rows of a function into what is near a difference, and equal code that can be folded away. */
function foldEqual(rows: readonly CodeRow[]): Stretch[] {
  const isCode = (row: CodeRow) => row.kind !== 'source';
  const near = new Uint8Array(rows.length);
  const mark = (start: number, step: 1 | -1) => {
    let left = context;
    for (let at = start; at >= 0 && at < rows.length && left > 0; at += step) {
      near[at] = 1;
      if (isCode(rows[at])) left--;
    }
  };
  rows.forEach((row, index) => {
    const edited = row.kind === 'source' && (row.before?.edited || row.after?.edited);
    if ((row.kind === 'same' || row.kind === 'source') && !edited) return;
    near[index] = 1;
    mark(index - 1, -1);
    mark(index + 1, 1);
  });
  // A source line belongs to the instructions below it.
  for (let index = rows.length - 2; index >= 0; index--)
    if (!isCode(rows[index])) near[index] = near[index + 1];
  const stretches: { folded: boolean; rows: CodeRow[] }[] = [];
  rows.forEach((row, index) => {
    const folded = near[index] === 0;
    const last = stretches.at(-1);
    if (last?.folded === folded) last.rows.push(row);
    else stretches.push({ folded, rows: [row] });
  });
  return stretches.map((stretch) =>
    stretch.folded && stretch.rows.filter(isCode).length < smallestFold
      ? { ...stretch, folded: false }
      : stretch,
  );
}

const marks = {
  same: ['', '', ''],
  changed: ['mod', '≠', 'changed'],
  removed: ['del', '−', 'removed'],
  added: ['add', '+', 'added'],
} as const;

/**
 * The code of a function as a table: offset and instruction on the left, a mark, offset and instruction on the right, or one side alone. Equal
 * code can be folded away and words can be found once `behaviour.js` has seen it.
 *
 * @param id unique in the page; a name for the parts of the table
 */
export function codeMarkup({ title, caption, rows, sides }: CodeView, id: string): Markup {
  const code = rows.filter((row) => row.kind !== 'source');
  const has = { before: code.some((row) => row.before), after: code.some((row) => row.after) };
  const isPair = has.before && has.after;
  const offset = html`<th scope="col" class="o">offset</th>`;
  const [left, right] = sides ?? ['before', 'after'];
  const heads = isPair
    ? html`${offset}<th scope="col">${left}</th><th scope="col" class="m"><span class="hide">difference</span></th>${offset}<th scope="col">${right}</th>`
    : html`${offset}<th scope="col">instruction</th>`;
  const columns = isPair
    ? html`<col class="o"><col><col class="m"><col class="o"><col>`
    : html`<col class="o"><col>`;
  const stretches = isPair ? foldEqual(rows) : [{ folded: false, rows }];
  return html`${code.length > manyRows && html`<div class="find" hidden><input type="text" placeholder="find in the code" aria-label="Find in the code of ${title}"> <span class="found" role="status"></span></div>`}
<div class="scroll" tabindex="0" role="region" aria-label="code of ${title}">
<table class="asm${isPair && ' pair'}"><caption>${caption}</caption>
<colgroup>${columns}</colgroup>
<thead><tr>${heads}</tr></thead>
${stretches.map((stretch, index) => stretchMarkup(stretch, `${id}-${index}`, isPair ? undefined : has.before ? 'before' : 'after'))}</table></div>
`;
}

function stretchMarkup(stretch: Stretch, id: string, only: 'before' | 'after' | undefined): Markup {
  const rows = stretch.rows.map((row) => {
    if (row.kind === 'source')
      return only
        ? html`<tr class="s">${sourceCell(row[only])}</tr>\n`
        : html`<tr class="s">${sourceCell(row.before)}<td></td>${sourceCell(row.after)}</tr>\n`;
    return only ? html`<tr>${codeCells(row[only], '')}</tr>\n` : codeRow(row.kind, row.before, row.after);
  });
  if (!stretch.folded) return html`<tbody>${rows}</tbody>\n`;
  const count = plural(stretch.rows.filter((row) => row.kind !== 'source').length, 'equal instruction');
  return html`<tbody class="k"><tr><td colspan="5"><span>${count}</span><button type="button" hidden aria-controls="${id}">${count}</button></td></tr></tbody>
<tbody id="${id}">${rows}</tbody>\n`;
}

function codeRow(
  kind: keyof typeof marks,
  before: CodeCell | undefined,
  after: CodeCell | undefined,
): Markup {
  const [name, sign, word] = marks[kind];
  const middle =
    name === ''
      ? html`<td></td>`
      : html`<td class="m ${name}"><span aria-hidden="true">${sign}</span><span class="hide">${word}</span></td>`;
  return html`<tr>${codeCells(before, name)}${middle}${codeCells(after, name)}</tr>\n`;
}

function codeCells(cell: CodeCell | undefined, name: string): Markup {
  if (!cell) return html`<td></td><td></td>`;
  const offset = `+0x${cell.offset.toString(16)}`;
  return name === ''
    ? html`<td class="o">${offset}</td><td>${cell.text}</td>`
    : html`<td class="o ${name}">${offset}</td><td class="${name}">${cell.text}</td>`;
}

function sourceCell(cell: SourceCell | undefined): Markup {
  if (!cell) return html`<td colspan="2"></td>`;
  const via = cell.via.length > 0 && ` in ${cell.via.join(' → ')}, inlined`;
  const text = cell.text?.replaceAll('\t', '    ') ?? '';
  const edited = cell.edited ? html`<span class="hide"> (edited by the fix)</span>` : undefined;
  return html`<td colspan="2"${cell.edited ? html` class="e"` : undefined}><small>${cell.path}:${cell.line}${via}${edited}</small>${text}</td>`;
}
