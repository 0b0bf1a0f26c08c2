import { printable } from './words.ts';

/** Text that is HTML already. Only {@link html} makes it, so everything else is escaped on its way into a page. */
class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type { Markup };

/** What may stand in a template of {@link html}: markup as it is, anything else as text; nothing for `undefined` and `false`. */
export type Part = Markup | string | number | undefined | false | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => entities[char]);
}

function render(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return part.map(render).join('');
}

/** A template whose literal text is HTML and whose values are escaped. Attribute values need their quotes in the literal text. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = literals[0];
  parts.forEach((part, index) => {
    text += render(part) + literals[index + 1];
  });
  return new Markup(text);
}

/** Takes text that this package wrote itself (a style sheet, a script) as it is. */
export function trusted(text: string): Markup {
  return new Markup(text);
}
