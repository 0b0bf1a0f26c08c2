/** The parts that a page needs when something else makes the data: markup alone, nothing that reads files. */
export { codeMarkup } from './code.ts';
export { html, type Markup, type Part, trusted } from './markup.ts';
export {
  factsMarkup,
  findingsMarkup,
  rowsMarkup,
  shownText,
  tableMarkup,
  uncheckedMarkup,
} from './show.ts';
export type { Cell, CodeRow, CodeView, FindingView, TableView, Tone, UncheckedView } from './view.ts';
export { hex, number, plural } from './words.ts';
