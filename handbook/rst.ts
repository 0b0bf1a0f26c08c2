/** `npm run handbook:rst`: the pages on livepatching as reStructuredText, in the form of the kernel's Documentation/livepatch/. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { marked, type Token, type Tokens } from 'marked';
import { chapters } from './src/page-list.ts';

const docs = join(import.meta.dirname, 'src/content/docs');
const samples = join(import.meta.dirname, '../samples');

/** Chapters that are about livepatching, not about klpkit, each with what the index says of it: why it is there, and why here. */
const commentary: ReadonlyMap<string, string> = new Map([
  [
    'Concepts',
    'Begin here, whatever you came for. The pages say what the kernel promises while it changes from one code to the other, ' +
      'and what it does not promise: that decides which fixes can be livepatched at all. The history explains why the ' +
      'promise has this form.',
  ],
  [
    'Two ways to create one',
    'The API says how a livepatch module looks, but not where its code comes from. There are two quite different ways: to ' +
      'write it, or to cut it out of two builds. Each has its own traps, and whatever is said further on about symbols and ' +
      'compilers means something else on each. Decide here which one you are on.',
  ],
  [
    'The livepatch API',
    'What a livepatch can ask of the kernel, from a single function to data that outlives a module. The pages build on each ' +
      'other, each with a small module that is booted; the modules in samples/livepatch/ are simpler still. The last page ' +
      'takes together what authors get wrong when they meet it apart: replace, callbacks and states.',
  ],
  [
    'Unexported symbols',
    'New code calls static functions and reads static variables, which modules may not. Looking them up at run time no ' +
      'longer works where indirect branches are tracked, so this is about relocations that the livepatch core resolves: ' +
      'when they are needed, what they look like down to the bytes, and how to name one of several symbols of one name.',
  ],
  [
    'Compiler considerations',
    'A function in the source is not a function in the kernel. What an optimising compiler inlines, clones, splits and ' +
      'concludes decides which functions have to be replaced together. On the source route an author has to know all of ' +
      'it; on the other it explains why a fix of one line replaces ten functions.',
  ],
  [
    'Operating',
    'For those who load what others wrote: before, while and after. A transition that does not end, and a livepatch that ' +
      'turns out to be wrong, have a page of their own, to be read at a bad moment.',
  ],
]);

/** Under titles, from the page's own downwards; the kernel's Documentation/doc-guide/sphinx.rst orders them so. */
const underlines = ['=', '-', '~', '^'];

/**
 * Writes the pages into a folder: `livepatch/index.rst` and what it names.
 *
 * @returns the files, sorted, relative to the folder
 */
export async function writeRst(folder: string): Promise<string[]> {
  const pages = chapters.filter(({ label }) => commentary.has(label));
  const slugs = new Set(pages.flatMap(({ pages }) => pages.map(({ slug }) => slug)));
  const files = new Map<string, string>();
  const heads = new Map<string, { title: string; description: string }>();
  for (const slug of slugs) {
    const text = await readFile(join(docs, `${slug}.mdx`), 'utf8');
    const { title, description, body } = parts(text);
    heads.set(slug, { title, description });
    files.set(`livepatch/${slug}.rst`, pageText(title, await withSamples(body), slugs));
  }
  files.set('livepatch/index.rst', indexText(pages, heads));
  const fresh = `${folder}.${process.pid}.tmp`;
  try {
    for (const [name, text] of files) {
      await mkdir(dirname(join(fresh, name)), { recursive: true });
      await writeFile(join(fresh, name), text);
    }
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return [...files.keys()].sort();
}

/** Front matter apart from what follows it, without the imports of components. */
function parts(text: string): { title: string; description: string; body: string } {
  const [, head = '', rest = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? [];
  const field = (name: string) =>
    (new RegExp(`^${name}: *(.*)$`, 'm').exec(head)?.[1] ?? '')
      .replace(/^(['"])(.*)\1$/, '$2')
      .replaceAll("''", "'");
  const body = rest.replace(/^import .*;?\n/gm, '');
  return { title: field('title'), description: field('description'), body };
}

function indexText(
  pages: readonly { readonly label: string; readonly pages: readonly { readonly slug: string }[] }[],
  heads: ReadonlyMap<string, { title: string; description: string }>,
): string {
  const out = ['.. SPDX-License-Identifier: MIT', '', titled('Kernel livepatching', '='), ''];
  out.push(
    ...wrap(
      'Livepatching replaces functions of the running kernel, without a reboot. These pages lead from the concepts to the two ' +
        'ways of creating a livepatch, through the API, to what the compiler does behind the back of an author, and to the ' +
        'machines that livepatches run on.',
    ),
    '',
    ...wrap(
      'A newcomer reads the chapters in this order, and tries each sample on the way. A reviewer of a livepatch begins with ' +
        ':doc:`the consistency model <concepts/consistency>` and the compiler considerations, since what is missing from a ' +
        'livepatch is never in it. An operator needs the last chapter.',
    ),
    '',
  );
  for (const { label, pages: listed } of pages) {
    out.push(titled(label, '-'), '', ...wrap(escapeText(commentary.get(label) ?? '')), '');
    for (const { slug } of listed) {
      const { title, description } = heads.get(slug) ?? { title: slug, description: '' };
      out.push(`:doc:\`${escapeText(title)} <${slug}>\``, ...wrap(escapeText(description), '    '), '');
    }
    out.push(
      '.. toctree::',
      '   :hidden:',
      '   :maxdepth: 1',
      '',
      ...listed.map(({ slug }) => `   ${slug}`),
      '',
    );
  }
  return `${out.join('\n').trimEnd()}\n`;
}

function titled(text: string, underline: string): string {
  const plain = escapeText(text);
  return `${plain}\n${underline.repeat([...plain].length)}`;
}

function pageText(title: string, body: string, slugs: ReadonlySet<string>): string {
  const tokens = marked.lexer(plainMarkdown(body));
  const writer = new Writer(slugs);
  return `.. SPDX-License-Identifier: MIT\n\n${titled(title, '=')}\n\n${writer.blocks(tokens)}\n`;
}

/** The component that shows a sample, as the block of code that it shows; see components/Sample.astro. */
async function withSamples(body: string): Promise<string> {
  let out = body;
  for (const [tag, attributes] of body.matchAll(/^<Sample\b([^>]*)\/>$/gm)) {
    const value = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
    const file = value('file') ?? '';
    const lines = (await readFile(join(samples, file), 'utf8')).trimEnd().split('\n');
    const from = value('from');
    const to = value('to');
    const first = from === undefined ? 0 : lines.findIndex((line) => line.includes(from));
    const last = to === undefined ? -1 : lines.findIndex((line, at) => at > first && line.includes(to));
    const code = lines.slice(first, last < 0 ? undefined : last).join('\n');
    const language = file.replace(/^.*\./, '').replace(/^h$/, 'c');
    out = out.replace(tag, () => `\`\`\`${language} title="${file}"\n${code.trimEnd()}\n\`\`\``);
  }
  return out;
}

/** Components as text: a diagram gives its description, the others what is inside them. */
function plainMarkdown(body: string): string {
  return body
    .replace(
      /<\w+Diagram\b[\s\S]*?\/>|<TransitionTimeline\b[\s\S]*?\/>/g,
      (tag) => /description="([^"]*)"/.exec(tag)?.[1] ?? '',
    )
    .replace(/^\s*<\/?[A-Z]\w*\b[^>]*>\s*$/gm, '');
}

class Writer {
  readonly #slugs: ReadonlySet<string>;

  constructor(slugs: ReadonlySet<string>) {
    this.#slugs = slugs;
  }

  blocks(tokens: readonly Token[]): string {
    return tokens
      .map((token) => this.#block(token))
      .filter((text) => text !== '')
      .join('\n\n');
  }

  #block(token: Token): string {
    switch (token.type) {
      case 'heading': {
        const { depth, tokens = [] } = token as Tokens.Heading;
        const text = this.#inline(tokens);
        return `${text}\n${(underlines[depth - 1] ?? '^').repeat([...text].length)}`;
      }
      case 'paragraph':
      case 'text': {
        const { tokens, text } = token as Tokens.Paragraph;
        return wrap(tokens ? this.#inline(tokens) : escapeText(text)).join('\n');
      }
      case 'code': {
        const { text, lang = '' } = token as Tokens.Code;
        const language = /^(c|diff|yaml|json|sh|console)\b/.exec(lang)?.[1] ?? 'none';
        const title = /\btitle="([^"]*)"/.exec(lang)?.[1];
        const caption = title === undefined ? '' : `\n   :caption: ${title}`;
        return `.. code-block:: ${language}${caption}\n\n${indent(text === '' ? '…' : text, '   ')}`;
      }
      case 'list': {
        const { ordered, items, start } = token as Tokens.List;
        return items
          .map((item, index) => {
            const mark = ordered ? `${(start || 1) + index}. ` : '- ';
            return mark + indent(this.blocks(item.tokens), ' '.repeat(mark.length)).trimStart();
          })
          .join('\n\n');
      }
      case 'table':
        return this.#table(token as Tokens.Table);
      case 'blockquote':
        return indent(this.blocks((token as Tokens.Blockquote).tokens), '    ');
      case 'hr':
      case 'space':
      case 'html':
        return '';
      default:
        throw new Error(`no reStructuredText for ${token.type}: ${token.raw.slice(0, 60)}`);
    }
  }

  #table({ header, rows }: Tokens.Table): string {
    const line = (cells: readonly Tokens.TableCell[]) =>
      cells
        .map(({ tokens }, index) => `${index === 0 ? '* - ' : '  - '}${this.#inline(tokens)}`.trimEnd())
        .join('\n');
    return [
      `.. list-table::`,
      `   :header-rows: 1`,
      '',
      indent([header, ...rows].map(line).join('\n'), '   '),
    ].join('\n');
  }

  #inline(tokens: readonly Token[]): string {
    let out = '';
    for (const token of tokens) {
      const text = this.#span(token);
      // Markup has to stand apart from letters; an escaped space is none when it is read.
      const isMarkup = token.type !== 'text' && token.type !== 'escape' && token.type !== 'br' && text !== '';
      if (
        out !== '' &&
        ((isMarkup && /[\w`*]$/.test(out)) ||
          (/[`*_]$/.test(out) && !out.endsWith('\\_') && /^\w/.test(text)))
      )
        out += '\\ ';
      out += text;
    }
    return out;
  }

  #span(token: Token): string {
    switch (token.type) {
      case 'codespan':
        return code((token as Tokens.Codespan).text);
      case 'strong':
      case 'em': {
        const mark = token.type === 'strong' ? '**' : '*';
        const { text, tokens } = token as Tokens.Strong;
        // Markup does not nest: code inside of emphasis stays code.
        if (tokens.every(({ type }) => type === 'text' || type === 'escape'))
          return `${mark}${escapeText(decoded(text))}${mark}`;
        return this.#inline(tokens);
      }
      case 'link': {
        const { href, text, tokens } = token as Tokens.Link;
        const slug = href.replace(/^\/|\/(#.*)?$/g, '');
        const plain = escapeText(decoded(text.replaceAll('`', '').replaceAll('*', '')));
        if (this.#slugs.has(slug)) return `:doc:\`${plain} </livepatch/${slug}>\``;
        return /^https?:/.test(href) ? `\`${plain} <${href}>\`__` : this.#inline(tokens);
      }
      case 'br':
        return ' ';
      case 'escape':
      case 'text':
        return 'tokens' in token && token.tokens
          ? this.#inline(token.tokens)
          : escapeText(decoded((token as Tokens.Text).text));
      case 'html':
        return '';
      default:
        return escapeText(token.raw);
    }
  }
}

/** The lexer hands on the entities that stand for the characters of HTML. */
function decoded(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
    '&amp;': '&',
  };
  return text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? entity);
}

function code(text: string): string {
  const plain = decoded(text);
  // A backslash before the closing mark would take it away.
  return plain.trim() === '' || plain.endsWith('\\') ? escapeText(plain) : `\`\`${plain.trim()}\`\``;
}

function escapeText(text: string): string {
  return text
    .replace(/[\\*`|]/g, '\\$&')
    .replace(/(\w)_(?=\W|$)/g, '$1\\_')
    .replace(/(^|\s)_(?=\w)/g, '$1\\_');
}

function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : by + line))
    .join('\n');
}

/** Lines of at most 80 columns, broken at spaces outside of markup. */
function wrap(text: string, by = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replace(/\s*\n\s*/g, ' ').split(' ')) {
    if (
      line !== '' &&
      by.length + line.length + 1 + word.length > 80 &&
      !/^([-*+#]|\d+\.|\.\.)$/.test(word)
    ) {
      lines.push(by + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(by + line);
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(import.meta.dirname, 'rst');
  for (const name of await writeRst(folder)) process.stdout.write(`${name}\n`);
}
