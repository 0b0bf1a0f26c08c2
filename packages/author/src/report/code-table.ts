import type { CodeCell, DetailRow, FunctionDetails, SourceCell } from './details.ts';
import { html, type Markup } from './markup.ts';
import { plural } from './words.ts';

/** Instructions that are shown on each side of a difference. */
const context = 4;
/** Fewer equal instructions than this are not worth a fold. */
const smallestFold = 4;

/** A stretch of rows that is shown or folded as a whole. */
interface Stretch {
  readonly folded: boolean;
  readonly rows: readonly DetailRow[];
}

/** Cuts the rows of a function into what is near a difference, and equal code that can be folded away. */
function foldEqual(rows: readonly DetailRow[]): Stretch[] {
  const isCode = (row: DetailRow) => row.kind !== 'source';
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
  const stretches: { folded: boolean; rows: DetailRow[] }[] = [];
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
 * The code of a function before and after as one table: offset and instruction on the left, a mark, offset and instruction on the right.
 *
 * @param id unique in the page; a name for the parts of the table
 */
export function codeTable(details: FunctionDetails, id: string): Markup {
  const code = details.rows.filter((row) => row.kind !== 'source');
  const sides = [code.some((row) => row.before) && 'before', code.some((row) => row.after) && 'after'].filter(
    (side) => side !== false,
  );
  const differing = code.filter((row) => row.kind !== 'same').length;
  const caption =
    sides.length === 2
      ? `${details.name} before and after the fix: ${differing === 0 ? 'every row is equal' : `${plural(differing, 'row')} of ${code.length} differ`}`
      : `${details.name}, which is only there ${sides[0]} the fix`;
  const stretches = sides.length === 2 ? foldEqual(details.rows) : [{ folded: false, rows: details.rows }];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="code of ${details.name}">
<table class="asm"><caption>${caption}</caption>
<colgroup><col class="o"><col><col class="m"><col class="o"><col></colgroup>
<thead><tr><th scope="col" class="o">offset</th><th scope="col">before</th><th scope="col" class="m"><span class="hide">difference</span></th><th scope="col" class="o">offset</th><th scope="col">after</th></tr></thead>
${stretches.map((stretch, index) => stretchMarkup(stretch, `${id}-${index}`))}</table></div>
`;
}

function stretchMarkup(stretch: Stretch, id: string): Markup {
  const rows = stretch.rows.map((row) =>
    row.kind === 'source' ? sourceRow(row.before, row.after) : codeRow(row.kind, row.before, row.after),
  );
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
  const cells = (cell: CodeCell | undefined): Markup =>
    cell
      ? name === ''
        ? html`<td class="o">${hex(cell.offset)}</td><td>${cell.text}</td>`
        : html`<td class="o ${name}">${hex(cell.offset)}</td><td class="${name}">${cell.text}</td>`
      : html`<td></td><td></td>`;
  const middle =
    name === ''
      ? html`<td></td>`
      : html`<td class="m ${name}"><span aria-hidden="true">${sign}</span><span class="hide">${word}</span></td>`;
  return html`<tr>${cells(before)}${middle}${cells(after)}</tr>\n`;
}

function sourceRow(before: SourceCell | undefined, after: SourceCell | undefined): Markup {
  return html`<tr class="s">${sourceCell(before)}<td></td>${sourceCell(after)}</tr>\n`;
}

function sourceCell(cell: SourceCell | undefined): Markup {
  if (!cell) return html`<td colspan="2"></td>`;
  const via = cell.via.length > 0 && ` in ${cell.via.join(' → ')}, inlined`;
  const text = cell.text?.replaceAll('\t', '    ') ?? '';
  const edited = cell.edited ? html`<span class="hide"> (edited by the fix)</span>` : undefined;
  return html`<td colspan="2"${cell.edited ? html` class="e"` : undefined}><small>${cell.path}:${cell.line}${via}${edited}</small>${text}</td>`;
}

function hex(offset: number): string {
  return `+0x${offset.toString(16)}`;
}
