import { stripVTControlCharacters } from 'node:util';
import { marked, type Token, type Tokens } from 'marked';
import type { Role } from './context.ts';

/** How a page is put on a terminal. */
export interface MarkdownOptions {
  /** Columns. */
  readonly width: number;
  readonly paint: (role: Role, text: string) => string;
}

/** A page of the handbook as text for a terminal: headings, paragraphs, lists, code and tables; no more is used there. */
export function renderMarkdown(page: string, options: MarkdownOptions): string {
  const blocks = marked.lexer(page).flatMap((token) => block(token, options, ''));
  return `${blocks
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

function block(token: Token, options: MarkdownOptions, indent: string): string[] {
  const { paint } = options;
  switch (token.type) {
    case 'heading': {
      const { depth } = token as Tokens.Heading;
      const text = inline(token, options);
      return ['', paint('heading', depth === 1 ? text.toUpperCase() : text), ''];
    }
    case 'paragraph':
    case 'text':
      return [...wrap(inline(token, options), options.width, indent), ''];
    case 'code':
      return [
        ...(token as Tokens.Code).text
          .split('\n')
          .map((line) => `${indent}    ${line.startsWith('$ ') ? paint('name', line) : line}`),
        '',
      ];
    case 'list': {
      const { items, ordered, start } = token as Tokens.List;
      return [
        ...items.flatMap((item, index) => {
          const mark = ordered ? `${Number(start) + index}.` : '-';
          const lines = item.tokens
            .flatMap((child) => block(child, options, `${indent}  `))
            .filter((line) => line !== '');
          const [first = '', ...rest] = lines;
          return [`${indent}${mark} ${first.trimStart()}`, ...rest];
        }),
        '',
      ];
    }
    case 'table': {
      const { header, rows } = token as Tokens.Table;
      const cells = [header, ...rows].map((row) => row.map((cell) => inline(cell, options)));
      const widths = header.map((_, column) =>
        Math.max(...cells.map((row) => visible(row[column] ?? '').length)),
      );
      const line = (row: string[]) =>
        `${indent}${row.map((cell, column) => cell + ' '.repeat(widths[column] - visible(cell).length)).join('  ')}`.trimEnd();
      return [...cells.map((row, index) => (index === 0 ? paint('heading', line(row)) : line(row))), ''];
    }
    case 'blockquote':
      return ((token as Tokens.Blockquote).tokens ?? []).flatMap((child) =>
        block(child, options, `${indent}| `),
      );
    default:
      return [];
  }
}

function inline(token: Token | Tokens.TableCell, options: MarkdownOptions): string {
  const children = 'tokens' in token ? token.tokens : undefined;
  if (!children) return plain('text' in token ? token.text : '');
  return children
    .map((child) => {
      switch (child.type) {
        case 'codespan':
          return options.paint('name', plain((child as Tokens.Codespan).text));
        case 'strong':
          return options.paint('heading', inline(child, options));
        case 'link': {
          const { href } = child as Tokens.Link;
          const text = inline(child, options);
          return text === href ? text : `${text} (${href})`;
        }
        case 'br':
          return '\n';
        default:
          return inline(child, options);
      }
    })
    .join('')
    .replaceAll('\n', ' ');
}

/** The lexer leaves what stands for a character of HTML as it is. */
function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

const visible = (text: string) => stripVTControlCharacters(text);

function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  let length = indent.length;
  for (const word of text.split(/ +/)) {
    const size = visible(word).length;
    if (length > indent.length && length + 1 + size > width) {
      lines.push(line);
      line = indent;
      length = indent.length;
    }
    line += (length > indent.length ? ' ' : '') + word;
    length += (length > indent.length ? 1 : 0) + size;
  }
  lines.push(line);
  return lines;
}
